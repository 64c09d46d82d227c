"""The scheduled batch: bring collections to what PostgreSQL holds, all from one snapshot, writing what differs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import comparison, snapshot, write_lock, writing
from retail_pipeline.mirror.client import WRITER, Client, connect, mirror
from retail_pipeline.settings import Settings
from retail_pipeline.tables import GREEN, MONGO_DATABASE, Flow, Table


@dataclass(frozen=True)
class Change:
    """What a refresh did to one collection; `swapped` where it was rebuilt because so much differed.

    `refused` are the documents that MongoDB does not take, which are left out.
    """

    documents: int
    written: int
    deleted: int
    swapped: bool = False
    refused: tuple[writing.Refused, ...] = ()


def refresh(
    settings: Settings, tables: Sequence[Table] = GREEN, *, limit: int = writing.TRANSACTION_LIMIT
) -> dict[str, Change]:
    """Bring the collections of `tables` to one snapshot of PostgreSQL; return what was done by collection.

    Up to `limit` differences are written in one transaction over all collections. A table beyond it is rebuilt
    and swapped in. A document that MongoDB refuses is left out, and all others are written. Streamed tables are
    refused: the stream would put an older change over a newer document.
    """
    streamed = [table.name for table in tables if table.flow is not Flow.GREEN]
    if streamed:
        raise MirrorError(
            f"{', '.join(streamed)}: not refreshed in batch, the stream writes there.",
            "use `retail-pipeline repair` for a streamed table",
        )
    with write_lock.hold(settings), snapshot.take(settings) as now, connect(settings, WRITER) as client:
        database = mirror(client)
        writing.ensure_collections(database, [table.name for table in tables])
        changes: dict[str, Change] = {}
        wanted: dict[str, list[comparison.Difference]] = {}
        for table in tables:
            found = _differences(client, now, table, limit)
            if found is None:
                filled = writing.fill_next(database, table.name, now.documents(table))
                writing.swap(database, table.name)
                count = filled.documents
                changes[table.name] = Change(count, count, 0, swapped=True, refused=filled.refused)
            else:
                wanted[table.name], changes[table.name] = found
                limit -= len(wanted[table.name])
        refused = writing.apply(client, MONGO_DATABASE, wanted)
    for name in wanted:
        of_table = tuple(one for one in refused if one.collection == name)
        change = changes[name]
        changes[name] = replace(change, written=change.written - len(of_table), refused=of_table)
    return changes


def _differences(
    client: Client, now: snapshot.Snapshot, table: Table, limit: int
) -> tuple[list[comparison.Difference], Change] | None:
    """Return in what a collection differs and what that amounts to; None where it is more than `limit`."""
    counter = comparison.Counter()
    present = comparison.stored(mirror(client)[table.name])
    found = list(itertools.islice(comparison.differences(now.documents(table), present, table.key, counter), limit + 1))
    if len(found) > limit:
        return None
    return found, Change(counter.wanted, counter.missing + counter.different, counter.extra)
