"""The initial snapshot: every collection filled from the snapshot at which the stream begins.

The slot is made first and exports a snapshot. What was committed before it is in the snapshot and comes by bulk
inserts; what is committed after it waits in the slot and comes by the stream. So nothing is missing and nothing is
older than it should be, while sales go on.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import client, continuity, shape, snapshot, write_lock, writing
from retail_pipeline.mirror.client import STATE, WRITER, connect, mirror
from retail_pipeline.mirror.continuity import COMPLETE, LOADING
from retail_pipeline.replication import connectors, publication, slot
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, RED, Table

Say = Callable[[str], None]
EVERYTHING, RED_ONLY = "every collection", "streamed collections"
_NEXT = "run the job initial_load, which fills the collections from a new slot's snapshot"


@dataclass(frozen=True)
class SnapshotReport:
    """What the initial snapshot did: rows by table and the stream's first LSN; no rows where it was complete.

    `copy_seconds` are those of `seconds` from the slot's snapshot to the collections in their places. `refused` are the
    documents that MongoDB did not take.
    """

    loaded: bool
    reason: str
    lsn: str
    rows: dict[str, int]
    seconds: float
    copy_seconds: float = 0.0
    refused: tuple[writing.Refused, ...] = ()

    def as_text(self) -> str:
        """Say it in a line."""
        if not self.loaded:
            return "nothing to do: the stream can go on"
        return f"found: {self.reason}; wrote {sum(self.rows.values()):,} documents in {self.seconds:.1f} s"

    def as_metadata(self) -> dict[str, Any]:
        """Return what Dagster shows of it."""
        return {
            "loaded": self.loaded,
            "reason": self.reason,
            "slot_lsn": self.lsn,
            "rows": sum(self.rows.values()),
            "rows_by_table": self.rows,
            "seconds": round(self.seconds, 3),
        } | writing.told(self.refused)


def take(settings: Settings, report: Say = lambda _: None, *, force: bool = False) -> SnapshotReport:
    """Fill the collections and start the stream; nothing, where that was done and the stream can still go on.

    Where the stream cannot go on because slot, topics or servers are others, or the slot was moved, a re-snapshot
    fills the streamed collections from a new slot. It also takes the documents of rows deleted meanwhile. Every
    collection is filled where it was never done, and with `force`. What was interrupted starts over. Collections stay
    readable as they were until their successors are complete.
    """
    started = time.monotonic()
    for made in client.provision(settings):
        report(f"MongoDB: made {made}.")
    with write_lock.hold(settings, report):
        before = continuity.state(settings)
        reason = "asked for" if force else continuity.reason(settings, before)
        if not reason:
            connectors.register(settings)
            return SnapshotReport(
                loaded=False, reason="complete", lsn=before["lsn"], rows={}, seconds=time.monotonic() - started
            )
        report(f"Initial snapshot: {reason}.")
        unfinished = before["state"] != COMPLETE and before.get("scope") != RED_ONLY
        tables = MIRRORED if force or unfinished else RED
        lsn, filled, copy_seconds = _copy(settings, report, tables)
    return SnapshotReport(
        loaded=True,
        reason=reason,
        lsn=lsn,
        rows={name: one.documents for name, one in filled.items()},
        seconds=time.monotonic() - started,
        copy_seconds=copy_seconds,
        refused=tuple(refused for one in filled.values() for refused in one.refused),
    )


def register(settings: Settings, report: Say = lambda _: None) -> dict[str, dict[str, Any]]:
    """Register the connectors as declared, and return the state of each; never beside a snapshot.

    A sink that began in the middle of one would write into a collection that is about to be replaced, and commit that.

    Raises MirrorError where the stream cannot go on.
    """
    with write_lock.hold(settings, report):
        if reason := continuity.reason(settings, continuity.state(settings)):
            raise MirrorError(f"No connector is registered, for the stream cannot go on: {reason}.", _NEXT)
        return connectors.register(settings)


def _copy(settings: Settings, report: Say, tables: Sequence[Table]) -> tuple[str, dict[str, writing.Filled], float]:
    """Stop the stream, load from a new slot's snapshot, start the stream from the slot."""
    with connect(settings, WRITER) as opened:
        begun = {"started_at": dt.datetime.now(dt.UTC), "scope": RED_ONLY if tables is RED else EVERYTHING}
        continuity.remember(opened, begun | {"state": LOADING})
        publication.ensure(settings)
        # Old changes first: none of them may arrive after the documents of the new snapshot.
        connectors.halt(settings)
        beginning = continuity.beginning(settings)
        with slot.create(settings) as made, snapshot.take(settings, made.snapshot) as now:
            report(f"Slot {made.slot} begins at {made.lsn}.")
            began = time.monotonic()
            continuity.remember(opened, begun | {"state": LOADING, "lsn": made.lsn})
            filled = {}
            for table in tables:
                filled[table.name] = one = writing.fill_next(mirror(opened), table.name, now.documents(table))
                report(f"{table.name}: {one.documents:,} documents.")
                for refused in one.refused[: writing.TOLD]:
                    report(f"Left out: {refused}.")
        for table in tables:
            writing.swap(mirror(opened), table.name)
        copy_seconds = time.monotonic() - began
        report("Collections are in place; starting the stream.")
        connectors.register(settings)
        done = {
            "state": COMPLETE,
            "completed_at": dt.datetime.now(dt.UTC),
            "lsn": made.lsn,
            "rows": {name: one.documents for name, one in filled.items()},
        }
        shape.remember(mirror(opened)[STATE], RED)
        continuity.remember(opened, begun | beginning | done)
    return made.lsn, filled, copy_seconds
