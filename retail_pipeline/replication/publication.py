"""What does PostgreSQL publish? Every table to other consumers, and to the stream the streamed tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import SQL, Composed, Identifier, Literal

from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, PUBLICATION, RED, SCHEMA, STREAM_PUBLICATION
from retail_pipeline.warehouse import connection, locks

HEARTBEAT = BY_NAME["heartbeat"]
# What the stream reads. The heartbeat lets the slot move on while nobody sells.
STREAMED = (*RED, HEARTBEAT)


def ensure(settings: Settings) -> dict[str, list[str]]:
    """Make the publications, or bring back what is missing of them; return the tables of each.

    Only a superuser can publish all tables, so this connects as the administrator.
    """
    wanted = sorted(table.name for table in STREAMED)
    stream = Identifier(STREAM_PUBLICATION)
    with (
        connection.administer(settings, "The publications could not be set up") as administrator,
        administrator.cursor() as cursor,
    ):
        # Two who change a publication at once fail.
        cursor.execute("select pg_advisory_xact_lock(%s)", (locks.PUBLICATIONS,))
        if not _publishes_everything(cursor):
            cursor.execute(SQL("drop publication if exists {}").format(Identifier(PUBLICATION)))
            cursor.execute(SQL("create publication {} for all tables").format(Identifier(PUBLICATION)))
        if not _exists(cursor, STREAM_PUBLICATION):
            cursor.execute(_with_tables("create publication {} for table {}", wanted))
        elif _tables(cursor, STREAM_PUBLICATION) != wanted or not _is_whole(cursor):
            cursor.execute(_with_tables("alter publication {} set table {}", wanted))
            cursor.execute(SQL("alter publication {} set (publish = {})").format(stream, Literal(_OPERATIONS)))
        return {name: _tables(cursor, name) for name in (PUBLICATION, STREAM_PUBLICATION)}


def identity(settings: Settings) -> dict[str, str]:
    """Return what tells this server and this publication from others that came in their place.

    A server that was restored or promoted has another timeline, one that was re-created another system identifier. A
    table that was taken out of the publication and put back has another entry there.
    """
    with connection.connect(settings, connection.READER, autocommit=True) as opened, opened.cursor() as cursor:
        cursor.execute(_IDENTITY, (STREAM_PUBLICATION,))
        server, entries = cursor.fetchone() or ("", "")
    return {"server": str(server), "publication": str(entries)}


_OPERATIONS = "insert, update, delete, truncate"
# The entry of a table tells its columns and its condition too, of which a whole one has neither.
_WHOLE = """
select
    bool_and(p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate)
    and bool_and(r.prqual is null and r.prattrs is null)
from pg_publication as p
inner join pg_publication_rel as r on r.prpubid = p.oid
where p.pubname = %s
"""
_IDENTITY = """
select
    (select c.system_identifier::text from pg_control_system() as c)
    || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8),
    coalesce((
        select
            concat(p.oid, ' ', p.pubinsert, p.pubupdate, p.pubdelete, ' ')
            || string_agg(concat(r.oid, ' ', r.prqual is null and r.prattrs is null), ' ' order by r.oid)
        from pg_publication as p
        inner join pg_publication_rel as r on r.prpubid = p.oid
        where p.pubname = %s
        group by p.oid
    ), 'none')
"""


def _is_whole(cursor: Cursor) -> bool:
    cursor.execute(_WHOLE, (STREAM_PUBLICATION,))
    row = cursor.fetchone()
    return bool(row and row[0])


def _publishes_everything(cursor: Cursor) -> bool:
    cursor.execute("select puballtables from pg_publication where pubname = %s", (PUBLICATION,))
    row = cursor.fetchone()
    return bool(row and row[0])


def _exists(cursor: Cursor, name: str) -> bool:
    cursor.execute("select 1 from pg_publication where pubname = %s", (name,))
    return cursor.fetchone() is not None


def _tables(cursor: Cursor, name: str) -> list[str]:
    cursor.execute("select tablename from pg_publication_tables where pubname = %s order by tablename", (name,))
    return [row[0] for row in cursor]


def _with_tables(statement: str, tables: Sequence[str]) -> Composed:
    names = SQL(", ").join(Identifier(SCHEMA, name) for name in tables)
    return SQL(statement).format(Identifier(STREAM_PUBLICATION), names)
