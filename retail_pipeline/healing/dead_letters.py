"""What could a sink not write? The dead letters: counted, shown, and acknowledged once their tables were repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from retail_pipeline.errors import ReplicationError
from retail_pipeline.mirror import client, repair, write_lock
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


@dataclass(frozen=True)
class End:
    """The end of a table's dead letters: the id of their topic, empty where there is none, and how many it had."""

    topic: str = ""
    offset: int = 0


def ends(settings: Settings) -> dict[str, End]:
    """Return the end of each streamed table's dead letters."""
    names = {table.name: topics.dead_letters(table) for table in RED}
    with topics.administrator(settings, MONITOR) as kafka:
        present = topics.ids(kafka, names.values())
        asked = {TopicPartition(name, 0): OffsetSpec.LATEST for name in present}
        found = kafka.list_partition_offsets(asked) if asked else {}
    at = {partition.topic: End(present[partition.topic], int(offset.offset)) for partition, offset in found.items()}
    return {table: at.get(name, End()) for table, name in names.items()}


def acknowledged(settings: Settings) -> dict[str, End]:
    """Return up to where the dead letters of each table are acknowledged: its documents were compared since."""
    with connect(settings, client.ANALYST) as opened:
        found = mirror(opened)[STATE].find_one({"_id": _ID}) or {}
    return {table.name: End(**found[table.name]) for table in RED if isinstance(found.get(table.name), dict)}


def acknowledge(settings: Settings, up_to: Mapping[str, End]) -> None:
    """Note that the dead letters before these ends are acknowledged."""
    if up_to:
        with connect(settings, client.WRITER) as opened:
            ends_of = {table: asdict(end) for table, end in up_to.items()}
            mirror(opened)[STATE].update_one({"_id": _ID}, {"$set": ends_of}, upsert=True)


def waiting(settings: Settings) -> dict[str, int]:
    """Return how many dead letters of each table are open, where there are any; of a re-created topic all count."""
    done = acknowledged(settings)
    left = {table: unacknowledged(end, done.get(table, End())) for table, end in ends(settings).items()}
    return {table: count for table, count in left.items() if count}


def unacknowledged(end: End, done: End) -> int:
    """Count the letters before an end that are not acknowledged."""
    return end.offset - done.offset if end.topic == done.topic else end.offset


def repair_and_acknowledge(
    settings: Settings,
    tables: Sequence[Table],
    report: Callable[[str], None] = lambda _: None,
    *,
    within: float = write_lock.WITHIN,
) -> repair.RepairReport:
    """Repair tables; where all is equal then, the dead letters that they had before are acknowledged.

    Raises CouldNotTellError where a server does not answer, or another run writes the collections for longer than
    `within` seconds.
    """
    before = ends(settings)
    done = repair.repair(settings, tables, report=report, within=within)
    if done.after.equal:
        acknowledge(settings, {table.name: before[table.name] for table in tables if table in RED})
    return done


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
