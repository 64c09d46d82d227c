"""How is each fault injected? One function each; what takes a server's name gives a function of the testbed."""

from __future__ import annotations

import re
import resource
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from retail_pipeline.mongodb import SINK
from retail_pipeline.replication import connect, connectors, lag, topics
from retail_pipeline.tables import MONGO_DATABASE, RED
from retail_pipeline_tests.faults import links
from retail_pipeline_tests.faults.injections_topic import SALES
from retail_pipeline_tests.faults.proxy import Way
from retail_pipeline_tests.faults.testbed import Testbed, until
from retail_pipeline_tests.faults.workers import SecondWorker

TITLES = {"postgres": "PostgreSQL", "kafka": "Broker", "connect": "Connect worker", "mongo": "mongod"}
_SINKS = [connectors.sink(table) for table in RED]
_SINK_ROLE = {"role": "stream_sink", "db": MONGO_DATABASE}
_SOON = 60.0
# Heartbeats have topics too, and one comes each second.
_HEARTBEATS = 3.0

Act = Callable[[Testbed], None]


# Servers


def killed(name: str) -> Act:
    """Kill a server."""
    return lambda testbed: testbed.kill(name)


def hung(name: str) -> Act:
    """Let a server stand still."""
    return lambda testbed: testbed.hang(name)


def resumed(name: str) -> Act:
    """Let it go on."""
    return lambda testbed: testbed.resume(name)


def stopped(name: str) -> Act:
    """Stop a server on purpose, so that nobody restarts it."""
    return lambda testbed: testbed.server(name).down()


def started(name: str) -> Act:
    """Start it again."""
    return lambda testbed: testbed.server(name).up()


def daemon_killed(testbed: Testbed) -> None:
    """Kill Dagster's daemon, and leave it something to heal."""
    testbed.kill("dagster_daemon")
    with testbed.connect() as client:
        client.delete(connectors.sink(SALES))


def disk_full(testbed: Testbed) -> None:
    """Let the broker's next writes fail; what restarts it finds room again.

    The limit is on the size of the process's files. A write beyond it fails in the same place as on a full disk, with
    EFBIG for ENOSPC, and no other program of the machine is short of room.
    """
    (process, *_) = testbed.family("kafka")
    # Not those of a topic that was deleted, which are there for a minute more and longer than any will become.
    logs = testbed.home.glob(f"kafka/data/{SALES.topic}-[0-9]/*.log")
    full = max(log.stat().st_size for log in logs) + 4096
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full, most))
    try:
        until(lambda: testbed.server("kafka").died, "the broker gives up", _SOON)
    except AssertionError:
        # It would come in the middle of something else.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        raise


def second_worker_died(testbed: Testbed) -> None:
    """Let a second worker join, take tasks, and die."""
    with SecondWorker(testbed) as worker:
        worker.join()
        worker.kill()


# Links


def cut(name: str) -> Act:
    """Cut Kafka Connect off from a server."""

    def inject(testbed: Testbed) -> None:
        testbed.proxy.set(links.end(testbed, name), Way.CUT)

    return inject


def joined(name: str) -> Act:
    """Let it reach the server again."""
    return lambda testbed: testbed.proxy.set(links.end(testbed, name), Way.OPEN)


def dead(name: str) -> Act:
    """Let nothing pass any more on the connections to a server that there are, as behind a router that forgot them."""

    def inject(testbed: Testbed) -> None:
        assert testbed.proxy.abandon(links.end(testbed, name)) > 0

    return inject


# Topics and records


def delivered_twice(testbed: Testbed) -> None:
    """Set the sinks' offsets back, so that the last changes come again."""
    _move_offsets(testbed, lambda end: max(0, end - 300))


def _move_offsets(testbed: Testbed, to: Callable[[int], int]) -> None:
    with testbed.connect() as client, topics.administrator(testbed.settings) as kafka:
        for name in _SINKS:
            client.stop(name)
        for table in RED:
            group = connectors.group(table)
            until(partial(_is_empty, kafka, group), f"{group} has no members", _SOON)
            partitions = [TopicPartition(table.topic, number) for number in range(topics.PARTITIONS)]
            ends = kafka.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
            kafka.reset_group_offsets(group, {it: to(ends[it].offset) for it in partitions})
        for name in _SINKS:
            client.resume(name)


def _is_empty(kafka: KafkaAdminClient, group: str) -> bool:
    return str(kafka.describe_groups([group])[group]["group_state"]) == "Empty"


# MongoDB


def documents_refused(testbed: Testbed) -> None:
    """Let MongoDB refuse sales with a promotion, and with them what follows in their batch."""
    _validate(testbed, {"promotion_applied": {"$ne": True}})


def documents_welcome(testbed: Testbed) -> None:
    """Let it take every document again."""
    _validate(testbed, {})


def _validate(testbed: Testbed, validator: dict[str, object]) -> None:
    with testbed.mongodb() as client:
        client[MONGO_DATABASE].command("collMod", SALES.name, validator=validator)


