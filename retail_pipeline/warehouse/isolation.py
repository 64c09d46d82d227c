"""Does each store see its own rows and no other's? Asked by behaviour: as the stores' own logins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors, sql

from retail_pipeline.errors import WarehouseError
from retail_pipeline.tables import BY_NAME, SCHEMA, TENANT
from retail_pipeline.warehouse.connection import READER, connect, store_role

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

    from retail_pipeline.settings import Settings

# What a store works on every day; each has rows of every store.
PROBED = ("transactions", "transaction_details", "inventory", "demand_forecast")


@dataclass(frozen=True)
class Finding:
    """What a store's login saw or did that it must not, or did not see that it must."""

    role: str
    table: str
    what: str

    def __str__(self) -> str:
        """One line for the operator."""
        return f"{self.role}, {self.table}: {self.what}"


def findings(settings: Settings) -> list[Finding]:
    """Log in as every store of the data that is not kept out and look; an empty list means that the isolation holds.

    Each login must see all rows of its store (as the reader of all counts them in the same moment, sales going on) and
    none of another, must move none of its rows to another store, and must be neither superuser nor exempt from the
    policies. Nothing is changed: what is tried is rolled back. WarehouseError where a store has no login.
    """
    with connect(settings, READER, autocommit=True) as reader:
        stores = [row[0] for row in _rows(reader, "select store_id from retail.stores order by store_id")]
        kept_out = {row[0] for row in _rows(reader, "select rolname from pg_roles where not rolcanlogin")}
        found: list[Finding] = []
        for store_id in stores:
            if store_role(store_id) in kept_out:
                continue
            try:
                with connect(settings, store_role(store_id), autocommit=True) as store:
                    found += _look(
                        reader, store, store_id, other=next((one for one in stores if one != store_id), None)
                    )
            except WarehouseError as error:
                raise WarehouseError(
                    f"The isolation of store {store_id} could not be tried. {error.message}",
                    "materialize postgres/tenant_isolation, which makes the logins",
                ) from error
        return found


def _look(reader: Connection, store: Connection, store_id: int, other: int | None) -> list[Finding]:
    role = store_role(store_id)
    found = []
    exempt = _rows(
        store, "select rolname from pg_roles where (rolsuper or rolbypassrls) and pg_has_role(oid, 'member')"
    )
    if exempt:
        found.append(Finding(role, "every table", f"is or may become {exempt[0][0]}, whom no policy binds"))
    for table in PROBED:
        before = _count(reader, table, store_id)
        own, foreign = _rows(store, _SEEN.format(_name(table)), (store_id, store_id))[0]
        after = _count(reader, table, store_id)
        if not min(before, after) <= own <= max(before, after):
            found.append(Finding(role, table, f"sees {own:,} of its {after:,} rows"))
        if foreign:
            found.append(Finding(role, table, f"sees {foreign:,} rows of other stores"))
        if other is not None and own and _moves(store, table, store_id, other):
            found.append(Finding(role, table, f"can move its rows to store {other}"))
    return found


_SEEN = sql.SQL("select count(*) filter (where store_id = %s), count(*) filter (where store_id <> %s) from {}")
_COUNT = sql.SQL("select count(*) from {} where store_id = %s")
_MOVE = sql.SQL("update {} set {} = %s where ctid = (select ctid from {} where store_id = %s limit 1)")


def _moves(store: Connection, table: str, store_id: int, other: int) -> bool:
    """Try to give a row away, and undo it; tell whether anything let it through."""
    name = _name(table)
    with store.cursor() as cursor:
        cursor.execute("begin")
        try:
            cursor.execute(_MOVE.format(name, sql.Identifier(TENANT), name), (other, store_id))
        except errors.InsufficientPrivilege:
            return False
        except psycopg2.Error:
            # Something other than the policy stopped it, such as a reference: the policy let it pass.
            return True
        else:
            return cursor.rowcount > 0
        finally:
            cursor.execute("rollback")


def _count(reader: Connection, table: str, store_id: int) -> int:
    return int(_rows(reader, _COUNT.format(_name(table)), (store_id,))[0][0])


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, BY_NAME[table].name)


def _rows(connection: Connection, query: str | sql.Composed, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
