"""What can happen to a topic and its publication? Deleted, emptied, poisoned; a table taken out and put back."""

from __future__ import annotations

from contextlib import closing, suppress

import psycopg2
from kafka import KafkaProducer, TopicPartition

from retail_pipeline.replication import connectors, lag, topics
from retail_pipeline.replication.kafka import ADMIN, client_settings
from retail_pipeline.tables import BY_NAME, STREAM_PUBLICATION
from retail_pipeline_tests.faults.testbed import Testbed, until

SALES = BY_NAME["transactions"]
_SINK = connectors.sink(SALES)
_SOON = 60.0


def deleted(testbed: Testbed) -> None:
    """Delete a table's topic."""
    with topics.administrator(testbed.settings) as kafka:
        kafka.delete_topics([SALES.topic])


def emptied(testbed: Testbed) -> None:
    """Stop a table's sink, and let its topic forget what the sink has not read, as it does after a week."""

    def waiting() -> dict[TopicPartition, int]:
        return {
            TopicPartition(one.topic, one.partition): one.end_offset
            for one in lag.positions(testbed.settings)
            if one.topic == SALES.topic and one.lag
        }

    def has_read() -> bool:
        found = [one.committed_offset for one in lag.positions(testbed.settings) if one.topic == SALES.topic]
        return bool(found) and all(found)

    # Of a group that has committed nothing nobody can tell what it lacks.
    until(has_read, "its sink has read something of each partition", _SOON)
    with testbed.connect() as client:
        client.stop(_SINK)
    testbed.more_changes(20)
    until(waiting, "records wait for the sink", _SOON)
    with topics.administrator(testbed.settings) as kafka:
        kafka.delete_records(waiting())


def sink_resumed(testbed: Testbed) -> None:
    """Let that sink go on."""
    with testbed.connect() as client:
        client.resume(_SINK)


def poisoned(testbed: Testbed) -> None:
    """Put a record into every partition of a topic that no converter can read."""
    with closing(KafkaProducer(**client_settings(testbed.settings, ADMIN))) as producer:
        for partition in range(topics.PARTITIONS):
            producer.send(SALES.topic, key=b"poison", value=b"{no JSON", partition=partition).get(30)


def unpublished(testbed: Testbed) -> None:
    """Take a table out of the stream's publication for some changes, and put it back."""
    alter = f"alter publication {STREAM_PUBLICATION}"
    testbed.ask(f"{alter} drop table {SALES.qualified}")
    testbed.more_changes(20)
    # Who heals may have put it back already.
    with suppress(psycopg2.errors.DuplicateObject):
        testbed.ask(f"{alter} add table {SALES.qualified}")
