"""What may a store read in MongoDB? Views of its own documents, through a user and a role of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from retail_pipeline.mirror import snapshot
from retail_pipeline.mirror.client import administrator, connect, ensure_role, ensure_users, mirror, readable
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, MIRRORED, MONGO_DATABASE, TENANT

Document = dict[str, Any]

# A store's customers are a view of their own, joined through their relation to the store.
_RELATION = "store_customers"
_CUSTOMERS = "customers"
_ANALYTICS = ("fraud_alerts", "inventory_analytics")


def user(store_id: int) -> str:
    """Name a store's user, who has the name of its PostgreSQL role."""
    return f"store_user_{store_id}"


def view(store_id: int, collection: str) -> str:
    """Name a store's view of a collection."""
    return f"store_{store_id}.{collection}"


def definitions(store_id: int) -> dict[str, tuple[str, list[Document]]]:
    """Give a store's views: name → collection and pipeline."""
    own: Document = {TENANT: store_id}
    # Keys begin with the store, so the index that every collection has finds a store's documents; the field decides.
    by_key: Document = {"_id": {"$gte": own, "$lt": {TENANT: store_id + 1}}, **own}
    views: dict[str, tuple[str, list[Document]]] = {
        view(store_id, table.name): (table.name, [{"$match": by_key}])
        for table in MIRRORED
        if table.has_tenant and table.name != _RELATION
    }
    views |= {view(store_id, name): (name, [{"$match": own}]) for name in _ANALYTICS}
    key = BY_NAME[_CUSTOMERS].key[0]
    views[view(store_id, _CUSTOMERS)] = (
        _RELATION,
        [
            {"$match": by_key},
            {"$project": {"_id": {key: f"${key}"}}},
            {"$lookup": {"from": _CUSTOMERS, "localField": "_id", "foreignField": "_id", "as": "customer"}},
            {"$unwind": "$customer"},
            {"$replaceRoot": {"newRoot": "$customer"}},
        ],
    )
    return views


def provision(settings: Settings) -> list[str]:
    """Make the views, roles and users of every store in the data that are missing or not as they should be."""
    stores = _stores(settings)
    with connect(settings, administrator(settings)) as client:
        database = mirror(client)
        present = _present_views(database)
        made = []
        for store_id in stores:
            wanted = definitions(store_id)
            made += _ensure_views(database, present, wanted)
        roles = _roles(database)
        for store_id in stores:
            privileges = readable(list(definitions(store_id)))
            if roles.get(user(store_id)) != {one["resource"]["collection"]: ("find",) for one in privileges}:
                made += ensure_role(client, user(store_id), privileges)
        users = {user(store_id): [{"role": user(store_id), "db": MONGO_DATABASE}] for store_id in stores}
        return made + ensure_users(settings, client, users)


def _stores(settings: Settings) -> list[int]:
    """Give every store that PostgreSQL has."""
    table = BY_NAME["stores"]
    with snapshot.latest(settings) as latest:
        return latest.column(table, TENANT)


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
        if name not in present:
            database.command("create", name, viewOn=collection, pipeline=pipeline)
        elif present[name] != (collection, pipeline):
            database.command("collMod", name, viewOn=collection, pipeline=pipeline)
        else:
            continue
        made.append(f"view {name}")
    return made


def _roles(database: Database[Document]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Give every role of the database: what it may do with which collection."""
    found = database.command("rolesInfo", 1, showPrivileges=True)["roles"]
    return {
        role["role"]: {
            privilege["resource"].get("collection"): tuple(privilege["actions"]) for privilege in role["privileges"]
        }
        for role in found
    }
