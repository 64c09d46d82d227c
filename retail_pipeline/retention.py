"""How long does Dagster keep what sensors report? Observations and check results are removed once they are old.

Dagster removes ticks by `retention` in dagster.yaml, and nothing else by itself. What belongs to a run stays with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from retail_pipeline.settings import SQL
from retail_pipeline.warehouse.connection import connect_dsn

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

DAYS = 14
# So many rows a transaction: some milliseconds, in which nothing waits for it.
ROWS = 2_000
_EVENTS, _CHECKS = "event_logs", "asset_check_executions"
_PIECES = (
    (_CHECKS, "purge_checks.sql", ""),
    (_EVENTS, "purge_events.sql", "ASSET_OBSERVATION"),
    (_EVENTS, "purge_events.sql", "ASSET_CHECK_EVALUATION"),
)


def purge(address: str, days: float = DAYS, report: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Remove observations and check results that are older than so many days; return how many, by table.

    The latest of each asset and check stays. Each piece is a transaction, so a purge that is ended goes on the next
    time where it was. It costs what it removes, whatever else is kept.
    """
    before = (datetime.now(UTC) - timedelta(days=days)).replace(tzinfo=None)
    counts = {_EVENTS: 0, _CHECKS: 0}
    with connect_dsn(address, autocommit=True) as session, session.cursor() as cursor:
        kept = _kept(cursor)
        for table, script, event_type in _PIECES:
            statement = (SQL / "dagster" / script).read_text()
            asked = {"before": before.isoformat(), "event_type": event_type, "rows": str(ROWS), "kept": kept[table]}
            reached: int | None = 0
            while reached is not None:
                for name, value in (asked | {"after": str(reached)}).items():
                    cursor.execute("select set_config(%s, %s, false)", (f"retention.{name}", value))
                cursor.execute(statement)
                ((reached, removed),) = cursor.fetchall()
                counts[table] += removed
            report(f"{counts[table]:,} rows of {table} removed")
    return counts


def _kept(cursor: Cursor) -> dict[str, str]:
    """Return what stays however old it is: the ids by table."""
    cursor.execute((SQL / "dagster" / "kept.sql").read_text())
    found = cursor.fetchall()
    return {
        table: ",".join(str(number) for name, number in found if name == table and number) or "0"
        for table in (_EVENTS, _CHECKS)
    }
