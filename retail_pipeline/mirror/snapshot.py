"""What does PostgreSQL hold at one moment? Rows of the mirrored tables as documents, all from one snapshot."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bson
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import register_type
from psycopg2.sql import SQL, Composed, Identifier, Literal

from retail_pipeline.column_types import AS_TEXT
from retail_pipeline.mirror import documents
from retail_pipeline.settings import Settings
from retail_pipeline.tables import SCHEMA, Table
from retail_pipeline.warehouse import connection

ROWS_AT_ONCE = 5_000


class Snapshot:
    """A read-only view of PostgreSQL at one moment."""

    def __init__(self, open_connection: Connection) -> None:
        self._connection = open_connection
        self._cursors = itertools.count(1)

    def documents(self, table: Table) -> Iterator[bytes]:
        """Return the documents of all rows, encoded, in the order of the key; memory stays flat."""
        with self._connection.cursor(name=f"mirror_{next(self._cursors)}") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            register_type(AS_TEXT, cursor)
            cursor.execute(
                SQL("select {} from {} order by {}").format(
                    _names(table.column_names), Identifier(SCHEMA, table.name), _names(table.key)
                )
            )
            yield from documents.encoded(table, cursor)

    def by_key(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], bytes]:
        """Return the encoded documents of the rows that have one of `keys`."""
        wanted = list(zip(*keys, strict=True))
        if not wanted:
            return {}
        types = {column.name: column.type for column in table.columns}
        arrays = SQL(", ").join(
            SQL("{}::{}[]").format(Literal(list(values)), SQL(types[name]))
            for name, values in zip(table.key, wanted, strict=True)
        )
        query = SQL("select {} from {} join unnest({}) as wanted ({}) using ({})").format(
            _names(table.column_names),
            Identifier(SCHEMA, table.name),
            arrays,
            _names(table.key),
            _names(table.key),
        )
        found = {}
        convert = documents.converter(table)
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            for row in cursor:
                document = convert(row)
                key = documents.key_values(table, document["_id"])
                found[key or ()] = bson.encode(document)
        return found

    def count(self, table: Table) -> int:
        """Count the rows."""
        return int(self._value(SQL("select count(*) from {}").format(Identifier(SCHEMA, table.name))))

    def column(self, table: Table, name: str) -> list[Any]:
        """Return one column of a small table, in the order of its key."""
        query = SQL("select {} from {} order by {}").format(
            Identifier(name), Identifier(SCHEMA, table.name), _names(table.key)
        )
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return [value for (value,) in cursor]

    def some(self, table: Table, wanted: int) -> list[bytes]:
        """Return the encoded documents of about `wanted` rows, chosen again each time."""
        query = SQL("select {} from {} {} order by random() limit {}").format(
            _names(table.column_names),
            Identifier(SCHEMA, table.name),
            self._sampling(table, wanted),
            Literal(wanted),
        )
        with self._connection.cursor() as cursor:
            register_type(AS_TEXT, cursor)
            cursor.execute(query)
            return list(documents.encoded(table, cursor.fetchall()))

    def _sampling(self, table: Table, wanted: int) -> Composed | SQL:
        """Read a part of the pages where the table is much larger than what is wanted of it."""
        estimate = self._value(
            SQL("select greatest(reltuples, 0) from pg_class where oid = {}::regclass").format(Literal(table.qualified))
        )
        share = 100.0 * 20 * wanted / max(float(estimate), 1.0)
        return SQL("tablesample system ({})").format(Literal(share)) if share < 50 else SQL("")  # noqa: PLR2004

    def _value(self, query: Composed) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        return row[0] if row else None


def _names(names: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))


@contextmanager
def take(settings: Settings, exported: str | None = None) -> Iterator[Snapshot]:
    """Take a snapshot now, or enter one that another connection exported."""
    with connection.connect(settings, connection.READER) as opened, connection.explained():
        opened.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with opened.cursor() as cursor:
            if exported:
                cursor.execute("set transaction snapshot %s", (exported,))
            _see_every_store(cursor)
            # The snapshot is taken by the first query that reads a table; this one is it.
            cursor.execute("select 1 from pg_class limit 1")
        yield Snapshot(opened)
        opened.rollback()


@contextmanager
def latest(settings: Settings) -> Iterator[Snapshot]:
    """Return a view in which each query sees what is committed when it starts."""
    with connection.connect(settings, connection.READER, autocommit=True) as opened, connection.explained():
        with opened.cursor() as cursor:
            _see_every_store(cursor)
        yield Snapshot(opened)


def _see_every_store(cursor: Any) -> None:
    """Make the server refuse a query whose rows a policy would thin out, instead of giving fewer rows."""
    cursor.execute("set row_security = off")
