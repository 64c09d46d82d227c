"""How old the oldest change is that a sink has not applied, found without reading a record."""

from __future__ import annotations

import gc
import socket
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from retail_pipeline.errors import ReplicationError
from retail_pipeline.replication import lag, topics
from retail_pipeline.replication.lag import PartitionLag
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED

NOW = 1_800_000_000.0


@dataclass
class Found:
    """An answer about one partition."""

    offset: int


class Broker:
    """A broker whose partition 0 has a record written so many seconds ago at each offset."""

    def __init__(self, *ages: float) -> None:
        self.moments = [NOW - age for age in ages]
        self.questions = 0

    def list_partition_offsets(self, asked: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
        """Return the first offset at or after each moment, as Kafka does."""
        self.questions += 1
        return {
            partition: Found(next((at for at, it in enumerate(self.moments) if it * 1000 >= moment), -1))
            for partition, moment in asked.items()
        }


class Topic:
    """A broker with one topic of one partition, which keeps its records from one offset to another."""

    def __init__(self, start: int, end: int, committed: int) -> None:
        self.offsets = {OffsetSpec.EARLIEST: start, OffsetSpec.LATEST: end}
        self.committed = committed

    def list_group_offsets(self, groups: list[str]) -> dict[str, dict[TopicPartition, Any]]:
        """Return how far its sink's group has read; -1, where it never committed."""
        return {group: {TopicPartition(RED[0].topic, 0): Found(self.committed)} for group in groups}

    def list_partition_offsets(self, asked: Mapping[TopicPartition, OffsetSpec]) -> dict[TopicPartition, Any]:
        """Return the first or the last offset of each partition."""
        return {partition: Found(self.offsets[which]) for partition, which in asked.items()}


@pytest.mark.parametrize(
    ("committed", "is_gap"),
    [(-1, False), (9, True), (10, False), (15, False), (20, False), (21, True)],
    ids=["never committed", "before the start", "at the start", "within", "at the end", "beyond the end"],
)
def test_a_topic_without_what_its_sink_reads_next_has_a_gap(committed: int, *, is_gap: bool) -> None:
    assert lag.gaps(Topic(10, 20, committed), RED[:1]) == ([RED[0].topic] if is_gap else [])


def behind(committed: int | None, end: int) -> PartitionLag:
    return PartitionLag("group", "topic", 0, end, committed)


@pytest.mark.parametrize(
    ("committed", "wanted"), [(0, 5000.0), (1, 120.0), (2, 30.0), (3, 0.5)], ids=["first", "second", "third", "last"]
)
def test_the_age_is_that_of_the_first_record_that_is_not_committed(
    monkeypatch: pytest.MonkeyPatch, committed: int, wanted: float
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    broker = Broker(5000, 120, 30, 0.5)
    (found,) = lag.with_ages(broker, [behind(committed, 4)])

    assert found.age == pytest.approx(wanted, abs=1.0)
    assert broker.questions <= 20


def test_nothing_waits_where_all_is_committed_and_nothing_is_known_without_an_offset() -> None:
    broker = Broker(10)

    assert [one.age for one in lag.with_ages(broker, [behind(1, 1), behind(None, 1)])] == [0.0, None]
    assert broker.questions == 0


def test_a_broker_that_hangs_is_given_up_and_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(topics.ANSWER_WITHIN, "bootstrap_timeout_ms", 300)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        place = f"127.0.0.1:{hanging.getsockname()[1]}"
        settings = Settings.from_environment({"RETAIL_KAFKA_BOOTSTRAP": place})
        with pytest.raises(ReplicationError, match=f"Kafka at {place} does not"), topics.administrator(settings):
            pass

    assert not [thread for thread in set(threading.enumerate()) - before if "kafka" in thread.name]
    # kafka-python leaves the sockets of connections that were never made to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
