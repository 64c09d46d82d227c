"""What may a store read in MongoDB? Views of its own documents, through a user and a role of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Int64
from pymongo.database import Database
from pymongo.errors import OperationFailure

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import snapshot
from retail_pipeline.mirror.client import Client, administrator, connect, ensure_role, ensure_users, mirror, readable
from retail_pipeline.mongodb import USERS_DATABASE
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, MIRRORED, MONGO_DATABASE, TENANT
from retail_pipeline.warehouse import connection

Document = dict[str, Any]

# A store's customers are a view of their own, joined through their relation to the store.
_RELATION = "store_customers"
_CUSTOMERS = "customers"
_NO_USER, _EXISTS = 11, 48
ANALYTICS = ("fraud_alerts", "inventory_analytics")
# The server puts a reader's conditions beside those of a view and may try them first, on every store's documents; one
# that fails, such as a division by zero, would then tell what they hold. No condition passes a limit.
BARRIER: Document = {"$limit": Int64(2**63 - 1)}


def user(store_id: int) -> str:
    """Name a store's user, who has the name of its PostgreSQL role."""
    return f"store_user_{store_id}"


def view(store_id: int, collection: str) -> str:
    """Name a store's view of a collection."""
    return f"store_{store_id}.{collection}"


def definitions(store_id: int) -> dict[str, tuple[str, list[Document]]]:
    """Return a store's views: name → collection and pipeline."""
    own: Document = {TENANT: store_id}
    # Keys begin with the store, so the index that every collection has finds a store's documents; the field decides.
    by_key: Document = {"_id": {"$gte": own, "$lt": {TENANT: store_id + 1}}, **own}
    views: dict[str, tuple[str, list[Document]]] = {
        view(store_id, table.name): (table.name, [{"$match": by_key}, BARRIER])
        for table in MIRRORED
        if table.has_tenant and table.name != _RELATION
    }
    views |= {view(store_id, name): (name, [{"$match": own}, BARRIER]) for name in ANALYTICS}
    key = BY_NAME[_CUSTOMERS].key[0]
    views[view(store_id, _CUSTOMERS)] = (
        _RELATION,
        [
            {"$match": by_key},
            {"$project": {"_id": {key: f"${key}"}}},
            {"$lookup": {"from": _CUSTOMERS, "localField": "_id", "foreignField": "_id", "as": "customer"}},
            {"$unwind": "$customer"},
            {"$replaceRoot": {"newRoot": "$customer"}},
            BARRIER,
        ],
    )
    return views


def provision(settings: Settings) -> list[str]:
    """Make the views, roles and users of every store in the data that are missing or not as they should be.

    PostgreSQL says who is let in: a store whose login is disabled there has no user here. Tells what was changed.
    """
    admitted, disabled = _stores(settings)
    with connect(settings, administrator(settings)) as client:
        return [f"no {name}" for name in _drop_users(client, disabled)] + _admit(settings, client, admitted)


def add_store(settings: Settings, store_id: int) -> list[str]:
    """Let a store in that PostgreSQL lets in; tell what was made."""
    if store_id not in _stores(settings)[0]:
        raise MirrorError(
            f"PostgreSQL does not let store {store_id} in, so MongoDB does not either.",
            f"`retail-pipeline store add {store_id}` lets it in to both",
        )
    with connect(settings, administrator(settings)) as client:
        return _admit(settings, client, [store_id])


def disable_store(settings: Settings, store_id: int) -> None:
    """Keep a store out, and end its sessions. It stays out for as long as PostgreSQL keeps it out."""
    with connect(settings, administrator(settings)) as client:
        keep_out(client, store_id)


def keep_out(client: Client, store_id: int) -> None:
    """Keep a store out, and end its sessions, on a connection of the administrator."""
    _drop_users(client, [store_id])


def remove_store(settings: Settings, store_id: int) -> None:
    """Drop a store's user, role and views; its documents stay. The next `provision` makes what PostgreSQL lets in."""
    with connect(settings, administrator(settings)) as client:
        _drop_users(client, [store_id])
        database = mirror(client)
        if user(store_id) in _roles(database):
            database.command("dropRole", user(store_id))
        for name in _present_views(database).keys() & definitions(store_id).keys():
            database.drop_collection(name)


