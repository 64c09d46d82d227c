"""How does something connect to MongoDB? As one user, at the address of the settings; and who those users are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure

from retail_pipeline.errors import MirrorError
from retail_pipeline.mongodb import SINK, USERS_DATABASE, administrator, host_port, uri
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MONGO_DATABASE, RED

# The collection in which the mirror keeps what it knows of itself.
STATE = "mirror_state"

Document = dict[str, Any]
Client = MongoClient[Document]

WRITER = "retail_writer"
ANALYST = "analyst"
SINK_ROLE = "stream_sink"

__all__ = ["ANALYST", "SINK", "WRITER", "administrator", "connect", "host_port", "mirror", "provision", "uri"]

_APPLICATION = "retail-pipeline"
# Unless the address says otherwise.
_TIMEOUTS_MS: dict[str, Any] = {"serverSelectionTimeoutMS": 15_000, "connectTimeoutMS": 15_000}
_NOT_AUTHORIZED = (13, 18)
_EXISTS = (51002, 51003)  # a role, a user


@contextmanager
def connect(settings: Settings, user: str) -> Iterator[Client]:
    """Connect as `user`: every write is acknowledged by the majority and in its journal before it counts."""
    address = uri(settings, user)
    given = {name.lower() for name, _ in parse_qsl(urlsplit(address).query)}
    timeouts = {name: ms for name, ms in _TIMEOUTS_MS.items() if name.lower() not in given}
    client: Client = MongoClient(address, appname=_APPLICATION, tz_aware=True, w="majority", journal=True, **timeouts)
    with client:
        try:
            yield client
        except ConnectionFailure as error:
            raise MirrorError(
                f"MongoDB at {host_port(settings)} does not answer.",
                "see `retail-pipeline status`; `retail-pipeline up` starts the embedded server",
            ) from error
        except OperationFailure as error:
            if error.code not in _NOT_AUTHORIZED:
                raise
            raise MirrorError(
                f"MongoDB at {host_port(settings)} refuses {user}: {(error.details or {}).get('errmsg', '')}",
                "run the job initial_load, which makes the users, or look whether the passwords are of this server",
            ) from error


def mirror(client: Client) -> Database[Document]:
    """Return the database of the collections."""
    return client[MONGO_DATABASE]


def provision(settings: Settings) -> list[str]:
    """Make the services' users and the sink's role, or bring back what is missing of them; tell what was made."""
    with connect(settings, administrator(settings)) as client:
        made = ensure_role(client, SINK_ROLE, [_privilege(table.name, _SINK_ACTIONS) for table in RED])
        users = {
            WRITER: [{"role": "readWrite", "db": MONGO_DATABASE}],
            SINK: [{"role": SINK_ROLE, "db": MONGO_DATABASE}],
            ANALYST: [{"role": "read", "db": MONGO_DATABASE}],
        }
        return made + ensure_users(settings, client, users)


_SINK_ACTIONS = ("find", "insert", "update", "remove")


def _privilege(collection: str, actions: Sequence[str]) -> Document:
    return {"resource": {"db": MONGO_DATABASE, "collection": collection}, "actions": sorted(actions)}


def readable(collections: Sequence[str]) -> list[Document]:
    """Return the privileges of a role that may read these collections or views and nothing else."""
    return [_privilege(name, ["find"]) for name in collections]


def ensure_role(client: Client, name: str, privileges: list[Document]) -> list[str]:
    """Make the role, or give it exactly these privileges."""
    database = mirror(client)
    found = database.command("rolesInfo", name, showPrivileges=True)["roles"]
    present = [_plain(privilege) for role in found for privilege in role["privileges"]]
    if found and sorted(map(str, present)) == sorted(map(str, map(_plain, privileges))):
        return []
    _make(database, "createRole", "updateRole", name, is_there=bool(found), privileges=privileges, roles=[])
    return [f"role {name}"]


def _plain(privilege: Document) -> Document:
    resource = privilege["resource"]
    return {
        "resource": {"db": resource["db"], "collection": resource["collection"]},
        "actions": sorted(privilege["actions"]),
    }


def ensure_users(settings: Settings, client: Client, users: Mapping[str, list[Document]]) -> list[str]:
    """Make the users that are missing, and bring roles and passwords of the others to what they should be."""
    passwords = settings.credentials.passwords([f"mongo/{name}" for name in users])
    database = client[USERS_DATABASE]
    present = {user["user"]: user for user in database.command("usersInfo")["users"]} if users else {}
    made = []
    for name, roles in users.items():
        password = passwords[f"mongo/{name}"]
        # A server never shows a password, so what was set is remembered beside it. A random password of 192 bits
        # cannot be found from this.
        mark = {"password_mark": hashlib.sha256(password.encode()).hexdigest()[:16]}
        user = present.get(name)
        if user and user.get("customData") == mark and _roles(user["roles"]) == _roles(roles):
            continue
        wanted = {"pwd": password, "roles": roles, "customData": mark, "mechanisms": ["SCRAM-SHA-256"]}
        _make(database, "createUser", "updateUser", name, is_there=bool(user), **wanted)
        made.append(f"user {name}")
    return made


def _make(database: Database[Document], create: str, update: str, name: str, *, is_there: bool, **what: Any) -> None:
    """Make a role or a user, or give it what it should have: also where another run makes it in the same moment."""
    if not is_there:
        try:
            database.command(create, name, **what)
        except OperationFailure as error:
            if error.code not in _EXISTS:
                raise
        else:
            return
    database.command(update, name, **what)


def _roles(roles: Sequence[Mapping[str, str]]) -> set[tuple[str, str]]:
    return {(role["role"], role["db"]) for role in roles}
