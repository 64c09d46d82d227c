"""Does a store keep MongoDB or its memory busy? Its operations are ended, for MongoDB 6.0 has no limit of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from retail_pipeline.mirror.client import Client, administrator, uri
from retail_pipeline.mirror.tenants import user
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import limits
from retail_pipeline.warehouse.tenant_acts import Act

Document = dict[str, Any]

# A server that does not answer must not keep the watch from looking elsewhere.
_TIMEOUTS_MS: dict[str, Any] = {"serverSelectionTimeoutMS": 1000, "connectTimeoutMS": 1000, "socketTimeoutMS": 5000}
_STORE = re.compile(f"^{re.escape(user(0)).removesuffix('0')}(\\d+)$")
_RUNNING: list[Document] = [
    {"$currentOp": {"allUsers": True}},
    {"$match": {"active": True, "effectiveUsers.user": {"$regex": _STORE.pattern}}},
    {"$project": {"opid": 1, "effectiveUsers": 1, "microsecs_running": 1, "ns": 1, "client": 1}},
]
_NOTHING = dict.fromkeys(
    ("repl", "locks", "metrics", "opcounters", "network", "transactions", "sharding", "flowControl", "indexStats"), 0
)


_OPERATION, _MEMORY = "operation", "memory"
# Seconds between two looks while an operation is old enough to be ended, and those that one has to stop when told to.
_SOON, _UNTIL_STOPPED = 0.5, 1.5


@dataclass(frozen=True)
class Operation:
    """What a store runs in MongoDB, since so many seconds."""

    opid: int | str
    store_id: int
    seconds: float
    namespace: str
    place: str


@dataclass(frozen=True)
class Verdict:
    """An operation to end, what is told of it, and whether memory is short while it runs."""

    operation: Operation
    act: Act
    is_short: bool


def judge(operations: Sequence[Operation], memory: int, resisting: Collection[int | str] = ()) -> list[Verdict]:
    """Return the operations to end with what is told of it; `memory` is in use beside the cache, in bytes.

    One of `resisting` was told to end some time ago. Where it still runs while memory is short it is what holds it: the
    others stopped when told to, but the computing of one value cannot be interrupted.
    """
    found = []
    for one in operations:
        is_short = memory > limits.MONGO_MEMORY and one.seconds > limits.MONGO_HURRY
        megabytes = f"while {memory / 1024**2:,.0f} MB were in use beside the cache"
        if one.opid in resisting:
            if is_short:
                found.append(Verdict(one, _act(one, _MEMORY, f"cannot be ended {megabytes}"), is_short))
        elif is_short:
            found.append(Verdict(one, _act(one, _OPERATION, f"was ended {megabytes}"), is_short))
        elif one.seconds > limits.STATEMENT:
            found.append(Verdict(one, _act(one, _OPERATION, f"was ended after {one.seconds:.0f} s"), is_short))
    return found


def blame(suspects: Collection[Operation]) -> list[Act]:
    """Return what is told of operations that ran on while memory was short, until the connection to MongoDB was lost.

    Where they are of several stores nobody can tell which of them took the memory, and none is to blame.
    """
    proven = len({one.store_id for one in suspects}) == 1
    what = "was told to end for the memory in use, and MongoDB was lost before it did"
    return [replace(_act(one, _MEMORY, what), proven=proven) for one in suspects]


def _act(one: Operation, kind: str, what: str) -> Act:
    title = f"the operation of {user(one.store_id)} on {one.namespace} in MongoDB"
    return Act(one.store_id, kind, datetime.now(UTC) - timedelta(seconds=one.seconds), f"{title} {what}")


class Patrol:
    """Looks and ends on one connection that stays."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self._clock = clock
        # When an operation was told to end, and those of them that ran while memory was short.
        self._ended: dict[int | str, float] = {}
        self._suspects: dict[int | str, Operation] = {}
        self._told: set[tuple[int | str, str]] = set()
        # Seconds until the next look.
        self.pause = limits.PAUSE

    def look(self) -> list[Act]:
        """Look once and end what is over a limit; return what was done, of each operation once.

        Where the server is lost while an operation holds its memory, that is what is returned. Otherwise a server that
        does not answer raises PyMongoError.
        """
        try:
            return self._look()
        except PyMongoError:
            lost = [one for opid, one in self._suspects.items() if (opid, _MEMORY) not in self._told]
            self._forget_but(())
            if not lost:
                raise
            return blame(lost)

    def _look(self) -> list[Act]:
        operations = running(self.client)
        # The server's own account costs more than the list, and matters only where somebody runs.
        hurry = any(one.seconds > limits.MONGO_HURRY for one in operations)
        memory = memory_beside_cache(self.client) if hurry else 0
        # A value that is computed can take what is left within seconds.
        self.pause = _SOON if hurry else limits.PAUSE
        self._forget_but({one.opid for one in operations})
        now = self._clock()
        resisting = {opid for opid, since in self._ended.items() if now - since >= _UNTIL_STOPPED}
        acts = []
        for verdict in judge(operations, memory, resisting):
            one, act = verdict.operation, verdict.act
            if verdict.is_short:
                self._suspects[one.opid] = one
            self._ended.setdefault(one.opid, now)
            self.client["admin"].command("killOp", op=one.opid)
            if (one.opid, act.kind) not in self._told:
                self._told.add((one.opid, act.kind))
                acts.append(act)
        return acts

    def _forget_but(self, alive: Collection[int | str]) -> None:
        self._ended = {opid: since for opid, since in self._ended.items() if opid in alive}
        self._suspects = {opid: one for opid, one in self._suspects.items() if opid in alive}
        self._told = {(opid, kind) for opid, kind in self._told if opid in alive}


@contextmanager
def patrol(settings: Settings) -> Iterator[Patrol]:
    """Connect as the administrator, for one who looks again and again and must not wait long."""
    client: Client = MongoClient(
        uri(settings, administrator(settings)), appname="retail-pipeline watch", tz_aware=True, **_TIMEOUTS_MS
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