def rotate_password(settings: Settings, store_id: int) -> None:
    """Set a new password for a store's user, kept in the credentials; sessions that are open have to log in again."""
    if store_id not in _stores(settings)[0]:
        raise MirrorError(f"Store {store_id} is not let in, so it has no password.", "add it first")
    settings.credentials.rotate(f"mongo/{user(store_id)}")
    add_store(settings, store_id)


def _stores(settings: Settings) -> tuple[list[int], list[int]]:
    """Return the stores that PostgreSQL has: those that it lets in or will, and those that it keeps out."""
    with snapshot.latest(settings) as latest:
        stores = latest.column(BY_NAME["stores"], TENANT)
    with connection.connect(settings, connection.READER) as opened, opened.cursor() as cursor:
        cursor.execute("select rolname from pg_catalog.pg_roles where not rolcanlogin")
        shut = {name for (name,) in cursor.fetchall()}
    disabled = [store_id for store_id in stores if connection.store_role(store_id) in shut]
    return [store_id for store_id in stores if store_id not in disabled], disabled


def _admit(settings: Settings, client: Client, stores: Sequence[int]) -> list[str]:
    """Bring views, roles and users of stores to what they should be."""
    database = mirror(client)
    present = _present_views(database)
    made = []
    for store_id in stores:
        made += _ensure_views(database, present, definitions(store_id))
    roles = _roles(database)
    for store_id in stores:
        privileges = readable(list(definitions(store_id)))
        if roles.get(user(store_id)) != {one["resource"]["collection"]: ("find",) for one in privileges}:
            made += ensure_role(client, user(store_id), privileges)
    users = {user(store_id): [{"role": user(store_id), "db": MONGO_DATABASE}] for store_id in stores}
    return made + ensure_users(settings, client, users)


def _drop_users(client: Client, stores: Sequence[int]) -> list[str]:
    """Drop the users of stores and end what they have open; name those that were there."""
    database = client[USERS_DATABASE]
    wanted = [{"user": user(store_id), "db": USERS_DATABASE} for store_id in stores]
    present = [one["user"] for one in database.command("usersInfo", wanted)["users"]] if wanted else []
    for name in present:
        try:
            # Without a role it begins nothing more; only the sessions of a user who is there can be ended.
            database.command("updateUser", name, roles=[])
            database.command("killAllSessions", [{"user": name, "db": USERS_DATABASE}])
            database.command("dropUser", name)
        except OperationFailure as error:
            if error.code != _NO_USER:  # another run drops it in the same moment
                raise
    return present


def _present_views(database: Database[Document]) -> dict[str, tuple[str, list[Document]]]:
    found = database.list_collections(filter={"type": "view"})
    return {one["name"]: (one["options"]["viewOn"], one["options"]["pipeline"]) for one in found}


def _ensure_views(
    database: Database[Document],
    present: Mapping[str, tuple[str, list[Document]]],
    wanted: Mapping[str, tuple[str, list[Document]]],
) -> list[str]:
    """Make the missing views; change those whose definition is another."""
    made = []
    for name, (collection, pipeline) in wanted.items():
        if present.get(name) == (collection, pipeline):
            continue
        command = "collMod" if name in present else "create"
        try:
            database.command(command, name, viewOn=collection, pipeline=pipeline)
        except OperationFailure as error:
            if error.code != _EXISTS:  # another run makes it in the same moment
                raise
            database.command("collMod", name, viewOn=collection, pipeline=pipeline)
        made.append(f"view {name}")
    return made


def _roles(database: Database[Document]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return every role of the database: what it may do with which collection."""
    found = database.command("rolesInfo", 1, showPrivileges=True)["roles"]
    return {
        role["role"]: {
            privilege["resource"].get("collection"): tuple(privilege["actions"]) for privilege in role["privileges"]
        }
        for role in found
    }
