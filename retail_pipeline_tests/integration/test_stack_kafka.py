"""Kafka as its users and an intruder see it; every refusal stands beside what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from retail_pipeline.replication.kafka import ADMIN, MONITOR, Administrator, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.stack.kafka_users import CONNECT
from retail_pipeline.stack.state import State
from retail_pipeline_tests.integration import mirrored

_TOPIC = "walmart.test.users"
_OTHER = "payroll.test.users"
_HASTE = {"bootstrap_timeout_ms": 2000, "request_timeout_ms": 2000}


@pytest.fixture(name="topics")
def _topics(stack_settings: Settings) -> Iterator[Settings]:
    """Return the stack with one topic of the stream and one of somebody else, a record in each."""
    names = [_TOPIC, _OTHER]
    with closing(Administrator(**client_settings(stack_settings, ADMIN))) as admin:
        admin.create_topics({name: {"num_partitions": 1} for name in names})
        admin.wait_for_topics(names)
        for name in names:
            _write(stack_settings, ADMIN, name)
        yield stack_settings
        admin.delete_topics(names)


def _write(settings: Settings, user: str, topic: str) -> None:
    with closing(KafkaProducer(**client_settings(settings, user), max_block_ms=10_000)) as producer:
        producer.send(topic, b"record").get(10)


def _read(settings: Settings, user: str, topic: str, timeout: int = 20_000) -> list[bytes]:
    """Return what the user reads: nothing where it is refused, for the client may raise that or try again."""
    with closing(KafkaConsumer(**client_settings(settings, user))) as consumer:
        partition = TopicPartition(topic, 0)
        with suppress(TopicAuthorizationFailedError):
            consumer.assign([partition])
            consumer.seek_to_beginning(partition)
            return [record.value for record in consumer.poll(timeout).get(partition, [])]
        return []


def test_the_worker_carries_the_stream_and_touches_nothing_else(topics: Settings) -> None:
    _write(topics, CONNECT, _TOPIC)
    assert _read(topics, CONNECT, _TOPIC) == [b"record", b"record"]
    with pytest.raises(KafkaError):
        _write(topics, CONNECT, _OTHER)
    assert _read(topics, CONNECT, _OTHER, 2000) == []
    assert _read(topics, ADMIN, _OTHER) == [b"record"], "there was one to read"


def test_the_monitor_sees_how_far_a_topic_is_and_reads_no_record(topics: Settings) -> None:
    partition = TopicPartition(_TOPIC, 0)
    with closing(Administrator(**client_settings(topics, MONITOR))) as client:
        assert {_TOPIC, _OTHER} <= set(client.list_topics())
        assert client.list_partition_offsets({partition: OffsetSpec.LATEST})[partition].offset == 1
        with pytest.raises(TopicAuthorizationFailedError):
            client.delete_topics([_TOPIC])
    with pytest.raises(KafkaError):
        _write(topics, MONITOR, _TOPIC)
    assert _read(topics, MONITOR, _TOPIC, 2000) == []
    assert _read(topics, ADMIN, _TOPIC) == [b"record"], "there was one to read"


@pytest.mark.parametrize("port", ["kafka", "kafka_controller"])
def test_nobody_gets_in_without_the_password_by_either_door(stack_settings: Settings, port: str) -> None:
    address = f"127.0.0.1:{State(stack_settings.home).port(port)}"
    wrong: list[dict[str, Any]] = [{}]
    for mechanism in ("PLAIN", "SCRAM-SHA-512"):
        wrong.append({"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": mechanism})
        wrong[-1] |= {"sasl_plain_username": ADMIN, "sasl_plain_password": "wrong"}
    for login in wrong:
        with pytest.raises(KafkaError):
            Administrator(bootstrap_servers=address, **login, **_HASTE).close()

    def gets_in() -> bool:
        with suppress(KafkaError):
            Administrator(**client_settings(stack_settings, ADMIN), **_HASTE).close()
            return True
        return False

    mirrored.eventually(gets_in, "with the password, this haste is enough")


def test_no_password_of_kafka_is_seen_in_a_command_line_or_a_log(stack_settings: Settings) -> None:
    users = ("admin", "controller", "connect", "monitor")
    secrets = [stack_settings.credentials.known(f"kafka/{user}") for user in users]
    shown = [path.read_text() for path in (stack_settings.home / "logs").glob("*.log")]
    shown.append((stack_settings.home / "kafka" / "format.log").read_text())
    shown += [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert None not in secrets
    assert not [text for text in shown if any(str(secret) in text for secret in secrets)]
