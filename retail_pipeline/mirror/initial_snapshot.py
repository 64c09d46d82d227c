"""The initial snapshot: every collection filled from the snapshot at which the stream begins.

The slot is made first and exports a snapshot. What was committed before it is in the snapshot and comes by bulk
inserts; what is committed after it waits in the slot and comes by the stream. So nothing is missing and nothing is
older than it should be, while sales go on.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from retail_pipeline.errors import MirrorError, ReplicationError
from retail_pipeline.mirror import client, shape, snapshot, write_lock, writing
from retail_pipeline.mirror.client import STATE, WRITER, connect, mirror
from retail_pipeline.replication import connectors, lag, publication, slot, topics
from retail_pipeline.replication.kafka import MONITOR
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, RED, STREAM_PUBLICATION, Table

Say = Callable[[str], None]
Document = dict[str, Any]

NONE, LOADING, COMPLETE = "none", "loading", "complete"
EVERYTHING, RED_ONLY = "every collection", "streamed collections"
_ID = "initial_load"
_CONNECT_TIMEOUT = 5.0
_SLOT_ADVANCED = "the slot was moved past changes that Debezium had not read"
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


@dataclass(frozen=True)
class SnapshotState:
    """How far the initial snapshot is, why a new one is needed if it is, and whether the write lock is held."""

    state: str
    reason: str
    is_locked: bool


def look(settings: Settings) -> SnapshotState:
    """Return whether the stream can go on from where it is; also while Kafka Connect does not answer.

    That the slot was moved is written down, for it cannot be seen any more once Debezium has gone on.
    """
    before = state(settings)
    reason = _why(settings, before, in_haste=True)
    if reason == _SLOT_ADVANCED and "passed_over" not in before:
        with connect(settings, WRITER) as opened:
            # A snapshot that was taken meanwhile has another slot.
            made = {"_id": _ID, "state": COMPLETE, "lsn": before["lsn"]}
            mirror(opened)[STATE].update_one(made, {"$set": {"passed_over": True}})
    return SnapshotState(str(before["state"]), reason, write_lock.is_held(settings))


def state(settings: Settings) -> Document:
    """Return how far the initial snapshot is: its document in `mirror_state`, or one that says none."""
    with connect(settings, client.ANALYST) as opened:
        return mirror(opened)[STATE].find_one({"_id": _ID}) or {"_id": _ID, "state": NONE}


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
        before = state(settings)
        reason = "asked for" if force else _why(settings, before)
        if not reason:
            connectors.register(settings)
            return SnapshotReport(
                loaded=False, reason="complete", lsn=before["lsn"], rows={}, seconds=time.monotonic() - started
            )
        report(f"Initial load: {reason}.")
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
        if reason := _why(settings, state(settings)):
            raise MirrorError(f"No connector is registered, for the stream cannot go on: {reason}.", _NEXT)
        return connectors.register(settings)


def _why(settings: Settings, before: Document, *, in_haste: bool = False) -> str:
    """Say why the collections must be loaded; nothing where the stream can go on, or, in haste, Connect is silent."""
    if before["state"] == NONE:
        return "never done on this MongoDB"
    if before["state"] != COMPLETE:
        return "the last one was interrupted"
    health = slot.health(settings)
    if health is None or not health.usable:
        return f"the slot is {health.state if health else 'gone'}, and with it the changes since"
    if reason := _of_kafka(settings, before) or _of_postgresql(settings, before):
        return reason
    moved = "passed_over" in before or _slot_advanced_past_source(settings, health.confirmed_lsn, in_haste=in_haste)
    return _SLOT_ADVANCED if moved else ""


def _of_kafka(settings: Settings, before: Document) -> str:
    """Say what of Kafka is another one than when the stream began, or has lost changes."""
    with topics.administrator(settings, MONITOR) as kafka:
        cluster, found = topics.identity(kafka)
        gaps = lag.gaps(kafka, [table for table in RED if table.name in found])
    if before["kafka"] != cluster:
        return "Kafka is another one than the changes since went to"
    if others := [table.topic for table in RED if before.get("topics", {}).get(table.name) != found.get(table.name)]:
        return f"the topics {', '.join(others)} are gone or were re-created, and with them went the changes since"
    if gaps:
        return f"the topics {', '.join(gaps)} have lost changes that their sinks had not read"
    return ""


def _of_postgresql(settings: Settings, before: Document) -> str:
    """Say what of PostgreSQL is another one than when the stream began, and may have kept changes from it."""
    then, now = before.get("postgresql", {}), publication.identity(settings)
    if then.get("server") != now["server"]:
        return "PostgreSQL is another one, or was restored or promoted since"
    if then.get("publication") != now["publication"]:
        return f"the publication {STREAM_PUBLICATION} was changed, and what it left out meanwhile is missing"
    return ""


def _slot_advanced_past_source(settings: Settings, confirmed_lsn: str, *, in_haste: bool) -> bool:
    if not in_haste:
        return connectors.slot_advanced_past_source(settings, confirmed_lsn)
    with suppress(ReplicationError):
        return connectors.slot_advanced_past_source(settings, confirmed_lsn, _CONNECT_TIMEOUT)
    return False


def _copy(settings: Settings, report: Say, tables: Sequence[Table]) -> tuple[str, dict[str, writing.Filled], float]:
    """Stop the stream, load from a new slot's snapshot, start the stream from the slot."""
    with connect(settings, WRITER) as opened:
        states = mirror(opened)[STATE]
        begun = {"started_at": dt.datetime.now(dt.UTC), "scope": RED_ONLY if tables is RED else EVERYTHING}
        _remember(states, begun | {"state": LOADING})
        publication.ensure(settings)
        # Old changes first: none of them may arrive after the documents of the new snapshot.
        connectors.halt(settings)
        with topics.administrator(settings) as kafka:
            cluster, made_topics = topics.identity(kafka)
        published = publication.identity(settings)
        with slot.create(settings) as made, snapshot.take(settings, made.snapshot) as now:
            report(f"Slot {made.slot} begins at {made.lsn}.")
            began = time.monotonic()
            _remember(states, begun | {"state": LOADING, "lsn": made.lsn})
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
        done = begun | {
            "state": COMPLETE,
            "completed_at": dt.datetime.now(dt.UTC),
            "lsn": made.lsn,
            "kafka": cluster,
            "topics": made_topics,
            "postgresql": published,
            "rows": {name: one.documents for name, one in filled.items()},
        }
        shape.remember(states, RED)
        _remember(states, done)
    return made.lsn, filled, copy_seconds


def _remember(states: Any, what: Document) -> None:
    states.replace_one({"_id": _ID}, what, upsert=True)
