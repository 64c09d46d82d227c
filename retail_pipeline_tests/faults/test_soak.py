"""An hour of sales under faults ends in equality, and neither memory nor retained WAL only grows."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import asdict

import pytest

from retail_pipeline_tests.faults import soak as soaks
from retail_pipeline_tests.faults import soak_report as report
from retail_pipeline_tests.faults.memory import MB, Sample
from retail_pipeline_tests.faults.soak import PROCESSES, Injected, Soak
from retail_pipeline_tests.faults.testbed import Testbed

_MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))


@pytest.mark.soak
@pytest.mark.timeout((_MINUTES + 60) * 60)
def test_an_hour_under_faults(sound: Testbed, pytestconfig: pytest.Config) -> None:
    seed = int(os.environ.get("SOAK_SEED", random.randrange(10_000)))  # noqa: S311  it is told
    print(f"A soak of {_MINUTES:.0f} minutes; SOAK_SEED={seed} has it again.", flush=True)
    sound.healing(on=True)
    with sound.at_risk():
        soak = soaks.run(sound, _MINUTES, seed)
        if pytestconfig.cache:  # a slope alone does not tell why
            pytestconfig.cache.set(
                "soak/memory", {name: list(map(asdict, found)) for name, found in soak.memory.items()}
            )
        print(report.as_text(soak), flush=True)
        assert not soak.failure
        assert soak.found.equal, soak.found.sentence()
    if _MINUTES < report.TOLD_FROM_MINUTES:
        return
    report.DOCUMENT.write_text(report.as_text(soak))
    assert [one for one in report.growths(soak) if not one.is_bounded] == []
    assert report.retained(soak).is_bounded


def _soak(grown: float) -> Soak:
    """Return an hour in which every process grows by so many MB."""
    soak = Soak(seed=7, seconds=3600, wal_written=1000 * MB, equal_after=12)
    moments = range(0, 3600, 60)
    for name in PROCESSES:
        soak.memory[name] = [Sample(at, "a", 999 + at, int((300 + grown * at / 3600) * MB), MB) for at in moments]
    soak.retained = soak.memory["kafka"]
    soak.journal.kinds = Counter(sale=360_000, several_sales=2, void=10)
    soak.journal.touched = 2_000_000
    soak.injected = [
        Injected("Slot dropped", 60, 7.4, 12.2),
        Injected("Slot dropped", 90, 9.6, 11.0),
        Injected("mongod killed", 100, 2.0),
        Injected("Broker killed", 120, 0, None, "not injected"),
    ]
    return soak


def test_what_keeps_nothing_is_within_its_bounds() -> None:
    soak = _soak(grown=1)

    assert all(one.is_bounded for one in report.growths(soak))
    assert report.retained(soak).is_bounded
    assert soak.sales == 360_006


def test_a_leak_is_out_of_bounds() -> None:
    soak = _soak(grown=80)

    assert not any(one.is_bounded for one in report.growths(soak))
    assert "| supervisor | 1 | 379 MB | +80.0 | **+80.0** | 30 |" in report.as_text(soak)
    assert not report.retained(soak).is_bounded


def test_the_report_tells_figures_bounds_and_faults() -> None:
    text = report.as_text(_soak(grown=1))

    assert "| Slot dropped | 2 | 10 s | 12 s |" in text
    assert "| mongod killed | 1 | 2 s | not before the next fault |" in text
    assert "after 1 of them changes that" in text
    assert "| Kafka broker, without free heap, code and buffers | 1 | 301 MB | +1.0 | +1.0 | 46 |" in text
    assert "seed 7" in text
    assert "- 3 faults, 2 of " in text
    assert "Broker killed" not in text


def test_of_what_never_lived_long_nothing_is_claimed() -> None:
    soak = _soak(grown=1)
    soak.memory["kafka"] = []

    assert [one.name for one in report.growths(soak) if not one.is_bounded] == ["kafka"]
    assert "no long life" in report.as_text(soak)
