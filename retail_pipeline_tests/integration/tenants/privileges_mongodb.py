"""Who may do what with which collection? Read from the live server, for the documentation and its test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo.database import Database

from retail_pipeline.mirror import tenants
from retail_pipeline.mirror.client import ANALYST, SINK, STATE, WRITER
from retail_pipeline.mongodb import USERS_DATABASE
from retail_pipeline.tables import MIRRORED, MONGO_DATABASE
from retail_pipeline_tests.integration.warehouse.privileges import as_table

Document = dict[str, Any]

# What a letter of the table stands for; everything else that a user may do with a collection is told as A.
ACTIONS = {"F": "find", "I": "insert", "U": "update", "R": "remove", "W": "changeStream"}
# What only asks about a collection, and comes with the right to read it in the server's own roles.
_ASKING = frozenset(
    {"collStats", "dbHash", "dbStats", "killCursors", "listCollections", "listIndexes", "planCacheRead"},
)
_ELSEWHERE = "any other database"


def matrix(database: Database[Document], store_id: int) -> dict[tuple[str, str], str]:
    """Return by user and collection or view the letters of what is allowed; `store_id` is the store that is shown."""
    users = {f"{tenants.user(store_id)}": "store_user_N", ANALYST: ANALYST, WRITER: WRITER, SINK: SINK}
    own = tenants.definitions(store_id)
    collections: dict[str, str] = {table.name: table.name for table in MIRRORED}
    collections |= {collection: collection for collection in (*tenants.ANALYTICS, STATE)}
    collections |= {name: name.replace(f"store_{store_id}.", "store_N.") for name in own}
    cells = {}
    for user, shown in users.items():
        privileges = _privileges(database, user)
        for collection, title in collections.items():
            cells[shown, title] = _letters(privileges, collection)
        cells[shown, "store_M.* (another's)"] = _letters(privileges, tenants.view(store_id + 1, "transactions"))
        cells[shown, _ELSEWHERE] = "A" if _reaches_elsewhere(privileges) else ""
    return cells


def markdown(database: Database[Document], store_id: int) -> str:
    """Write the matrix as a table for the documentation."""
    return as_table("collection or view", matrix(database, store_id))


def _privileges(database: Database[Document], user: str) -> Sequence[Mapping[str, Any]]:
    question = {"user": user, "db": USERS_DATABASE}
    (found,) = database.client[USERS_DATABASE].command("usersInfo", question, showPrivileges=True)["users"]
    privileges: Sequence[Mapping[str, Any]] = found["inheritedPrivileges"]
    return privileges


def _letters(privileges: Iterable[Mapping[str, Any]], collection: str) -> str:
    actions = {
        action
        for privilege in privileges
        if _covers(privilege["resource"], collection)
        for action in privilege["actions"]
    }
    letters = "".join(letter for letter, action in ACTIONS.items() if action in actions)
    return letters + ("A" if actions - _ASKING - set(ACTIONS.values()) else "")


def _covers(resource: Mapping[str, Any], collection: str) -> bool:
    """Return whether a privilege is about a collection; an empty name stands for every one."""
    if resource.get("anyResource"):
        return True
    return resource.get("db") in ("", MONGO_DATABASE) and resource.get("collection") in ("", collection)


def _reaches_elsewhere(privileges: Iterable[Mapping[str, Any]]) -> bool:
    return any(privilege["resource"].get("db") != MONGO_DATABASE for privilege in privileges)
