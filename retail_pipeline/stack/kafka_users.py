"""Who may do what in Kafka: the Connect worker carries the stream, the monitor looks on, nobody else gets in."""

from __future__ import annotations

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from retail_pipeline.errors import StackError
from retail_pipeline.settings import Credentials

MECHANISM = "SCRAM-SHA-512"
CONNECT, MONITOR = "connect", "monitor"

_ANY, _PREFIX = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED
_LOOK = (ACLOperation.DESCRIBE, ACLOperation.DESCRIBE_CONFIGS)
_CARRY = (*_LOOK, ACLOperation.CREATE, ACLOperation.READ, ACLOperation.WRITE)
_FOLLOW = (ACLOperation.DESCRIBE, ACLOperation.READ, ACLOperation.DELETE)

# User, kind of thing, its name, whether that is how its name begins, and what the user may do with it.
_RIGHTS: tuple[tuple[str, ResourceType, str, ACLResourcePatternType, tuple[ACLOperation, ...]], ...] = (
    (CONNECT, ResourceType.TOPIC, "retail-connect-", _PREFIX, _CARRY),
    (CONNECT, ResourceType.TOPIC, "walmart.", _PREFIX, _CARRY),
    (CONNECT, ResourceType.TOPIC, "__debezium-heartbeat.", _PREFIX, _CARRY),
    (CONNECT, ResourceType.GROUP, "retail-connect", _ANY, _FOLLOW),
    (CONNECT, ResourceType.GROUP, "connect-", _PREFIX, _FOLLOW),
    (MONITOR, ResourceType.TOPIC, "*", _ANY, _LOOK),
    (MONITOR, ResourceType.GROUP, "*", _ANY, (ACLOperation.DESCRIBE,)),
    (MONITOR, ResourceType.CLUSTER, "kafka-cluster", _ANY, (ACLOperation.DESCRIBE,)),
)


def provision(client: KafkaAdminClient, credentials: Credentials) -> None:
    """Make the users and their rights, as they are declared above; what is there already stays."""
    passwords = credentials.passwords([f"kafka/{user}" for user in (CONNECT, MONITOR)])
    users = [
        UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, passwords[f"kafka/{user}"])
        for user in (CONNECT, MONITOR)
    ]
    refused = {user: why for user, why in client.alter_user_scram_credentials(users).items() if why}
    rights = [
        ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name, pattern))
        for user, kind, name, pattern, operations in _RIGHTS
        for operation in operations
    ]
    failed = client.create_acls(rights)["failed"]
    if refused or failed:
        message = f"Kafka refused to make its users: {refused or failed[0]}."
        raise StackError(message, "read logs/kafka.log in the state folder")
