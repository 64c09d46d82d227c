"""The benches of stream and mirror run from end to end on a small company, and notice what makes figures worthless."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.bench import cdc, cdc_arrivals, cdc_drain, cdc_sides, initial_load, verify
from retail_pipeline.bench.cdc_generator import Plan
from retail_pipeline.bench.database import BenchError
from retail_pipeline.bench.result import Result
from retail_pipeline.mirror import client, fidelity, initial_snapshot
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MONGO_DATABASE

CDC = cdc.Sizes(
    stores=2,
    products=20,
    lines=60,
    rates=((20, 2),),
    predecessor_rate=20,
    predecessor_seconds=1,
    lead_in=1,
    late=60,
    warm_up=20,
    warm_up_rate=20,
    warm_ups=1,
    rounds=1,
    backlog=2_000,
)
INITIAL_LOAD = initial_load.Sizes(stores=3, products=10, lines=900, rounds=1)
VERIFY = verify.Sizes(stores=3, products=10, lines=900, rounds=1, planted=2)

REAL_DURABILITY = {"fsync": "on", "synchronous_commit": "on", "mongodb_write_concern": "majority, journal"}


def _durability(result: Result) -> dict[str, str]:
    return {name: result.durability[name] for name in REAL_DURABILITY}


@pytest.fixture(name="soon_judged")
def _soon_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for less before a difference is one: nothing is on its way that could still change it."""
    monkeypatch.setattr(fidelity, "verify", partial(fidelity.verify, grace_seconds=2))


def _spoil(settings: Settings) -> None:
    """Take one document away, as a stream that loses something would."""
    with client.connect(settings, client.administrator(settings)) as mongo:
        assert mongo[MONGO_DATABASE]["transaction_details"].delete_one({}).deleted_count == 1


def test_cdc_sees_every_sale_of_three_ways_and_drains_a_backlog(stack_settings: Settings) -> None:
    result = cdc.measure(stack_settings, print, CDC)

    assert result.faults == []
    assert [one.name for one in result.comparisons] == [
        "20 sales/s, p50",
        "20 sales/s, p99",
        "20 sales/s, p50, predecessor",
        "drain of a backlog",
    ]
    sides = [result.details[f"20/s, {side}"] for side in ("ours", "floor", "predecessor")]
    assert [side["late_or_lost"] for side in sides] == [0, 0, 0]
    assert [side["sales"] for side in sides] == [40, 40, 20]
    assert result.details["backlog"]["rows"] == CDC.backlog
    assert _durability(result) == REAL_DURABILITY


@pytest.mark.usefixtures("soon_judged")
def test_cdc_tells_of_a_stream_that_lost_a_document(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def drain_and_lose(ours: cdc_sides.Ours, *_: Any) -> cdc_drain.Drained:
        _spoil(ours.site.settings)
        return cdc_drain.Drained(ours=[1.0], baseline=[1.0])

    monkeypatch.setattr(cdc_drain, "measure", drain_and_lose)

    result = cdc.measure(stack_settings, print, replace(CDC, rates=(), predecessor_seconds=0))

    assert ["1 missing" in fault for fault in result.faults] == [True]


def test_cdc_refuses_a_generator_that_cannot_sell(stack_settings: Settings, tmp_path: Path) -> None:
    nothing_to_sell = Plan([stack_settings.require("postgres_dsn")], 1, 1, 1, 1, str(tmp_path / "journal"))

    with (
        client.connect(stack_settings, client.administrator(stack_settings)) as mongo,
        cdc_arrivals.watch(mongo[MONGO_DATABASE]) as watch,
        pytest.raises(BenchError, match="generator of sales failed"),
    ):
        cdc.sell(nothing_to_sell, watch)


def test_initial_load_ends_up_equal_both_ways(stack_settings: Settings) -> None:
    result = initial_load.measure(stack_settings, print, INITIAL_LOAD)

    assert result.faults == []
    assert [len(one.ours) for one in result.comparisons] == [1, 1]
    assert _durability(result) == REAL_DURABILITY


@pytest.mark.usefixtures("soon_judged")
def test_initial_load_tells_of_a_load_that_lost_a_document(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = initial_snapshot.take

    def load_and_lose(settings: Settings, **options: Any) -> initial_snapshot.SnapshotReport:
        report = load(settings, **options)
        _spoil(settings)
        return report

    monkeypatch.setattr(initial_snapshot, "take", load_and_lose)

    result = initial_load.measure(stack_settings, print, INITIAL_LOAD)

    assert ["after the initial snapshot" in fault for fault in result.faults] == [True]


def test_verify_finds_what_the_download_finds(stack_settings: Settings) -> None:
    result = verify.measure(stack_settings, print, VERIFY)

    assert result.faults == []
    assert result.details["compared"]["rows"] > VERIFY.lines
    assert _durability(result) == REAL_DURABILITY


def test_verify_tells_of_a_download_that_looks_at_less(
    stack_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    differing = verify.differing
    monkeypatch.setattr(verify, "differing", lambda *arguments: set(list(differing(*arguments))[1:]))

    result = verify.measure(stack_settings, print, VERIFY)

    assert result.faults == ["the download: 5 differences, not 6"]