def rights_taken(testbed: Testbed) -> None:
    """Take the sink's user its role until a sink has no task left: one that is left would take over what they did."""
    with testbed.mongodb() as client:
        client.admin.command("revokeRolesFromUser", SINK, roles=[_SINK_ROLE])
    with testbed.connect() as worker:
        until(
            lambda: any(_have_failed(worker.status(name) or {}) for name in _SINKS),
            "every task of a sink has failed",
            _SOON,
        )


def _have_failed(status: Mapping[str, Any]) -> bool:
    tasks = status.get("tasks", [])
    return bool(tasks) and all(task["state"] == connect.FAILED for task in tasks)


def rights_given(testbed: Testbed) -> None:
    """Grant them again."""
    with testbed.mongodb() as client:
        client.admin.command("grantRolesToUser", SINK, roles=[_SINK_ROLE])


# Connectors


def connectors_deleted(testbed: Testbed) -> None:
    """Delete the source and a sink."""
    with testbed.connect() as client:
        for name in (connectors.SOURCE, connectors.sink(SALES)):
            client.delete(name)


def drifted(testbed: Testbed) -> None:
    """Let a sink read another topic, in which nothing is; it runs and says so."""
    with testbed.connect() as client:
        name = connectors.sink(SALES)
        client.put_config(name, (client.config(name) or {}) | {"topics": f"{SALES.topic}_of_before"})


def short_source_timeouts(testbed: Testbed) -> None:
    """Let Debezium give up at the first error."""
    _change(testbed, connectors.SOURCE, {"errors.max.retries": "0", "slot.max.retries": "0"})


def short_producer_timeouts(testbed: Testbed) -> None:
    """Let the source's producer give up after three seconds, and skip the record, which no restart repairs."""
    short = {"producer.override.delivery.timeout.ms": "3000", "producer.override.request.timeout.ms": "2000"}
    _change(testbed, connectors.SOURCE, short | {"errors.tolerance": "all"})


def slow_to_connect(testbed: Testbed) -> None:
    """Let the source's producer wait for ten minutes before it connects again."""
    pause = {f"producer.override.reconnect.backoff.{name}": "600000" for name in ("ms", "max.ms")}
    _change(testbed, connectors.SOURCE, pause)


def intolerant_sink(testbed: Testbed) -> None:
    """Let a sink stop at what it cannot read."""
    _change(testbed, connectors.sink(SALES), {"errors.tolerance": "none", "mongo.errors.tolerance": "none"})


def keyless_sink(testbed: Testbed) -> None:
    """Let a sink make a new key for each write."""
    strategy = "com.mongodb.kafka.connect.sink.processor.id.strategy.BsonOidStrategy"
    _change(testbed, connectors.sink(SALES), {"document.id.strategy": strategy, "delete.on.null.values": "false"})


def members_kept_for_long(testbed: Testbed) -> None:
    """Let Kafka wait two minutes before it gives a silent sink's partitions to another."""
    for name in _SINKS:
        _change(testbed, name, {"consumer.override.session.timeout.ms": "120000"})


def long_client_timeouts(testbed: Testbed) -> None:
    """Let the clients of Kafka wait for an answer for ten minutes."""
    _change(
        testbed,
        connectors.SOURCE,
        {"producer.override.request.timeout.ms": "600000", "producer.override.delivery.timeout.ms": "1200000"},
    )


def short_sink_timeouts(testbed: Testbed) -> None:
    """Let the sinks' driver give MongoDB up after three seconds."""
    _tell_sinks(testbed, {"serverSelectionTimeoutMS": "3000", "socketTimeoutMS": "3000"})


def long_sink_timeouts(testbed: Testbed) -> None:
    """Let it wait for an answer without end."""
    _tell_sinks(testbed, {"socketTimeoutMS": "0"})


def _tell_sinks(testbed: Testbed, options: dict[str, str]) -> None:
    """Change options of the sinks' address, which is in a file, not in a configuration."""
    path: Path = testbed.home / "secrets" / "connect.properties"
    text = path.read_text()
    for name, value in options.items():
        text, changed = re.subn(rf"{name}=\d+", f"{name}={value}", text)
        assert changed == 1
    path.write_text(text)
    with testbed.connect() as client:
        for name in _SINKS:
            client.restart(name)
        time.sleep(2)
        client.wait_running(_SINKS)


def _change(testbed: Testbed, name: str, settings: dict[str, str]) -> None:
    with testbed.connect() as client:
        # Of a running connector nobody tells when its tasks have the new configuration.
        client.stop(name)
        client.put_config(name, (client.config(name) or {}) | settings)
        client.resume(name)
        client.wait_running([name])
    # What is new looks at a topic before the first record; cut off there, it waits for longer than any setting says.
    before = _ends(testbed)
    until(lambda: all(end > before[topic] for topic, end in _ends(testbed).items()), "changes of each table", _SOON)
    time.sleep(_HEARTBEATS)


def _ends(testbed: Testbed) -> Counter[str]:
    """Count the records that each streamed table's topic has had."""
    ends: Counter[str] = Counter()
    for partition in lag.positions(testbed.settings):
        ends[partition.topic] += partition.end_offset
    return ends
