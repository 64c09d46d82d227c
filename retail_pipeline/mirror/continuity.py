"""Can the stream go on from where it is? Where a server or the slot is another one, it has missed changes.

The document `initial_load` of `mirror_state` holds how far the initial snapshot is, and from which servers, topics and
publication the stream began.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from retail_pipeline.errors import ReplicationError
from retail_pipeline.mirror import write_lock
from retail_pipeline.mirror.client import ANALYST, STATE, WRITER, Client, Document, connect, mirror
from retail_pipeline.replication import connectors, lag, publication, slot, topics
from retail_pipeline.replication.kafka import MONITOR
from retail_pipeline.replication.slot import SlotHealth
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, STREAM_PUBLICATION

NONE, LOADING, COMPLETE = "none", "loading", "complete"
_ID = "initial_load"
_CONNECT_TIMEOUT = 5.0
_SLOT_ADVANCED = "the slot was moved past changes that Debezium had not read"


@dataclass(frozen=True)
class SnapshotState:
    """How far the initial snapshot is, why a new one is needed if it is, and whether the write lock is held."""

    state: str
    reason: str
    is_locked: bool


def look(settings: Settings, ask_slot: Callable[[], SlotHealth | None] | None = None) -> SnapshotState:
    """Return whether the stream can go on from where it is; also while Kafka Connect does not answer.

    The slot's health is what `ask_slot` returns, where whoever looks has asked for it already. That the slot was moved
    is written down, for it cannot be seen any more once Debezium has gone on.
    """
    before = state(settings)
    reason = _reason(settings, before, ask_slot or partial(slot.health, settings), in_haste=True)
    if reason == _SLOT_ADVANCED and "passed_over" not in before:
        with connect(settings, WRITER) as opened:
            # A snapshot that was taken meanwhile has another slot.
            made = {"_id": _ID, "state": COMPLETE, "lsn": before["lsn"]}
            mirror(opened)[STATE].update_one(made, {"$set": {"passed_over": True}})
    return SnapshotState(str(before["state"]), reason, write_lock.is_held(settings))


def state(settings: Settings) -> Document:
    """Return how far the initial snapshot is: its document in `mirror_state`, or one that says none."""
    with connect(settings, ANALYST) as opened:
        return mirror(opened)[STATE].find_one({"_id": _ID}) or {"_id": _ID, "state": NONE}


def remember(client: Client, what: Document) -> None:
    """Write down how far the initial snapshot is, in place of what was known."""
    mirror(client)[STATE].replace_one({"_id": _ID}, what, upsert=True)


def beginning(settings: Settings) -> Document:
    """Return what a stream that begins now begins with: which Kafka, topics, PostgreSQL and publication."""
    with topics.administrator(settings) as kafka:
        cluster, found = topics.identity(kafka)
    return {"kafka": cluster, "topics": found, "postgresql": publication.identity(settings)}


def reason(settings: Settings, before: Document) -> str:
    """Return why the stream cannot go on from the `state` before, so that a snapshot is needed; empty where it can.

    Raises ReplicationError where Kafka Connect does not answer.
    """
    return _reason(settings, before, partial(slot.health, settings), in_haste=False)


def _reason(settings: Settings, before: Document, ask_slot: Callable[[], SlotHealth | None], *, in_haste: bool) -> str:
    """Return why the stream cannot go on; empty where it can, or where, in haste, only Connect could tell."""
    if before["state"] == NONE:
        return "never done on this MongoDB"
    if before["state"] != COMPLETE:
        return "the last one was interrupted"
    health = ask_slot()
    if health is None or not health.usable:
        return f"the slot is {health.state if health else 'gone'}, and with it the changes since"
    if found := _of_kafka(settings, before) or _of_postgresql(settings, before):
        return found
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
