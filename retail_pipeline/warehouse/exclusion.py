"""How does one run keep out another of its kind? By an advisory lock of its session, and who waits says for whom."""

from __future__ import annotations

import time
from collections.abc import Callable

from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import lock_holders
from retail_pipeline.warehouse.connection import connect_dsn, one

# Who waits says so as often; it is asked for again each time, so that nothing is held meanwhile.
_TOLD_SECONDS = 10.0


def is_taken(session: Connection, lock: int) -> bool:
    """Take the lock until the session ends if nobody has it, and tell whether that was so."""
    with session.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (lock,))
        (taken,) = one(cursor)
    session.commit()
    return bool(taken)


def take(
    settings: Settings,
    session: Connection,
    lock: int,
    what: str,
    *,
    within: float | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Take the lock until the session ends, in turn with others who want it; `what` is what its holder does.

    BlockedError names the holder where it is not to be had `within` so many seconds; without a bound it is waited for.
    """
    began = time.monotonic()
    taken = is_taken(session, lock)
    while not taken:
        waited = time.monotonic() - began
        found = _holders(settings, lock)
        left = _TOLD_SECONDS if within is None else min(_TOLD_SECONDS, within - waited)
        if left <= 0:
            raise lock_holders.blocked(f"Waiting for {what} to end", waited, found)
        report(f"waiting for {what} to end: {lock_holders.named(found)}")
        taken = _waited_for(session, lock, left)


def _waited_for(session: Connection, lock: int, seconds: float) -> bool:
    with session.cursor() as cursor:
        cursor.execute("set lock_timeout = %s", (f"{round(seconds * 1000)}ms",))
        try:
            cursor.execute("select pg_advisory_lock(%s)", (lock,))
            taken = True
        except pg_errors.LockNotAvailable:
            session.rollback()
            taken = False
        cursor.execute("reset lock_timeout")
    session.commit()
    return taken


def _holders(settings: Settings, lock: int) -> list[lock_holders.Holder]:
    with connect_dsn(settings.require("postgres_dsn"), autocommit=True) as administrator:
        return lock_holders.advisory_holders(administrator.cursor(), lock)
