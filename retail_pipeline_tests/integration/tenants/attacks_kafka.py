"""What may be tried against Kafka by a user that is not the administrator, as a table; a store has no user there.

Beside each stands the same attempt by the administrator, which must work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from retail_pipeline.replication.kafka import MONITOR, Administrator, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.stack.kafka_users import CONNECT

# One that the stream could have, and one of somebody else; each with a record.
TOPIC, OTHER = "walmart.attacked", "payroll.attacked"
RECORD = b"SECRET"
HASTE: dict[str, Any] = {"bootstrap_timeout_ms": 2000, "request_timeout_ms": 2000}
# How long a read waits before it counts as refused, for some clients only try again.
TIMEOUT_MS = 2000

_REFUSAL = re.compile(r"[Aa]uthoriz|needs ALTER permission")

Attempt = Callable[[Settings, str], Any]


@dataclass(frozen=True)
class Attack:
    """One way in for a user, which the broker must refuse."""

    name: str
    user: str
    attempt: Attempt


def refused(attack: Attack, settings: Settings, user: str | None = None) -> bool:
    """Carry an attempt out; tell whether the broker said that the user may not."""
    try:
        answer = str(attack.attempt(settings, user or attack.user))
    except KafkaError as error:
        answer = f"{type(error).__name__} {error}"
    return any(word in answer for word in ("uthoriz", "permission"))


def client_of(settings: Settings, user: str, password: str | None, mechanism: str = "SCRAM-SHA-512") -> dict[str, Any]:
    """Return what a client connects with: as a user with what passes for a password, or as nobody."""
    login: dict[str, Any] = {"bootstrap_servers": settings.require("kafka_bootstrap")} | HASTE
    if password is None:
        return login
    names = {"sasl_plain_username": user, "sasl_plain_password": password, "sasl_mechanism": mechanism}
    return login | {"security_protocol": "SASL_PLAINTEXT"} | names


def let_in(login: dict[str, Any]) -> bool:
    """Return whether the broker answers a question of whoever logs in so."""
    try:
        with closing(Administrator(**login)) as opened:
            return bool(opened.describe_cluster()["brokers"])
    except KafkaError:
        return False


def right(user: str, kind: ResourceType, name: str, *operations: ACLOperation) -> list[ACL]:
    """Return the rights of a user to do something with a topic, a group or the cluster."""
    pattern = ResourcePattern(kind, name, ACLResourcePatternType.LITERAL)
    return [ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, pattern) for operation in operations]


def _ask(question: Callable[[KafkaAdminClient], Any]) -> Attempt:
    def attempt(settings: Settings, user: str) -> Any:
        with closing(Administrator(**client_settings(settings, user))) as opened:
            return question(opened)

    return attempt


def _read(topic: str, group: str | None = None) -> Attempt:
    def attempt(settings: Settings, user: str) -> str:
        with closing(KafkaConsumer(group_id=group, **client_settings(settings, user))) as consumer:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek_to_beginning(partition)
            found = consumer.poll(TIMEOUT_MS).get(partition, [])
        return "read" if [one.value for one in found] else "unauthorized: no record"

    return attempt


def _write(topic: str) -> Attempt:
    def attempt(settings: Settings, user: str) -> None:
        with closing(KafkaProducer(**client_settings(settings, user), max_block_ms=30_000)) as producer:
            producer.send(topic, b"mine").get(30)

    return attempt


def _offsets(group: str) -> Attempt:
    at = {TopicPartition(TOPIC, 0): OffsetAndMetadata(0, "", 0)}
    return _ask(lambda opened: opened.alter_group_offsets(group, at))


def _configure(kind: ConfigResourceType, name: str, setting: str) -> Attempt:
    return _ask(
        lambda opened: opened.alter_configs(
            [ConfigResource(kind, name, configs={setting: "604800000"})], raise_on_unknown=False
        ),
    )


ALLOW_ITSELF = right("mine", ResourceType.TOPIC, "mine", ACLOperation.READ)
_NEW_USER = UserScramCredentialUpsertion("mine", ScramMechanism.SCRAM_SHA_512, "long-enough")

_ATTEMPTS: dict[str, tuple[tuple[str, ...], Attempt]] = {
    "reads records": ((MONITOR,), _read(TOPIC)),
    "reads records of somebody else": ((MONITOR, CONNECT), _read(OTHER)),
    "writes a record": ((MONITOR,), _write(TOPIC)),
    "writes a record of somebody else": ((MONITOR, CONNECT), _write(OTHER)),
    "makes a topic": ((MONITOR, CONNECT), _ask(lambda it: it.create_topics({"mine": {"num_partitions": 1}}))),
    "drops a topic": ((MONITOR, CONNECT), _ask(lambda it: it.delete_topics([OTHER]))),
    "empties a topic": ((MONITOR, CONNECT), _ask(lambda it: it.delete_records({TopicPartition(TOPIC, 0): 0}))),
    "widens a topic": ((MONITOR, CONNECT), _ask(lambda it: it.create_partitions({OTHER: 9}))),
    "shortens what a topic keeps": (
        (MONITOR, CONNECT),
        _configure(ConfigResourceType.TOPIC, TOPIC, "retention.ms"),
    ),
    "gives itself a right": ((MONITOR, CONNECT), _ask(lambda it: it.create_acls(ALLOW_ITSELF))),
    "makes a user": ((MONITOR, CONNECT), _ask(lambda it: it.alter_user_scram_credentials([_NEW_USER]))),
    "drops a group": ((MONITOR, CONNECT), _ask(lambda it: it.delete_groups(["others"]))),
    "moves a sink's offsets": ((MONITOR,), _offsets("connect-attacked")),
    "moves somebody else's offsets": ((MONITOR, CONNECT), _offsets("others")),
    "changes the cluster's features": ((MONITOR, CONNECT), _ask(lambda it: it.update_features({}))),
}
ATTACKS = {
    f"{user} {name}": Attack(f"{user} {name}", user, attempt)
    for name, (users, attempt) in _ATTEMPTS.items()
    for user in users
}
