"""Who writes the collections now? One at a time, by an advisory lock of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, exclusion, locks

# A run in Dagster may wait for another for as long; who stands at a terminal is told who it is.
WITHIN = 3600.0


@contextmanager
def hold(
    settings: Settings,
    report: Callable[[str], None] = lambda _: None,
    lock: int = locks.MIRROR,
    *,
    within: float = WITHIN,
) -> Iterator[None]:
    """Be the only one who rewrites collections: two at a time could put an older state over a newer one.

    Those of answers have a `lock` of their own, for an analysis takes minutes and the stream's healing cannot wait.
    BlockedError names the other run where it is not done `within` so many seconds.
    """
    with connection.connect(settings, connection.READER, autocommit=True) as opened, connection.explained():
        _keep_alive(opened)
        exclusion.take(settings, opened, lock, "another run that writes the collections", within=within, report=report)
        yield


@contextmanager
def try_hold(settings: Settings) -> Iterator[bool]:
    """Be the only one as in `hold`, or tell at once that somebody else is."""
    with connection.connect(settings, connection.READER, autocommit=True) as opened, connection.explained():
        _keep_alive(opened)
        yield exclusion.is_taken(opened, locks.MIRROR)


def _keep_alive(opened: Connection) -> None:
    """Let a holder whose machine is gone lose its lock within half a minute, not two hours."""
    with opened.cursor() as cursor:
        cursor.execute("set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4")


def is_held(settings: Settings) -> bool:
    """Return whether somebody is rewriting collections."""
    with (
        connection.connect(settings, connection.READER, autocommit=True) as opened,
        connection.explained(),
        opened.cursor() as cursor,
    ):
        cursor.execute(
            "select from pg_locks join pg_database as d on d.oid = database"
            " where locktype = 'advisory' and objid = %s and granted and datname = current_database()",
            (locks.MIRROR,),
        )
        return bool(cursor.rowcount)
