"""Dagster's storage keeps its connections, and does without those that the server ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy import event
from sqlalchemy.pool import Pool

from retail_pipeline.settings import INFRA, Settings
from retail_pipeline.warehouse.connection import connect_dsn

_EVENTS = 20
_PLAIN = {"postgres": {"postgres_url": {"env": "RETAIL_DAGSTER_DSN"}}}


@pytest.fixture(name="address")
def _address(postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    address = postgres_settings.require("dagster_dsn")
    monkeypatch.setenv("RETAIL_DAGSTER_DSN", address)
    return address


def _opened(folder: Path, storage: object | None = None) -> dg.DagsterInstance:
    """Open an instance with the storage of dagster.yaml, or another."""
    configured = yaml.safe_load((INFRA / "dagster.yaml").read_text())["storage"]
    (folder / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage or configured}))
    return dg.DagsterInstance.from_config(str(folder))


@contextmanager
def _connections() -> Iterator[list[object]]:
    """Collect the connections that SQLAlchemy makes."""
    made: list[object] = []

    def count(connection: object, _: object) -> None:
        made.append(connection)

    event.listen(Pool, "connect", count)
    try:
        yield made
    finally:
        event.remove(Pool, "connect", count)


def _write(instance: dg.DagsterInstance) -> None:
    for number in range(_EVENTS):
        instance.report_runless_asset_event(dg.AssetObservation("storage", metadata={"number": number}))


@pytest.mark.usefixtures("address")
def test_events_and_instances_share_the_connections_of_their_process(tmp_path: Path) -> None:
    with _opened(tmp_path) as first:
        _write(first)
        with _connections() as made:
            _write(first)
            for _ in range(_EVENTS):
                with dg.DagsterInstance.from_ref(first.get_ref()) as instance:
                    instance.get_runs_count()
        assert made == []


@pytest.mark.usefixtures("address")
def test_without_the_pool_each_event_would_make_a_connection(tmp_path: Path) -> None:
    with _opened(tmp_path, _PLAIN) as instance, _connections() as made:
        _write(instance)

    assert len(made) >= _EVENTS


def test_a_connection_that_the_server_ended_is_replaced(tmp_path: Path, address: str) -> None:
    with _opened(tmp_path) as instance:
        _write(instance)
        with connect_dsn(address, autocommit=True) as session, session.cursor() as cursor:
            cursor.execute(
                "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            ((ended,),) = cursor.fetchall()
        assert ended > 0
        begun = time.time()

        _write(instance)
        [latest] = instance.fetch_observations(dg.AssetKey("storage"), limit=1).records

    assert latest.event_log_entry.timestamp >= begun
