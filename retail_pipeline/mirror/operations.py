"""Does a store keep MongoDB or its memory busy? Its operations are ended, for MongoDB 6.0 has no limit of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient

from retail_pipeline.mirror.client import Client, administrator, uri
from retail_pipeline.mirror.tenants import user
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import limits
from retail_pipeline.warehouse.tenant_acts import Act

Document = dict[str, Any]

# A server that does not answer must not keep the watch from looking elsewhere.
_PATIENCE_MS: dict[str, Any] = {"serverSelectionTimeoutMS": 1000, "connectTimeoutMS": 1000, "socketTimeoutMS": 5000}
_STORE = re.compile(f"^{re.escape(user(0)).removesuffix('0')}(\\d+)$")
_RUNNING: list[Document] = [
    {"$currentOp": {"allUsers": True}},
    {"$match": {"active": True, "effectiveUsers.user": {"$regex": _STORE.pattern}}},
    {"$project": {"opid": 1, "effectiveUsers": 1, "microsecs_running": 1, "ns": 1, "client": 1}},
]
_NOTHING = dict.fromkeys(
    ("repl", "locks", "metrics", "opcounters", "network", "transactions", "sharding", "flowControl", "indexStats"), 0
)


@dataclass(frozen=True)
class Operation:
    """What a store runs in MongoDB, since so many seconds."""

    opid: int | str
    store_id: int
    seconds: float
    namespace: str
    place: str


def judge(
    operations: Sequence[Operation], memory: int, ended: Collection[int | str] = ()
) -> list[tuple[Operation, Act]]:
    """Return the operations to end with what is told of it; `memory` is in use beside the cache, in bytes.

    One of `ended` that still runs while memory is short is what holds it: the others stopped when told to, but the
    computing of one value cannot be interrupted.
    """
    found = []
    for one in operations:
        is_short = memory > limits.MONGO_MEMORY and one.seconds > limits.MONGO_HURRY
        megabytes = f"while {memory / 1024**2:,.0f} MB were in use beside the cache"
        if one.opid in ended:
            if is_short:
                found.append((one, _act(one, "memory", f"cannot be ended {megabytes}")))
        elif is_short:
            found.append((one, _act(one, "operation", f"was ended {megabytes}")))
        elif one.seconds > limits.STATEMENT:
            found.append((one, _act(one, "operation", f"was ended after {one.seconds:.0f} s")))
    return found


def _act(one: Operation, kind: str, what: str) -> Act:
    title = f"the operation of {user(one.store_id)} on {one.namespace} in MongoDB"
    return Act(one.store_id, kind, datetime.now(UTC) - timedelta(seconds=one.seconds), f"{title} {what}")


class Patrol:
    """Looks and ends on one connection that stays."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._ended: set[int | str] = set()
        self._told: set[tuple[int | str, str]] = set()

    def look(self) -> list[Act]:
        """Look once and end what is over a limit; return what was done, of each operation once."""
        operations = running(self.client)
        # The server's own account costs more than the list, and matters only where somebody runs.
        hurry = any(one.seconds > limits.MONGO_HURRY for one in operations)
        memory = memory_beside_cache(self.client) if hurry else 0
        alive = {one.opid for one in operations}
        self._ended &= alive
        self._told = {(opid, kind) for opid, kind in self._told if opid in alive}
        acts = []
        for one, act in judge(operations, memory, self._ended):
            self.client["admin"].command("killOp", op=one.opid)
            self._ended.add(one.opid)
            if (one.opid, act.kind) not in self._told:
                self._told.add((one.opid, act.kind))
                acts.append(act)
        return acts


@contextmanager
def patrol(settings: Settings) -> Iterator[Patrol]:
    """Connect as the administrator, for one who looks again and again and must not wait long."""
    client: Client = MongoClient(
        uri(settings, administrator(settings)), appname="retail-pipeline watch", tz_aware=True, **_PATIENCE_MS
    )
    with client:
        yield Patrol(client)


def running(client: Client) -> list[Operation]:
    """Return what stores run now."""
    with client["admin"].aggregate(_RUNNING) as cursor:
        return [_operation(document) for document in cursor]


def _operation(document: Mapping[str, Any]) -> Operation:
    matches = (_STORE.match(one["user"]) for one in document["effectiveUsers"])
    return Operation(
        document["opid"],
        next(int(match[1]) for match in matches if match),
        document.get("microsecs_running", 0) / 1_000_000,
        document.get("ns", ""),
        document.get("client", ""),
    )


def memory_beside_cache(client: Client) -> int:
    """Return the bytes that mongod uses and that are not its cache."""
    status = client["admin"].command({"serverStatus": 1, **_NOTHING})
    used = status["tcmalloc"]["generic"]["current_allocated_bytes"]
    return max(0, int(used) - int(status["wiredTiger"]["cache"]["bytes currently in the cache"]))
