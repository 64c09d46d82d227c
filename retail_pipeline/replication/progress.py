"""Has MongoDB what was committed up to a moment? Until then what differs may be on its way."""

from __future__ import annotations

import time

from retail_pipeline.replication import lag
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, SLOT
from retail_pipeline.warehouse.connection import READER, connect

# A stream that takes longer to pass a mark is late: of it a comparison says nothing, and what differs is on its way.
ON_TIME = 5.0
_PAUSE = 0.5
_PASSED = """
select confirmed_flush_lsn >= %s::pg_lsn
from pg_replication_slots
where slot_name = %s and database = current_database()
"""


def current_lsn(settings: Settings) -> str:
    """Return the position in PostgreSQL's log of everything that is committed by now."""
    with connect(settings, READER, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_current_wal_lsn()::text")
        (lsn,) = cursor.fetchone() or ("0/0",)
    return str(lsn)


def late_tables(settings: Settings) -> list[str]:
    """Name the streamed tables of which MongoDB lacks, seconds later, something that is committed by now."""
    return lagging_tables(settings, current_lsn(settings), ON_TIME)


def wait_until_applied(settings: Settings, lsn: str, within: float) -> bool:
    """Wait for at most so many seconds until the stream has carried all up to a position to MongoDB."""
    return not lagging_tables(settings, lsn, within)


def lagging_tables(settings: Settings, lsn: str, within: float) -> list[str]:
    """Wait as `wait_until_applied` does; name the streamed tables that lack something up to the position.

    Kafka has it once Debezium has confirmed it to the slot, and MongoDB once each sink has committed what was in its
    topic then. Through a slot that is gone or never was nothing is on its way.
    """
    until = time.monotonic() + within
    ends: dict[tuple[str, int], int] | None = None
    while True:
        behind = {table.topic for table in RED}
        if ends is None:
            confirmed = _confirmed(settings, lsn)
            if confirmed is None:
                return []
            if confirmed:
                ends = {(one.topic, one.partition): one.end_offset for one in lag.positions(settings)}
        if ends is not None:
            behind = _behind(settings, ends)
        if not behind or time.monotonic() + _PAUSE > until:
            return [table.name for table in RED if table.topic in behind]
        time.sleep(_PAUSE)


def _confirmed(settings: Settings, lsn: str) -> bool | None:
    with connect(settings, READER, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(_PASSED, (lsn, SLOT))
        row = cursor.fetchone()
    return bool(row[0]) if row else None


def _behind(settings: Settings, ends: dict[tuple[str, int], int]) -> set[str]:
    """Name the topics whose sinks have not committed up to these ends."""
    reached = {(one.topic, one.partition): one.committed_offset for one in lag.positions(settings)}
    return {topic for (topic, partition), end in ends.items() if (reached.get((topic, partition)) or 0) < end}
