"""Which Kafka topics carry the stream? One a streamed table, made before anything reads or writes it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from retail_pipeline.errors import ReplicationError
from retail_pipeline.replication.kafka import ADMIN, Administrator, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, TOPIC_PREFIX, Table

# A store has one partition, and that one task: changes of a row keep their order, and the rows of a sale go in one
# write a collection. Two tasks write a backlog side by side; three gained nothing on two cores.
PARTITIONS = 2
_GONE_WITHIN = 30.0
ANSWER_WITHIN = {"bootstrap_timeout_ms": 10_000, "request_timeout_ms": 15_000}
# What Kafka answers for a group that was deleted, or was not there.
_DELETED = ("OK", "NoError", None, "GroupIdNotFoundError")
_DEAD_LETTERS = {"cleanup.policy": "delete", "retention.ms": "-1"}  # kept until somebody deletes them
# After a week without its sink a topic loses changes; then it needs a re-snapshot, see `lag.gaps`.
_CONFIGURATION = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * 3600 * 1000)}


@contextmanager
def administrator(settings: Settings, user: str = ADMIN) -> Iterator[KafkaAdminClient]:
    """Connect to Kafka for questions and changes about topics and groups; who only asks is MONITOR."""
    try:
        client = Administrator(**client_settings(settings, user), **ANSWER_WITHIN)
        try:
            yield client
        finally:
            client.close()
    except KafkaError as error:
        raise ReplicationError(
            f"Kafka at {settings.require('kafka_bootstrap')} does not do what was asked: {type(error).__name__}",
            "see `retail-pipeline status`; `retail-pipeline up` starts the embedded server",
        ) from error


def dead_letters(table: Table) -> str:
    """Name the topic that keeps what a streamed table's sink could not write."""
    return f"{TOPIC_PREFIX}.dead_letters.{table.name}"


def ensure(settings: Settings) -> list[str]:
    """Make the topics that are missing; name them."""
    with administrator(settings) as client:
        present = set(client.list_topics())
        for name in (dead_letters(table) for table in RED):
            if name not in present:
                client.create_topics({name: {"num_partitions": 1, "configs": _DEAD_LETTERS}})
        return _create(client, _missing(client))


def recreate(settings: Settings, groups: Sequence[str]) -> None:
    """Re-create the topics and forget how far `groups` had read: no change of before can arrive any more."""
    with administrator(settings) as client:
        present = set(client.list_topics())
        names = [table.topic for table in RED]
        _delete_groups(client, groups)
        with suppress(UnknownTopicOrPartitionError):
            client.delete_topics([name for name in names if name in present])
        until = time.monotonic() + _GONE_WITHIN
        while len(_missing(client)) < len(names) and time.monotonic() < until:
            time.sleep(0.1)
        _create(client, names)


def identity(client: KafkaAdminClient) -> tuple[str, dict[str, str]]:
    """Return the ids of the cluster and, by table, of the streamed tables' topics that are there.

    Another cluster of the same address and a topic that was re-created have other ones.
    """
    found = ids(client, [table.topic for table in RED])
    return str(client.describe_cluster()["cluster_id"]), {
        table.name: found[table.topic] for table in RED if table.topic in found
    }


def ids(client: KafkaAdminClient, names: Collection[str]) -> dict[str, str]:
    """Return the id of each of these topics that is there."""
    asked = sorted(set(client.list_topics()).intersection(names))
    found = client.describe_topics(asked) if asked else []
    return {topic["name"]: str(topic["topic_id"]) for topic in found if not topic["error_code"]}


def _missing(client: KafkaAdminClient) -> list[str]:
    present = set(client.list_topics())
    return [table.topic for table in RED if table.topic not in present]


def _create(client: KafkaAdminClient, names: Sequence[str]) -> list[str]:
    """Make topics; one that is still being deleted is waited for."""
    until = time.monotonic() + _GONE_WITHIN
    for name in names:
        while True:
            try:
                client.create_topics({name: {"num_partitions": PARTITIONS, "configs": _CONFIGURATION}})
            except TopicAlreadyExistsError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                break
    if names:
        client.wait_for_topics(list(names), timeout_ms=int(_GONE_WITHIN * 1000))
    return list(names)


def _delete_groups(client: KafkaAdminClient, groups: Sequence[str]) -> None:
    """Delete consumer groups; one with members is waited for until they have left."""
    until = time.monotonic() + _GONE_WITHIN
    left = list(groups)
    while left:
        answers = client.delete_groups(left)
        left = [group for group in left if answers.get(group) not in _DELETED]
        if left and time.monotonic() > until:
            raise ReplicationError(
                f"The consumer groups {', '.join(left)} cannot be deleted: {answers.get(left[0])}.",
                "stop whatever else reads these topics as one of these groups",
            )
        if left:
            time.sleep(0.5)
