"""How far is MongoDB behind? Records of each partition that its sink has not committed, and the age of the oldest."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from retail_pipeline.replication import connectors, topics
from retail_pipeline.replication.kafka import MONITOR
from retail_pipeline.replication.publication import HEARTBEAT
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, Table

# Debezium's own heartbeats go on when its connection hangs; the row that they update comes the whole way.
HEARTBEATS = HEARTBEAT.topic
# The age of a record is found to the second: 20 questions about offsets at a time halve a week to that.
_OLDEST, _PRECISION = 7 * 24 * 3600.0, 1.0
# Records that a sink may be behind before it counts as a problem: about a second of the stream at full speed.
TOLERATED = 10_000
# Seconds for which a change may wait in Kafka; a restart of its sink takes less.
TOLERATED_AGE = 20.0
_ALIVE = ("Stable", "PreparingRebalance", "CompletingRebalance")


@dataclass(frozen=True)
class PartitionLag:
    """A partition of a streamed table's topic; `lag` is None where the group or its offset is missing.

    `age` is the seconds for which the oldest change that the group has not committed has been in Kafka; 0 where there
    is none, None where that is not known.
    """

    group: str
    topic: str
    partition: int
    end_offset: int
    committed_offset: int | None
    age: float | None = None

    @property
    def lag(self) -> int | None:
        """How many records the group has not committed; what nobody reads is not 0."""
        return None if self.committed_offset is None else max(0, self.end_offset - self.committed_offset)


def measure(settings: Settings) -> list[PartitionLag]:
    """Ask Kafka how far each sink's group is in each partition of its topic, and how old what it lacks is.

    A sink commits nothing for a partition that never had a record; there a group with members is at the start.
    """
    with topics.administrator(settings, MONITOR) as client:
        return with_ages(client, _positions(client))


def positions(settings: Settings) -> list[PartitionLag]:
    """Ask the same without ages, which take twenty more questions."""
    with topics.administrator(settings, MONITOR) as client:
        return _positions(client)


def gaps(client: Any, tables: Iterable[Table]) -> list[str]:
    """Name the tables' topics that lack what their sink would read next: it would go on behind a gap, or at the start.

    It is older than what the topic keeps, or the topic has lost its end with the broker's disk.
    """
    groups = {connectors.group(table): table.topic for table in tables}
    committed = client.list_group_offsets(list(groups)) if groups else {}
    # Asked before the ends, which only grow: so no sink is ever beyond one that is well.
    at = {
        partition: offset.offset
        for group, topic in groups.items()
        for partition, offset in committed.get(group, {}).items()
        if partition.topic == topic and offset.offset >= 0
    }
    if not at:
        return []
    starts = client.list_partition_offsets(dict.fromkeys(at, OffsetSpec.EARLIEST))
    ends = client.list_partition_offsets(dict.fromkeys(at, OffsetSpec.LATEST))
    return sorted({it.topic for it, offset in at.items() if not starts[it].offset <= offset <= ends[it].offset})


def oldest(partitions: Iterable[PartitionLag]) -> float:
    """Return the greatest age among partitions, 0 where no change is known to wait."""
    return max((one.age or 0.0 for one in partitions), default=0.0)


def problems(partitions: Sequence[PartitionLag], *, explained: bool = False) -> dict[str, str]:
    """Say of each topic that has a problem why; a group that never committed is one, for it is not a lag of 0.

    Being behind is none where it is `explained`, as by a file that was loaded. Before the initial snapshot there is no
    topic, and no problem; a topic that is missing beside others is gone.
    """
    known = {partition.topic for partition in partitions}
    gone = [table.topic for table in RED if known and table.topic not in known]
    found = {topic: f"{topic}: the topic is gone" for topic in gone}
    for topic in sorted(known):
        behind = [partition for partition in partitions if partition.topic == topic]
        missing = [partition for partition in behind if partition.lag is None]
        records = sum(partition.lag or 0 for partition in behind)
        if missing:
            found[topic] = f"{topic}: group {missing[0].group} has no offset for {len(missing)} partitions"
        elif not explained and (records > TOLERATED or oldest(behind) > TOLERATED_AGE):
            found[topic] = (
                f"{topic}: group {behind[0].group} is {records:,} records behind,"
                f" the oldest change waits since {oldest(behind):,.0f} s"
            )
    return found


def heartbeat_age(settings: Settings) -> float | None:
    """Return for how many seconds no change has come from PostgreSQL through Debezium into Kafka; None: none ever did.

    A heartbeat is one, each second. The heartbeats of a large transaction's time wait behind it, so its rows count too.
    """
    tables = [TopicPartition(table.topic, number) for table in RED for number in range(topics.PARTITIONS)]
    with topics.administrator(settings, MONITOR) as client:
        present = set(client.list_topics())
        asked = [one for one in (TopicPartition(HEARTBEATS, 0), *tables) if one.topic in present]
        found = client.list_partition_offsets(dict.fromkeys(asked, OffsetSpec.MAX_TIMESTAMP)) if asked else {}
    at = max((one.timestamp for one in found.values()), default=-1)
    return max(0.0, time.time() - at / 1000) if at >= 0 else None


def _positions(client: Any) -> list[PartitionLag]:
    present = set(client.list_topics())
    tables = {table.topic: connectors.group(table) for table in RED if table.topic in present}
    if not tables:
        return []
    partitions = [
        TopicPartition(found["name"], partition["partition_index"])
        for found in client.describe_topics(list(tables))
        for partition in found["partitions"]
    ]
    ends = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    committed = client.list_group_offsets(list(tables.values()))
    states = client.describe_groups(list(tables.values()))
    return _found(partitions, tables, ends, committed, states)


def _found(
    partitions: Iterable[TopicPartition],
    tables: Mapping[str, str],
    ends: Mapping[TopicPartition, Any],
    committed: Mapping[str, Any],
    states: Mapping[str, Any],
) -> list[PartitionLag]:
    found = []
    for partition in sorted(partitions):
        group = tables[partition.topic]
        end = ends[partition].offset
        offset = committed.get(group, {}).get(partition)
        at = offset.offset if offset is not None and offset.offset >= 0 else None
        if at is None and end == 0 and states[group]["group_state"] in _ALIVE:
            at = 0
        found.append(PartitionLag(group, partition.topic, partition.partition, end, at))
    return found


def with_ages(client: Any, found: list[PartitionLag]) -> list[PartitionLag]:
    """Find how old the record at each committed offset is.

    Kafka tells the first offset at or after a moment, which needs no right to read a record; so the moment is
    halved until it is known, for all partitions with the same questions.
    """
    now = time.time()
    behind = {TopicPartition(one.topic, one.partition): one for one in found if one.lag}
    younger = dict.fromkeys(behind, 0.0)  # the record is at least as old
    older = dict.fromkeys(behind, _OLDEST)
    while asked := [it for it in behind if older[it] - younger[it] > _PRECISION]:
        moments = {it: (younger[it] + older[it]) / 2 for it in asked}
        firsts = client.list_partition_offsets({it: int((now - moments[it]) * 1000) for it in asked})
        for it, age in moments.items():
            first = firsts[it].offset
            if first < 0 or first > (behind[it].committed_offset or 0):
                younger[it] = age
            else:
                older[it] = age
    ages = {(it.topic, it.partition): round(older[it], 1) for it in behind}
    return [one if one.lag is None else replace(one, age=ages.get((one.topic, one.partition), 0.0)) for one in found]
