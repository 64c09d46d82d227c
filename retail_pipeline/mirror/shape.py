"""Do the documents have the columns that their tables have now? ALTER TABLE sends no event for the rows that are there.

A new column with a default, one that is gone and one of a wider type show in new events alone, so the documents of
before are compared and rewritten, beside the stream and while sales go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pymongo.collection import Collection

from retail_pipeline.mirror import repair
from retail_pipeline.mirror.client import ANALYST, STATE, WRITER, Document, connect, mirror
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, Table

_ID = "columns"


def columns(table: Table) -> list[str]:
    """Say of each column, in the table's order, what it is called and what it holds."""
    return [f"{column.name} {column.type}{' null' if column.nullable else ''}" for column in table.columns]


def changed(settings: Settings) -> list[Table]:
    """Return the streamed tables whose documents were last known equal when the table had other columns."""
    with connect(settings, ANALYST) as client:
        known = mirror(client)[STATE].find_one({"_id": _ID}) or {}
    return [table for table in RED if known.get(table.name) != columns(table)]


def follow(settings: Settings, report: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Rewrite what has not the columns of its table; return how many documents that were, by table.

    Raises CouldNotTellError where a server does not answer; what was interrupted is done again by the next call.
    """
    tables = changed(settings)
    if not tables:
        return {}
    report(f"The columns of {', '.join(table.name for table in tables)} are others than before.")
    done = repair.repair(settings, tables, report=report)
    if done.after.equal:
        with connect(settings, WRITER) as client:
            remember(mirror(client)[STATE], tables)
    return {name: count for name, count in done.written.items() if count}


def remember(states: Collection[Document], tables: Sequence[Table]) -> None:
    """Note that the documents of these tables have the columns that are declared now."""
    found = {table.name: columns(table) for table in tables}
    states.update_one({"_id": _ID}, {"$set": found}, upsert=True)
