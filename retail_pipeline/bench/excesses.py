"""What may one store do to its neighbors? A table of excesses, each with a store's own login and no other right."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pymongo
from pymongo.errors import PyMongoError

from retail_pipeline.mirror import client, tenants
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MONGO_DATABASE
from retail_pipeline.warehouse import connection, limits

# Every lock that LOCK TABLE knows, the weakest first.
LOCK_MODES = (
    "access share",
    "row share",
    "row exclusive",
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)

_NO_LIMITS = (
    "set statement_timeout = 0; set lock_timeout = 0; set transaction_timeout = 0;"
    " set idle_in_transaction_session_timeout = 0"
)
NOTHING = "nothing"
_AGAIN = 0.2  # seconds after which one that was refused or ended tries again


@dataclass
class Offender:
    """The store that goes too far: where it works, and what came of it so far.

    `seconds` is the time that its sessions spent at it, all together; `refusals` counts by SQLSTATE or kind of error.
    """

    settings: Settings
    store_id: int
    stopped: threading.Event = field(default_factory=threading.Event)
    goes: int = 0
    seconds: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def role(self) -> str:
        """Return the name of its login."""
        return connection.store_role(self.store_id)

    @property
    def address(self) -> str:
        """Return where it logs in to PostgreSQL."""
        return connection.dsn(self.settings, self.role)

    @contextmanager
    def at_it(self) -> Iterator[None]:
        """Count the time of a block."""
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.seconds += time.monotonic() - began

    def went(self) -> None:
        """Count one go that was let through."""
        with self._lock:
            self.goes += 1

    def refused(self, error: Exception) -> None:
        """Count one go that was refused, or ended."""
        kind = getattr(error, "pgcode", None) or getattr(error, "code", None) or type(error).__name__
        with self._lock:
            self.refusals[str(kind)] = self.refusals.get(str(kind), 0) + 1


@dataclass(frozen=True)
class Excess:
    """One thing that goes too far, done by so many sessions at once, for so many seconds."""

    name: str
    go: Callable[[Offender], None]
    sessions: int = 1
    seconds: int = 20


def _statements(first: str = "", again: str = "", *, commits: bool = False) -> Callable[[Offender], None]:
    """Return a go that runs `first` and then `again` in one transaction, until it is stopped or ended.

    Without `again` the transaction stays open. With `commits` each statement is a transaction.
    """

    def go(offender: Offender) -> None:
        with closing(psycopg2.connect(offender.address)) as session, session.cursor() as cursor:
            session.autocommit = commits
            cursor.execute(_NO_LIMITS)
            with offender.at_it():
                if first:
                    cursor.execute(first.format(role=offender.role, database=session.info.dbname))
                    offender.went()
                while not offender.stopped.is_set():
                    cursor.execute(again or "select 1")
                    if again:
                        offender.went()
                    else:
                        offender.stopped.wait(_AGAIN)

    return go


def _pool(offender: Offender) -> None:
    with ExitStack() as pool:
        for _ in range(limits.MOST_CONNECTIONS):
            pool.callback(psycopg2.connect(offender.address).close)
            offender.went()
        with offender.at_it():
            offender.stopped.wait()


def _startup_packets(offender: Offender) -> None:
    """Open 600 connections that say who they are and give no password, and wait for the server to end them."""
    place = urlsplit(offender.address)
    words = b"user\0%s\0database\0%s\0\0" % (offender.role.encode(), place.path.strip("/").encode())
    packet = (len(words) + 8).to_bytes(4, "big") + (196_608).to_bytes(4, "big") + words
    with ExitStack() as opened, offender.at_it():
        sockets = []
        for _ in range(600):
            one = opened.enter_context(socket.create_connection((place.hostname, place.port or 5432), timeout=10))
            one.sendall(packet)
            sockets.append(one)
            offender.went()
        for one in sockets:
            with suppress(OSError):
                while one.recv(1024):
                    pass


def _doubled_array(offender: Offender) -> None:
    doubling: dict[str, Any] = {
        "$reduce": {
            "input": {"$range": [0, 34]},
            "initialValue": [0],
            "in": {"$concatArrays": ["$$value", "$$value"]},
        }
    }
    mine: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        client.uri(offender.settings, tenants.user(offender.store_id)), serverSelectionTimeoutMS=5_000
    )
    with mine, offender.at_it():
        view = mine[MONGO_DATABASE][tenants.view(offender.store_id, "stores")]
        list(view.aggregate([{"$project": {"n": {"$size": doubling}}}]))
        offender.went()


_LONG_TEXT = "call retail.register_customer({store}, 30, repeat('x', 17000000), 1000, 'Gold')"
_OWN_DATABASE_SETTINGS = (
    "alter role {role} in database {database} set row_security = off;"
    "alter role {role} in database {database} set default_transaction_read_only = on;"
    "alter role {role} in database {database} set statement_timeout = '1ms'"
)
_UPDATED = "update retail.inventory set inventory_level = inventory_level"
_SORT = "select count(*) from (select from generate_series(1, 40000000) as g order by md5(g::text) offset 1) as sorted"
_RAISED = (
    "do $$ begin for i in 1..20 loop raise log '%', repeat('x', 1000000);"
    " raise warning '%', repeat('x', 1000000); end loop; end $$"
)
_NOTIFIED = "select pg_notify('neighbors', g || repeat('x', 7900)) from generate_series(1, 2000) as g"

EXCESSES = (
    Excess(NOTHING, lambda _: None),
    Excess("settings of its own", _statements(_OWN_DATABASE_SETTINGS, commits=True)),
    Excess("a full pool", _pool),
    Excess("a text of 17 MB", _statements(again=_LONG_TEXT.format(store=1), commits=True)),
    Excess("its stock locked", _statements("select from retail.inventory for update")),
    *(Excess(f"{mode} lock", _statements(f"lock table retail.transactions in {mode} mode")) for mode in LOCK_MODES),
    Excess("an open write transaction", _statements(f"{_UPDATED} where product_id = 1"), seconds=75),
    Excess("a flood of notifications", _statements("listen neighbors", _NOTIFIED), sessions=2),
    Excess("a flood of the log", _statements(again=_RAISED, commits=True), sessions=2),
    Excess("temporary files", _statements(again=_SORT, commits=True), sessions=2),
    Excess("startup packets", _startup_packets, sessions=2),
    Excess("its stock updated for a minute", _statements(again=_UPDATED), seconds=75),
    Excess("$reduce in MongoDB", _doubled_array, seconds=40),
)


@contextmanager
def committed(excess: Excess, settings: Settings, store_id: int) -> Iterator[Offender]:
    """Let a store go too far while the block runs, again wherever it is refused or ended; then stop it."""
    offender = Offender(settings, store_id)

    def try_on() -> None:
        while not offender.stopped.is_set():
            try:
                excess.go(offender)
            except (psycopg2.Error, PyMongoError, OSError) as error:
                offender.refused(error)
            offender.stopped.wait(_AGAIN)

    threads = [threading.Thread(target=try_on) for _ in range(excess.sessions)]
    for thread in threads:
        thread.start()
    try:
        yield offender
    finally:
        offender.stopped.set()
        while any(thread.is_alive() for thread in threads):
            _end_sessions(offender)
            for thread in threads:
                thread.join(_AGAIN)


def _end_sessions(offender: Offender) -> None:
    address = offender.settings.require("postgres_dsn")
    with connection.connect_dsn(address) as superuser, superuser.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (offender.role,))
