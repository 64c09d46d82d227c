"""Has MongoDB what was committed up to a moment? Until then what differs may be on its way."""

from __future__ import annotations

import time

from retail_pipeline.replication import lag
from retail_pipeline.settings import Settings
from retail_pipeline.tables import SLOT
from retail_pipeline.warehouse.connection import READER, connect

# A stream that takes longer to pass a mark is late: of it a comparison says nothing, and what differs is on its way.
ON_TIME = 5.0
_PAUSE = 0.5
_PASSED = """
select confirmed_flush_lsn >= %s::pg_lsn
from pg_replication_slots
where slot_name = %s and database = current_database()
"""


def mark(settings: Settings) -> str:
    """Give the position in PostgreSQL's log of everything that is committed by now."""
    with connect(settings, READER, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_current_wal_lsn()::text")
        (lsn,) = cursor.fetchone() or ("0/0",)
    return str(lsn)


def is_on_time(settings: Settings) -> bool:
    """Whether MongoDB has, within seconds, what is committed by now."""
    return has_passed(settings, mark(settings), ON_TIME)


def has_passed(settings: Settings, lsn: str, within: float) -> bool:
    """Wait for at most so many seconds until the stream has carried all up to a position to MongoDB.

    Kafka has it once Debezium has confirmed it to the slot, and MongoDB once each sink has committed what was in its
    topic then. Through a slot that is gone or never was nothing is on its way.
    """
    until = time.monotonic() + within
    ends: dict[tuple[str, int], int] | None = None
    while True:
        if ends is None:
            confirmed = _confirmed(settings, lsn)
            if confirmed is None:
                return True
            if confirmed:
                ends = {(one.topic, one.partition): one.end_offset for one in lag.positions(settings)}
        if ends is not None and _committed(settings, ends):
            return True
        if time.monotonic() + _PAUSE > until:
            return False
        time.sleep(_PAUSE)


def _confirmed(settings: Settings, lsn: str) -> bool | None:
    with connect(settings, READER, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(_PASSED, (lsn, SLOT))
        row = cursor.fetchone()
    return bool(row[0]) if row else None


def _committed(settings: Settings, ends: dict[tuple[str, int], int]) -> bool:
    reached = {(one.topic, one.partition): one.committed_offset for one in lag.positions(settings)}
    return all((reached.get(place) or 0) >= end for place, end in ends.items())
