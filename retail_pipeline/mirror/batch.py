"""The scheduled batch: bring collections to what PostgreSQL holds, all from one snapshot, writing what differs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import comparison, snapshot, writing
from retail_pipeline.mirror.client import WRITER, Client, connect, mirror
from retail_pipeline.settings import Settings
from retail_pipeline.tables import GREEN, MONGO_DATABASE, Flow, Table


@dataclass(frozen=True)
class Change:
    """What a refresh did to one collection; `swapped` where it was built anew because so much differed."""

    documents: int
    written: int
    deleted: int
    swapped: bool = False


def refresh(
    settings: Settings, tables: Sequence[Table] = GREEN, *, limit: int = writing.TRANSACTION_LIMIT
) -> dict[str, Change]:
    """Bring the collections of `tables` to one snapshot of PostgreSQL; give what was done by collection.

    Up to `limit` differences are written in one transaction over all collections. A table beyond it is built anew
    and swapped in. Streamed tables are refused: the stream would put an older change over a newer document.
    """
    streamed = [table.name for table in tables if table.flow is not Flow.GREEN]
    if streamed:
        raise MirrorError(
            f"{', '.join(streamed)}: not refreshed in batch, the stream writes there.",
            "use `retail-pipeline repair` for a streamed table",
        )
    with snapshot.alone(settings), snapshot.take(settings) as now, connect(settings, WRITER) as client:
        database = mirror(client)
        writing.ensure_collections(database, [table.name for table in tables])
        changes: dict[str, Change] = {}
        operations: dict[str, list[writing.Write]] = {}
        for table in tables:
            found = _differences(client, now, table, limit)
            if found is None:
                written = writing.fill_next(database, table.name, now.documents(table))
                writing.swap(database, table.name)
                changes[table.name] = Change(written, written, 0, swapped=True)
            else:
                operations[table.name], changes[table.name] = found
                limit -= len(operations[table.name])
        writing.apply(client, MONGO_DATABASE, operations)
    return changes


def _differences(
    client: Client, now: snapshot.Snapshot, table: Table, limit: int
) -> tuple[list[writing.Write], Change] | None:
    """Give the writes that a collection needs and what they amount to; None where they are more than `limit`."""
    counter = comparison.Counter()
    present = comparison.stored(mirror(client)[table.name])
    found = list(itertools.islice(comparison.differences(now.documents(table), present, table.key, counter), limit + 1))
    if len(found) > limit:
        return None
    operations = [write for difference in found for write in writing.writes(difference)]
    return operations, Change(counter.wanted, counter.missing + counter.different, counter.extra)
