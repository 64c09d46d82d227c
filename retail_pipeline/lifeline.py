"""Does somebody execute this run? Its process holds a lock in Dagster's database for as long as it lives.

The lock is a session's advisory lock, so the server releases it when the process dies, whatever killed it and on
whichever host. There is no heartbeat to write and no process id to look up.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import make_dsn

from retail_pipeline.warehouse import locks
from retail_pipeline.warehouse.connection import parsed

# Which process executes a run, for people: the tag of a run that says so.
EXECUTED_BY = "retail/executed_by"
# As in mirror/write_lock.py: either side gives a machine that is gone up within half a minute.
_KEEPALIVE = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4"}
_SERVER_KEEPALIVE = "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4"
# Shared, because a process that lost its connection takes the lock again before the server knows of the loss.
_TAKE = "select pg_advisory_lock_shared(hashtextextended(%s, %s))"
_HELD = """
select
    array(
        select wanted.run_id
        from unnest(%s::text[]) as wanted (run_id)
        inner join pg_locks as l
            on (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(wanted.run_id, %s)
        where
            l.locktype = 'advisory' and l.objsubid = 1 and l.granted
            and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    ),
    extract(epoch from now() - pg_postmaster_start_time())
"""
_UNFINISHED = "select exists (select from runs where status in ('STARTING', 'STARTED', 'CANCELING'))"
_PAUSE = 1.0


@dataclass(frozen=True)
class Look:
    """Which runs somebody executes, and for how many seconds the server has been up."""

    held: frozenset[str]
    server_seconds: float


def this_process() -> str:
    """Return the text that names this process to people."""
    return f"pid {os.getpid()} on {socket.gethostname()}"


def is_gone(executed_by: str) -> bool:
    """Return whether a process so named was of this host and has ended."""
    pid, _, host = executed_by.removeprefix("pid ").partition(" on ")
    return host == socket.gethostname() and pid.isdecimal() and not os.path.exists(f"/proc/{pid}")  # noqa: PTH110


@contextmanager
def hold(address: str, run_id: str) -> Iterator[None]:
    """Hold the lock of a run while the block runs; a connection that is lost is re-created by a thread."""
    stop_reader, stop_writer = os.pipe()
    first = None
    with suppress(psycopg2.Error):
        first = _take(address, run_id)
    keeper = threading.Thread(
        target=_keep, args=(address, run_id, first, stop_reader), name=f"lifeline {run_id[:8]}", daemon=True
    )
    keeper.start()
    try:
        yield
    finally:
        os.close(stop_writer)
        keeper.join()
        os.close(stop_reader)


def look(address: str, run_ids: Collection[str]) -> Look:
    """Return which of these runs somebody executes."""
    with closing(_connect(address, "retail-pipeline")) as opened, opened.cursor() as cursor:
        cursor.execute(_HELD, (list(run_ids), locks.RUN_SEED))
        held, seconds = cursor.fetchone() or ([], 0.0)
    return Look(frozenset(held), float(seconds))


def unfinished(address: str) -> bool:
    """Return whether Dagster has a run that is neither finished nor waiting; asked without importing Dagster."""
    with closing(_connect(address, "retail-pipeline")) as opened, opened.cursor() as cursor:
        cursor.execute("select to_regclass('runs') is not null")
        if not (cursor.fetchone() or (False,))[0]:
            return False
        cursor.execute(_UNFINISHED)
        return bool((cursor.fetchone() or (False,))[0])


def _connect(address: str, application: str) -> Connection:
    # SQLAlchemy, which reads the same address, may want the driver named in it.
    parameters = parsed(address.replace("postgresql+psycopg2://", "postgresql://", 1))
    parameters |= _KEEPALIVE | {"application_name": application}
    parameters.setdefault("connect_timeout", "10")
    connection = psycopg2.connect(make_dsn(**parameters))
    connection.autocommit = True
    return connection


def _take(address: str, run_id: str) -> Connection:
    connection = _connect(address, f"run {run_id}")
    with connection.cursor() as cursor:
        cursor.execute(_SERVER_KEEPALIVE)
        cursor.execute(_TAKE, (run_id, locks.RUN_SEED))
    return connection


def _keep(address: str, run_id: str, connection: Connection | None, stop: int) -> None:
    """Wait for the end of the block or of the connection, whichever comes first, without asking the server."""
    while True:
        if connection is None:
            # The run goes on without: Dagster's own writing says what is wrong with its database.
            with suppress(psycopg2.Error):
                connection = _take(address, run_id)
        # Nothing is asked for, so what arrives is the end of the session.
        waited_for = [stop, connection.fileno()] if connection else [stop]
        ready, _, _ = select.select(waited_for, [], [], None if connection else _PAUSE)
        if connection and ready:
            with suppress(psycopg2.Error):
                connection.close()
            connection = None
        if stop in ready:
            return
