"""What sensors reported long ago goes, in small pieces; what is the latest, is young or belongs to a run stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from retail_pipeline import retention
from retail_pipeline.settings import SQL, Settings
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline_tests.integration.shop import rows, run

KEY = dg.AssetKey(["kafka", "inventory"])
QUIET = dg.AssetKey(["kafka", "quiet"])
# An event and a check result each quarter of an hour of a year, as copies of those that Dagster wrote.
_YEAR = """
insert into event_logs (run_id, event, dagster_event_type, timestamp, asset_key)
select e.run_id, e.event, e.dagster_event_type, now() at time zone 'utc' - n * interval '15 minutes', e.asset_key
from event_logs as e, generate_series(96 * 365, 1, -1) as n
where e.id in (select max(id) from event_logs group by dagster_event_type)
order by n desc, e.id;
insert into asset_check_executions (
    asset_key, check_name, run_id, execution_status, evaluation_event, evaluation_event_timestamp,
    evaluation_event_storage_id, create_timestamp
)
select c.asset_key, c.check_name, c.run_id, c.execution_status, c.evaluation_event, e.timestamp, e.id, e.timestamp
from asset_check_executions as c
inner join event_logs as e on e.dagster_event_type = 'ASSET_CHECK_EVALUATION'
where c.id = 1
order by e.id
"""


@pytest.fixture(name="address")
def _address(postgres_settings: Settings) -> Iterator[str]:
    """Return an empty database for Dagster's storage."""
    whole = postgres_settings.require("postgres_dsn")
    name = "dagster_retention"
    with connect_dsn(whole, autocommit=True) as session:
        run(session, f"drop database if exists {name} with (force)")
        run(session, f"create database {name}")
    yield psycopg2.extensions.make_dsn(whole, dbname=name)
    with connect_dsn(whole, autocommit=True) as session:
        run(session, f"drop database {name} with (force)")


@pytest.fixture(name="instance")
def _instance(postgres_settings: Settings, address: str, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Return an instance with a year of events."""
    del address
    url = postgres_settings.require("postgres_dsn").rpartition("/")[0] + "/dagster_retention"
    (tmp_path / "dagster.yaml").write_text(f"storage:\n  postgres:\n    postgres_url: {url!r}\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetObservation(QUIET))
        instance.report_runless_asset_event(dg.AssetObservation(KEY))
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=KEY, check_name="consumer_lag", passed=True, metadata={})
        )
        yield instance


def _counts(address: str) -> dict[str, int]:
    with connect_dsn(address) as session:
        found = rows(
            session,
            "select dagster_event_type, count(*) from event_logs group by 1"
            " union all select 'executions', count(*) from asset_check_executions",
        )
    return dict(found)


def test_of_a_year_the_last_days_stay_and_the_latest_of_each(address: str, instance: dg.DagsterInstance) -> None:
    with connect_dsn(address, autocommit=True) as session:
        for statement in _YEAR.split(";"):
            run(session, statement)
        # Long ago, and nothing since.
        run(session, "update event_logs set timestamp = timestamp - interval '2 years' where asset_key like '%quiet%'")
        run(
            session,
            "insert into event_logs (run_id, event, dagster_event_type, timestamp, asset_key) select 'of a run', event,"
            " dagster_event_type, timestamp - interval '300 days', asset_key from event_logs where id = 2",
        )
    before = _counts(address)
    assert min(before.values()) > 96 * 365

    counts = retention.purge(address)

    after = _counts(address)
    kept = 96 * retention.DAYS
    # One more is the latest of before the year; of observations also that of the quiet asset, and that of a run.
    assert kept <= after["ASSET_CHECK_EVALUATION"] <= kept + 2
    assert kept <= after["executions"] <= kept + 2
    assert kept + 2 <= after["ASSET_OBSERVATION"] <= kept + 4
    assert sum(counts.values()) == sum(before.values()) - sum(after.values())
    assert instance.fetch_observations(QUIET, limit=1).records
    with connect_dsn(address) as session:
        assert rows(session, "select count(*) from event_logs where run_id = 'of a run'") == [(1,)]
    assert retention.purge(address) == {"event_logs": 0, "asset_check_executions": 0}


def test_a_purge_that_is_ended_goes_on_and_removes_a_piece_a_transaction(
    address: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    del instance
    with connect_dsn(address, autocommit=True) as session:
        for statement in _YEAR.split(";"):
            run(session, statement)
    monkeypatch.setattr(retention, "ROWS", 100)
    whole = _counts(address)["executions"]

    class _EndedError(Exception):
        """Somebody ended it."""

    def ended(_: str) -> None:
        raise _EndedError

    with pytest.raises(_EndedError):
        retention.purge(address, days=retention.DAYS, report=ended)

    after = _counts(address)
    assert after["executions"] < whole
    assert after["ASSET_OBSERVATION"] > 96 * 365
    monkeypatch.setattr(retention, "ROWS", 10_000)
    retention.purge(address)
    assert _counts(address)["ASSET_OBSERVATION"] < 96 * (retention.DAYS + 1)


def test_a_piece_is_found_by_an_index(address: str, instance: dg.DagsterInstance) -> None:
    del instance
    asked = {"event_type": "ASSET_OBSERVATION", "after": "0", "rows": "10", "before": "2024-01-01", "kept": "0"}
    with connect_dsn(address, autocommit=True) as session:
        run(session, "set enable_seqscan = off")
        for name, value in asked.items():
            run(session, "select set_config(%s, %s, false)", f"retention.{name}", value)
        plan = rows(session, f"explain {(SQL / 'dagster' / 'purge_events.sql').read_text()}")

    assert "idx_event_type" in str(plan)
