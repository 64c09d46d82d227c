"""What did a load come to? Its account as the ledger has it, and how many rows the tables have."""

from __future__ import annotations

import time
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.tables import BUSINESS, SLOT
from retail_pipeline.warehouse.connection import one

# Half of what the sinks applied from a backlog when it was measured on two cores, see docs/benchmarks.md.
STREAMED_PER_SECOND = 4_500


def streaming_seconds(changes: int) -> float:
    """Return how long so many changes take to MongoDB, at most, while the stream has nothing else to do."""
    return changes / STREAMED_PER_SECOND


def note_seconds(cursor: Cursor, file_id: int, started: float) -> None:
    """Note in the ledger how long the load has taken up to now, since `started` on the monotonic clock."""
    cursor.execute("update retail.files set seconds = %s where file_id = %s", (time.monotonic() - started, file_id))


def read(cursor: Cursor, file_id: int) -> dict[str, Any]:
    """Return what was counted, for the report."""
    cursor.execute(
        "select conflicts, warnings, streamed_changes, "
        "exists (select from pg_replication_slots where slot_name = %s and database = current_database()) "
        "from retail.files where file_id = %s",
        (SLOT, file_id),
    )
    conflicts, warnings, changes, is_streaming = one(cursor)
    return {
        "conflicts": conflicts,
        "warnings": warnings,
        "tables": tables(cursor),
        "streamed_changes": changes,
        "expected_lag_seconds": streaming_seconds(changes) if is_streaming else 0.0,
    }


def tables(cursor: Cursor) -> dict[str, int]:
    """Count the rows of each business table."""
    counts: dict[str, int] = {}
    for table in BUSINESS:
        cursor.execute(f"select count(*) from {table.qualified}")  # noqa: S608 - a declared name
        counts[table.name] = one(cursor)[0]
    return counts
