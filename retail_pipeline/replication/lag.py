"""How far is MongoDB behind? Records of each partition that its sink has not committed yet."""

from __future__ import annotations

from dataclasses import dataclass

from kafka import TopicPartition
from kafka.admin import OffsetSpec

from retail_pipeline.replication import connectors, topics
from retail_pipeline.replication.kafka import MONITOR
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED

_ALIVE = ("Stable", "PreparingRebalance", "CompletingRebalance")


@dataclass(frozen=True)
class PartitionLag:
    """A partition of a streamed table's topic; `lag` is None where the group or its offset is missing."""

    group: str
    topic: str
    partition: int
    end_offset: int
    committed_offset: int | None

    @property
    def lag(self) -> int | None:
        """How many records the group has not committed; what nobody reads is not 0."""
        return None if self.committed_offset is None else max(0, self.end_offset - self.committed_offset)


def measure(settings: Settings) -> list[PartitionLag]:
    """Ask Kafka how far each sink's group is in each partition of its topic.

    A sink commits nothing for a partition that never had a record; there a group with members is at the start.
    """
    with topics.administrator(settings, MONITOR) as client:
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
