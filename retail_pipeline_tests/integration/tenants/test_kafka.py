"""Kafka carries every store's rows: a store has no login there, and the services' users do only what they must."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import UnknownTopicOrPartitionError

from retail_pipeline.replication.kafka import ADMIN, MONITOR, Administrator, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.stack.kafka_users import CONNECT
from retail_pipeline_tests.integration.mirrored import eventually
from retail_pipeline_tests.integration.tenants import attacks_kafka as attacks
from retail_pipeline_tests.integration.tenants.attacks_kafka import OTHER, TOPIC


@pytest.fixture
def administrator(stack_settings: Settings) -> Iterator[KafkaAdminClient]:
    """Open Kafka as its administrator."""
    with closing(Administrator(**client_settings(stack_settings, ADMIN))) as opened:
        yield opened


@pytest.fixture
def topics(stack_settings: Settings, administrator: KafkaAdminClient) -> Iterator[Settings]:
    """Return a topic of the stream and one of somebody else, a record in each; remove what the attempts leave."""
    names = [TOPIC, OTHER]
    administrator.create_topics({name: {"num_partitions": 1} for name in names})
    administrator.wait_for_topics(names)
    with closing(KafkaProducer(**client_settings(stack_settings, ADMIN))) as producer:
        for name in names:
            producer.send(name, attacks.RECORD).get(10)
    yield stack_settings

    def gone() -> bool:
        """Delete what is there, for a topic that was just made or deleted shows a moment later."""
        present = {*names, "mine"} & set(administrator.list_topics())
        if present:
            with suppress(UnknownTopicOrPartitionError):
                administrator.delete_topics(list(present))
        return not present

    eventually(gone, "the topics go")
    administrator.delete_groups(["others", "connect-attacked"])
    administrator.delete_acls([_like(right) for right in attacks.ALLOW_ITSELF])
    administrator.alter_user_scram_credentials([UserScramCredentialDeletion("mine", ScramMechanism.SCRAM_SHA_512)])


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_an_attack_is_refused_and_the_administrator_may(name: str, topics: Settings) -> None:
    attack = attacks.ATTACKS[name]
    assert attacks.refused(attack, topics)
    eventually(lambda: not attacks.refused(attack, topics, ADMIN), "the administrator may")


def test_a_store_has_no_login_in_kafka(stack_settings: Settings) -> None:
    passwords = stack_settings.credentials
    store = "store_user_1"
    tried = [
        attacks.client_of(stack_settings, store, None),
        attacks.client_of(stack_settings, store, passwords.password(f"postgres/{store}")),
        attacks.client_of(stack_settings, store, passwords.password(f"mongo/{store}")),
        attacks.client_of(stack_settings, store, passwords.password(f"mongo/{store}"), "PLAIN"),
        attacks.client_of(stack_settings, MONITOR, passwords.password(f"postgres/{store}")),
        attacks.client_of(stack_settings, CONNECT, passwords.password("connect/connect")),
        attacks.client_of(stack_settings, ADMIN, passwords.password("mongo/admin")),
        attacks.client_of(stack_settings, "ANONYMOUS", ""),
    ]
    with ThreadPoolExecutor(len(tried)) as pool:
        assert not any(pool.map(attacks.let_in, tried))
    monitor = attacks.client_of(stack_settings, MONITOR, passwords.password(f"kafka/{MONITOR}"))
    eventually(lambda: attacks.let_in(monitor), "the monitor gets in")


_READ, _WRITE, _ALTER = ACLOperation.READ, ACLOperation.WRITE, ACLOperation.ALTER
MUTANTS: dict[str, tuple[list[ACL], str]] = {
    "the monitor may read": (attacks.right(MONITOR, ResourceType.TOPIC, "*", _READ), "monitor reads records"),
    "the monitor may write": (attacks.right(MONITOR, ResourceType.TOPIC, "*", _WRITE), "monitor writes a record"),
    "the monitor may make topics": (
        attacks.right(MONITOR, ResourceType.CLUSTER, "kafka-cluster", ACLOperation.CREATE),
        "monitor makes a topic",
    ),
    "the monitor may give rights": (
        attacks.right(MONITOR, ResourceType.CLUSTER, "kafka-cluster", _ALTER),
        "monitor gives itself a right",
    ),
    "the monitor may move offsets": (
        [
            *attacks.right(MONITOR, ResourceType.GROUP, "*", _READ),
            *attacks.right(MONITOR, ResourceType.TOPIC, "*", _READ),
        ],
        "monitor moves a sink's offsets",
    ),
    "the worker may read everything": (
        attacks.right(CONNECT, ResourceType.TOPIC, "*", _READ, ACLOperation.DESCRIBE),
        "connect reads records of somebody else",
    ),
    "the worker may write everything": (
        attacks.right(CONNECT, ResourceType.TOPIC, "*", _WRITE, ACLOperation.DESCRIBE),
        "connect writes a record of somebody else",
    ),
    "the worker may drop topics": (
        attacks.right(CONNECT, ResourceType.TOPIC, "*", ACLOperation.DELETE, ACLOperation.DESCRIBE),
        "connect drops a topic",
    ),
    "nobody is asked": (attacks.right("*", ResourceType.TOPIC, "*", ACLOperation.ALL), "monitor empties a topic"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_right_too_many_is_caught(name: str, topics: Settings, administrator: KafkaAdminClient) -> None:
    rights, attack = MUTANTS[name]
    assert attacks.refused(attacks.ATTACKS[attack], topics)
    assert not administrator.create_acls(rights)["failed"]
    try:
        eventually(lambda: not attacks.refused(attacks.ATTACKS[attack], topics), "the attack gets through")
    finally:
        administrator.delete_acls([_like(right) for right in rights])
    eventually(lambda: attacks.refused(attacks.ATTACKS[attack], topics), "the right is gone")


def test_a_store_that_is_given_a_login_is_caught(stack_settings: Settings, administrator: KafkaAdminClient) -> None:
    store = "store_user_1"
    password = stack_settings.credentials.password(f"mongo/{store}")
    login = attacks.client_of(stack_settings, store, password)
    user = UserScramCredentialUpsertion(store, ScramMechanism.SCRAM_SHA_512, password)
    administrator.alter_user_scram_credentials([user])
    try:
        eventually(lambda: attacks.let_in(login), "the store gets in")
    finally:
        administrator.alter_user_scram_credentials([UserScramCredentialDeletion(store, ScramMechanism.SCRAM_SHA_512)])
    eventually(lambda: not attacks.let_in(login), "the store is out")


def _like(right: ACL) -> ACLFilter:
    """Return what finds a right, to take it away."""
    pattern = right.resource_pattern
    return ACLFilter(
        right.principal,
        right.host,
        right.operation,
        ACLPermissionType.ALLOW,
        ResourcePatternFilter(pattern.resource_type, pattern.resource_name, ACLResourcePatternType.LITERAL),
    )
