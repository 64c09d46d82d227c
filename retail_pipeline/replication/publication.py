"""What does PostgreSQL publish? Every table to other consumers, and to the stream the streamed tables alone."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import SQL, Composed, Identifier

from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, PUBLICATION, RED, SCHEMA, STREAM_PUBLICATION
from retail_pipeline.warehouse import connection

HEARTBEAT = BY_NAME["heartbeat"]
# What the stream reads. The heartbeat lets the slot move on while nobody sells.
STREAMED = (*RED, HEARTBEAT)


def ensure(settings: Settings) -> dict[str, list[str]]:
    """Make the publications, or bring back what is missing of them; give the tables of each.

    Only a superuser can publish all tables, so this connects as the administrator.
    """
    wanted = sorted(table.name for table in STREAMED)
    with (
        connection.connect_dsn(settings.require("postgres_dsn")) as administrator,
        administrator.cursor() as cursor,
    ):
        if not _publishes_everything(cursor):
            cursor.execute(SQL("drop publication if exists {}").format(Identifier(PUBLICATION)))
            cursor.execute(SQL("create publication {} for all tables").format(Identifier(PUBLICATION)))
        if not _exists(cursor, STREAM_PUBLICATION):
            cursor.execute(_with_tables("create publication {} for table {}", wanted))
        elif _tables(cursor, STREAM_PUBLICATION) != wanted:
            cursor.execute(_with_tables("alter publication {} set table {}", wanted))
        return {name: _tables(cursor, name) for name in (PUBLICATION, STREAM_PUBLICATION)}


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
