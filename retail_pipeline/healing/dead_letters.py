"""What could a sink not write? The dead letters: counted, shown, and settled once their tables were repaired."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from retail_pipeline.errors import ReplicationError
from retail_pipeline.mirror import client
from retail_pipeline.mirror.client import STATE, connect, mirror
from retail_pipeline.replication import topics
from retail_pipeline.replication.connect import redact
from retail_pipeline.replication.kafka import ADMIN, MONITOR, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, Table

_ID = "dead_letters"
_HEADERS = "__connect.errors."
_READ_WITHIN_MS = 5_000


@dataclass(frozen=True)
class DeadLetter:
    """A record that a sink could not write: where it lies in its topic, and why."""

    topic: str
    partition: int
    offset: int
    reason: str

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        return f"{self.topic} partition {self.partition} offset {self.offset}: {self.reason}"


def ends(settings: Settings) -> dict[str, int]:
    """Give how many dead letters there ever were, by table; a table without a topic for them has none."""
    names = {table.name: topics.dead_letters(table) for table in RED}
    with topics.administrator(settings, MONITOR) as kafka:
        present = set(kafka.list_topics())
        asked = {TopicPartition(name, 0): OffsetSpec.LATEST for name in names.values() if name in present}
        found = kafka.list_partition_offsets(asked) if asked else {}
    at = {partition.topic: int(offset.offset) for partition, offset in found.items()}
    return {table: at.get(name, 0) for table, name in names.items()}


def settled(settings: Settings) -> dict[str, int]:
    """Give up to where the dead letters of each table are settled: its documents were compared with its rows since."""
    with connect(settings, client.ANALYST) as opened:
        found = mirror(opened)[STATE].find_one({"_id": _ID}) or {}
    return {table.name: int(found.get(table.name, 0)) for table in RED}


def settle(settings: Settings, up_to: Mapping[str, int]) -> None:
    """Note that the dead letters before these offsets are settled."""
    if up_to:
        with connect(settings, client.WRITER) as opened:
            mirror(opened)[STATE].update_one({"_id": _ID}, {"$set": dict(up_to)}, upsert=True)


def waiting(settings: Settings) -> dict[str, int]:
    """Give how many dead letters of each table are not settled, where there are any.

    A topic made anew counts from 0 again, so there what is settled is beyond its end and all of them count.
    """
    end, done = ends(settings), settled(settings)
    left = {table: end[table] - done[table] if end[table] >= done[table] else end[table] for table in end}
    return {table: count for table, count in left.items() if count}


def last(settings: Settings, table: Table, wanted: int = 1) -> list[DeadLetter]:
    """Read the latest dead letters of a table."""
    partition = TopicPartition(topics.dead_letters(table), 0)
    try:
        with closing(
            KafkaConsumer(**client_settings(settings, ADMIN), consumer_timeout_ms=_READ_WITHIN_MS)
        ) as consumer:
            consumer.assign([partition])
            end = consumer.end_offsets([partition])[partition]
            consumer.seek(partition, max(0, end - wanted))
            found = []
            for record in consumer:
                found.append(_letter({name: (value or b"").decode(errors="replace") for name, value in record.headers}))
                if record.offset >= end - 1:
                    break
            return found
    except KafkaError as error:
        raise ReplicationError(
            f"The dead letters of {table.name} cannot be read: {type(error).__name__}.", "see `retail-pipeline status`"
        ) from error


def _letter(headers: Mapping[str, str]) -> DeadLetter:
    def header(name: str) -> str:
        return headers.get(f"{_HEADERS}{name}", "")

    reason = header("exception.message") or header("exception.class.name") or "no reason given"
    return DeadLetter(
        header("topic"), int(header("partition") or -1), int(header("offset") or -1), redact(reason.strip())[:300]
    )
