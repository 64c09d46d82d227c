"""Does each store see its own rows and no other's? Asked by behaviour: as the role of each store.

The administrator's session becomes each store by SET SESSION AUTHORIZATION, which changes the role and nothing else. A
login would bring what the store has set on its role, and need a place among its connections: the state of one store
would decide what is found. See https://www.postgresql.org/docs/current/sql-set-session-authorization.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors, sql

from retail_pipeline.tables import BY_NAME, SCHEMA, TENANT
from retail_pipeline.warehouse.connection import connect_dsn, store_role

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

    from retail_pipeline.settings import Settings

# What a store works on every day; each has rows of every store.
PROBED = ("transactions", "transaction_details", "inventory", "demand_forecast")

# Nothing that is seen may depend on what server, database or role have set.
_SETTINGS = """
set row_security = on; set search_path = pg_catalog, pg_temp; set statement_timeout = '60s'; set lock_timeout = '2s';
"""
# A table that stays locked costs that time once, and not again for every store.
_SHORT_LOCK_TIMEOUT = "set lock_timeout = '20ms'"

# One snapshot for both counts, so that no sale comes between them; and the role ends with the transaction.
_BEGIN = "begin isolation level repeatable read, read write"
_BECOME = sql.SQL("set local session authorization {}")

# Classes of SQLSTATE that follow only where the policy let a row pass: broken constraints, and our own refusals.
_LET_THROUGH = ("23", "RT")


@dataclass(frozen=True)
class Finding:
    """What a store's role saw or did that it must not, or did not see that it must; or why that cannot be told."""

    role: str
    table: str
    what: str

    def __str__(self) -> str:
        """One line for the operator."""
        return f"{self.role}, {self.table}: {self.what}"


@dataclass(frozen=True)
class Verdict:
    """What breaks the isolation, and what could not be told; both are empty where it holds."""

    findings: tuple[Finding, ...]
    untold: tuple[Finding, ...]


def verdict(settings: Settings) -> Verdict:
    """Become every store of the data that is not kept out, and look.

    Each must see all rows of its store and none of another, must move none of its rows to another store, and must be
    neither superuser nor exempt from the policies. Nothing is changed: what is tried is rolled back.
    """
    findings: list[Finding] = []
    untold: list[Finding] = []
    with connect_dsn(settings.require("postgres_dsn"), autocommit=True) as session:
        _run(session, _SETTINGS)
        stores = [row[0] for row in _rows(session, "select store_id from retail.stores order by store_id")]
        kept_out = {row[0] for row in _rows(session, "select rolname from pg_roles where not rolcanlogin")}
        for store_id in stores:
            role = store_role(store_id)
            if role in kept_out:
                continue
            other = next((one for one in stores if one != store_id), None)
            for table in (None, *PROBED):
                subject = table or "every table"
                try:
                    looked = _exempt(session, role) if table is None else _look(session, table, store_id, other)
                    findings.extend(Finding(role, subject, what) for what in looked)
                except psycopg2.Error as error:
                    if session.closed:
                        raise
                    untold.append(Finding(role, subject, f"could not be told: {error.diag.message_primary}"))
                    if isinstance(error, errors.LockNotAvailable):
                        _run(session, _SHORT_LOCK_TIMEOUT)
    return Verdict(tuple(findings), tuple(untold))


def _exempt(session: Connection, role: str) -> Iterator[str]:
    """Return what is wrong with a role without policies that the store is or may become."""
    with _rolled_back(session):
        _run(session, _BECOME.format(sql.Identifier(role)))
        if exempt := _rows(session, _EXEMPT):
            yield f"is or may become {exempt[0][0]}, whom no policy binds"


def _look(session: Connection, table: str, store_id: int, other: int | None) -> Iterator[str]:
    """Return what is wrong with what the store sees of a table and can do with it, each as soon as it is known."""
    name = _name(table)
    with _rolled_back(session):
        rows = int(_rows(session, _COUNT.format(name), (store_id,))[0][0])
        _run(session, _BECOME.format(sql.Identifier(store_role(store_id))))
        own, foreign = _rows(session, _SEEN.format(name), (store_id, store_id))[0]
        if own != rows:
            yield f"sees {own:,} of its {rows:,} rows"
        if foreign:
            yield f"sees {foreign:,} rows of other stores"
        # The last, for a refusal ends the transaction.
        if other is not None and own and _moves(session, name, store_id, other):
            yield f"can move its rows to store {other}"


_EXEMPT = "select rolname from pg_roles where (rolsuper or rolbypassrls) and pg_has_role(oid, 'member')"
_COUNT = sql.SQL("select count(*) from {} where store_id = %s")
_SEEN = sql.SQL("select count(*) filter (where store_id = %s), count(*) filter (where store_id <> %s) from {}")
_MOVE = sql.SQL("update {} set {} = %s where ctid = (select ctid from {} where store_id = %s limit 1)")


def _moves(session: Connection, name: sql.Identifier, store_id: int, other: int) -> bool:
    """Try to give a row away; tell whether the policy let it pass. Any other refusal than these proves neither."""
    try:
        return _run(session, _MOVE.format(name, sql.Identifier(TENANT), name), (other, store_id)) > 0
    except errors.InsufficientPrivilege:
        return False
    except psycopg2.Error as error:
        if (error.pgcode or "").startswith(_LET_THROUGH):
            return True
        raise


@contextmanager
def _rolled_back(session: Connection) -> Iterator[None]:
    """Undo everything in the end, the change of role included."""
    _run(session, _BEGIN)
    try:
        yield
    finally:
        if not session.closed:
            _run(session, "rollback")


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, BY_NAME[table].name)


def _run(session: Connection, statement: str | sql.Composed, values: tuple[object, ...] | None = None) -> int:
    with session.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def _rows(session: Connection, query: str | sql.Composed, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
