"""What can happen to the slot? Dropped, moved on, and made to retain more WAL than it may."""

from __future__ import annotations

from contextlib import suppress

import psycopg2

from retail_pipeline import status
from retail_pipeline.healing import health
from retail_pipeline.replication import connectors, slot
from retail_pipeline.tables import SLOT
from retail_pipeline_tests.faults.injections import cut, joined, started, stopped
from retail_pipeline_tests.faults.memory import MB
from retail_pipeline_tests.faults.testbed import Testbed, until

_SOON = 60.0
# What a slot may retain in a night; a deployment gives it gigabytes, and it fills within hours as this does in seconds.
NIGHT_MB = 256
_FULL = 0.82
_STEP_MB = 4
_FILLER = """
create table if not exists fault_suite.filler (number bigserial primary key, filler text not null);
alter table fault_suite.filler alter column filler set storage external;
"""


def slot_dropped(testbed: Testbed) -> None:
    """Drop the slot, whoever reads it."""

    def dropped() -> bool:
        testbed.ask("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
        with suppress(psycopg2.errors.ObjectInUse):
            testbed.ask("select pg_drop_replication_slot(%s)", SLOT)
            return True
        return False

    until(dropped, "the slot is dropped", _SOON)


def slot_invalidated(testbed: Testbed) -> None:
    """Write more WAL than the slot may retain while nobody can read it."""
    cut("postgres")(testbed)
    limit_wal(testbed, "32MB")

    def lost() -> bool:
        testbed.ask(
            "select count(pg_logical_emit_message(false, 'fault', repeat('x', 1000000))) from generate_series(1, 40)"
        )
        testbed.ask("checkpoint")
        return _is_lost(testbed)

    until(lost, "the slot is lost", _SOON)


def limit_restored(testbed: Testbed) -> None:
    """Restore the slot's limit, and let Debezium reach PostgreSQL again."""
    limit_wal(testbed, None)
    joined("postgres")(testbed)


def limit_wal(testbed: Testbed, size: str | None) -> None:
    """Let the slot retain so much WAL; None: as much as before."""
    what = f"set max_slot_wal_keep_size = '{size}'" if size else "reset max_slot_wal_keep_size"
    testbed.ask(f"alter system {what}")
    testbed.ask("select pg_reload_conf()")


def slot_moved_on(testbed: Testbed) -> None:
    """Wake PostgreSQL, and move the slot past changes that Debezium has not read."""
    testbed.resume("postgres")
    until(lambda: testbed.answers("postgres"), "PostgreSQL answers", _SOON)
    slot_moved_past(testbed)
    source_resumed(testbed)


def slot_moved_past(testbed: Testbed) -> None:
    """Stop Debezium and move the slot past changes that it has not read, as who wants to get rid of WAL might."""
    with testbed.connect() as client:
        client.stop(connectors.SOURCE)
    _move_on(testbed)


def source_resumed(testbed: Testbed) -> None:
    """Let Debezium go on."""
    with testbed.connect() as client:
        client.resume(connectors.SOURCE)


def slot_taken_on(testbed: Testbed) -> None:
    """Do that while Kafka Connect stands still: its connection is closed from the other end."""
    testbed.ask("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
    _move_on(testbed)


def _move_on(testbed: Testbed) -> None:
    testbed.more_changes(20)
    until(lambda: not testbed.ask("select 1 from pg_replication_slots where active"), "nobody reads the slot", _SOON)
    testbed.ask("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", SLOT)


# Nights


def stopped_for_a_night(testbed: Testbed) -> None:
    """Stop Kafka Connect while the company writes on, until the slot retains nearly what it may; somebody is told."""
    stopped("connect")(testbed)
    limit_wal(testbed, f"{NIGHT_MB}MB")
    # A night's sales wait in the slot: each sale once more, and what is written beside them.
    testbed.ask("update retail.transactions set stockout = stockout")
    testbed.ask(_FILLER)
    while _retained(testbed) < _FULL:
        _write(testbed, _STEP_MB)
    testbed.ask("checkpoint")
    _is_alarmed(testbed)


def stopped_for_longer(testbed: Testbed) -> None:
    """Let the same go on until the slot is lost."""
    stopped_for_a_night(testbed)

    def lost() -> bool:
        _write(testbed, NIGHT_MB // 4)
        testbed.ask("checkpoint")
        return _is_lost(testbed)

    until(lost, "the slot is lost", _SOON)


def half_the_limit(testbed: Testbed) -> None:
    """Let the slot retain half of what it holds already."""
    limit_wal(testbed, f"{NIGHT_MB // 2}MB")

    def lost() -> bool:
        _write(testbed, _STEP_MB)
        testbed.ask("checkpoint")
        return _is_lost(testbed)

    until(lost, "the slot is lost", _SOON)


def begun_again(testbed: Testbed) -> None:
    """Start Kafka Connect in the morning; the limit stays as it is."""
    started("connect")(testbed)


def limit_reset(testbed: Testbed) -> None:
    """Restore the slot's limit."""
    limit_wal(testbed, None)


def _write(testbed: Testbed, megabytes: int) -> None:
    """Write so much WAL of a table that does not stream."""
    testbed.ask(
        "insert into fault_suite.filler (filler) select repeat('x', 1048576) from generate_series(1, %s)", megabytes
    )
    testbed.ask("truncate fault_suite.filler")


def _retained(testbed: Testbed) -> float:
    found = slot.health(testbed.settings)
    assert found is not None
    return found.retained_bytes / (NIGHT_MB * MB)


def _is_lost(testbed: Testbed) -> bool:
    return testbed.ask("select 1 from pg_replication_slots where slot_name = %s and wal_status = 'lost'", SLOT) != []


def _is_alarmed(testbed: Testbed) -> None:
    """See that sensors and `status` tell of it before the slot is lost."""
    settings = testbed.settings
    found = health.problems(health.observe(settings), connectors.configurations(settings))
    assert any(problem.subject == "WAL" and problem.severity is health.Severity.ERROR for problem in found), found
    # Beside it stands that nobody reads the slot.
    lines = [line for line in status.measure(settings).stream if "of WAL are retained" in line.detail]
    assert [(line.ok, SLOT in line.name) for line in lines] == [(False, True)], lines
    assert not _is_lost(testbed)
