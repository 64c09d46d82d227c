"""A store's own login does all its work and nothing else; each denial beside what must work."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline import tables
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration.conftest import copy_of
from retail_pipeline_tests.integration.shop import rows, run, sell

OWN = ("transactions", "transaction_details", "inventory", "demand_forecast")
# What MongoDB shows to a store it sees here as well.
MIRRORED = tuple(table.name for table in tables.MIRRORED if table.has_tenant and table.name not in OWN)
SEEN = (*OWN, *MIRRORED, "customers", "stock_movements", "returns", "role_store")
SHARED = ("categories", "suppliers", "products", "promotions", "payment_methods", "weather")
HIDDEN = (
    "files",
    "quarantine",
    "conflicts",
    "requests",
    "heartbeat",
    "schema_migrations",
    "unsound_text",
    "tenant_acts",
)

# A change of one's own row in each table that a store writes, and of a column that names no store.
CHANGE = {
    "transactions": "stockout = not stockout",
    "transaction_details": "unit_price = unit_price + 1",
    "inventory": "inventory_level = inventory_level + 1",
    "demand_forecast": "actual_demand = actual_demand + 1",
}


@pytest.fixture(scope="module")
def still(postgres_settings: Settings, sold_template: Settings) -> Iterator[Settings]:
    """Return a company for all tests here that commit nothing."""
    with copy_of(sold_template, postgres_settings) as settings:
        yield settings


@pytest.fixture
def store(still: Settings) -> Iterator[Connection]:
    """Return a session of store 1's own login, in a company that has sold."""
    with connection.connect(still, connection.store_role(1)) as session:
        ((is_superuser, bypasses),) = rows(
            session, "select rolsuper, rolbypassrls from pg_roles where rolname = current_user"
        )
        assert (is_superuser, bypasses) == (False, False)
        yield session
        session.rollback()


@pytest.fixture
def everything(still: Settings) -> Iterator[Connection]:
    """Return a session that sees every row."""
    with connection.connect_dsn(still.require("postgres_dsn"), autocommit=True) as session:
        yield session


def _of_store(everything: Connection, table: str, store: int) -> list[tuple[object, ...]]:
    if table == "customers":
        return rows(everything, "select * from retail.customers where customer_id / 10 = %s order by 1", store)
    return rows(everything, f"select * from retail.{table} where store_id = %s order by 1, 2", store)


def test_each_table_is_seen_by_its_store_or_by_all_or_hidden() -> None:
    assert sorted((*SEEN, *SHARED, *HIDDEN)) == sorted(tables.BY_NAME)


@pytest.mark.parametrize("table", SEEN)
def test_a_store_sees_all_of_its_own_rows_and_no_other(table: str, store: Connection, everything: Connection) -> None:
    own = _of_store(everything, table, 1)

    assert own, f"make_history in conftest.py gives no store a row of {table}"
    assert rows(store, f"select * from retail.{table} order by 1, 2") == own
    assert rows(everything, f"select count(*) > {len(own)} from retail.{table}") == [(True,)]


@pytest.mark.parametrize("table", SHARED)
def test_a_store_reads_what_is_the_same_for_all(table: str, store: Connection, everything: Connection) -> None:
    assert rows(store, f"select * from retail.{table} order by 1") == rows(
        everything, f"select * from retail.{table} order by 1"
    )


@pytest.mark.parametrize("table", HIDDEN)
def test_a_store_does_not_read_what_is_not_its_business(table: str, store: Connection) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(store, f"select count(*) from retail.{table}")


@pytest.mark.parametrize("table", OWN)
def test_a_store_changes_its_own_rows_and_no_other(table: str, store: Connection, everything: Connection) -> None:
    ((mine, all_rows),) = rows(everything, f"select count(*) filter (where store_id = 1), count(*) from retail.{table}")

    assert 0 < mine < all_rows
    assert run(store, f"update retail.{table} set {CHANGE[table]}") == mine
    assert run(store, f"update retail.{table} set {CHANGE[table]} where store_id = 2") == 0


def test_a_store_deletes_its_own_rows_and_no_other(sold: Settings) -> None:
    with connection.connect(sold, connection.store_role(1)) as store:
        sell(store, [102], [1])
        run(store, "delete from retail.transaction_details where product_id <> 100")
        run(store, "delete from retail.transactions where transaction_id > 3")
        run(store, "delete from retail.inventory")
        run(store, "delete from retail.demand_forecast")

    with connection.connect_dsn(sold.require("postgres_dsn")) as everything:
        counts = "select count(*) filter (where store_id = 1), count(*) from retail."
        assert rows(everything, counts + "transactions") == [(1, 5)]
        assert rows(everything, counts + "transaction_details") == [(1, 7)]
        assert rows(everything, counts + "inventory") == [(0, 20)]
        assert rows(everything, counts + "demand_forecast") == [(0, 2)]


@pytest.mark.parametrize("table", OWN)
def test_a_store_moves_no_row_to_another(table: str, store: Connection) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="row-level security policy"):
        run(store, f"update retail.{table} set store_id = 2")


_INSERT = {
    "transactions": "transactions (transaction_date, customer_id, store_id, payment_method_id, promotion_applied, "
    "stockout) values ('2024-01-01', {store}1, {store}, 1, false, false)",
    "transaction_details": "transaction_details values ({store}, 7, {store}, 105, 1, 2)",
    "inventory": "inventory values ({store}, 110, 5)",
    "demand_forecast": "demand_forecast values ({store}, 105, '2024-01-01', 1, 1)",
}


@pytest.mark.parametrize("table", OWN)
def test_a_store_inserts_rows_of_its_own_and_none_for_another(table: str, store: Connection) -> None:
    assert run(store, "insert into retail." + _INSERT[table].format(store=1)) == 1
    store.rollback()

    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="row-level security policy"):
        run(store, "insert into retail." + _INSERT[table].format(store=2))


def test_a_store_gets_a_number_for_its_sale_and_cannot_choose_one(store: Connection) -> None:
    insert = "insert into retail." + _INSERT["transactions"].format(store=1) + " returning transaction_id"
    ((first,),) = rows(store, insert)
    assert rows(store, insert) == [(first + 1,)]
    store.rollback()

    for attempt in (
        "insert into retail.transactions values (99, '2024-01-01', 11, 1, 1, false, null, null, false)",
        "insert into retail.transactions overriding system value select 99, now(), 11, 1, 1, false, null, null, false",
        "update retail.transactions set transaction_id = 99",
        "select nextval('retail.transaction_number')",
        "select setval('retail.transaction_number', 1)",
        "select last_value from retail.transaction_number",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run(store, attempt)
        store.rollback()


def test_a_store_has_no_more_than_select_on_any_other_table(store: Connection) -> None:
    too_much = rows(
        store,
        "select t, c from unnest(%s) as t, unnest(%s) as c "
        "where has_table_privilege(t, c) or c in ('insert', 'update', 'references') and has_any_column_privilege(t, c)",
        [table.qualified for table in tables.TABLES if table.name not in OWN],
        ["insert", "update", "delete", "truncate", "references", "trigger", "maintain"],
    )

    assert too_much == []


@pytest.mark.parametrize("table", OWN)
def test_a_store_cannot_empty_refer_to_or_put_a_trigger_on_its_tables(table: str, store: Connection) -> None:
    commands = ["truncate", "references", "trigger", "maintain"]
    question = "select c from unnest(%s) as c where has_table_privilege(%s, c)"

    assert rows(store, question, commands, f"retail.{table}") == []
    assert rows(store, question, ["select", "delete"], f"retail.{table}") == [("select",), ("delete",)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(store, f"truncate retail.{table} cascade")


def test_headquarters_sees_and_changes_the_rows_of_every_store(still: Settings, everything: Connection) -> None:
    with connection.connect(still, connection.ADMIN) as headquarters:
        for table in SEEN:
            count = f"select count(*) from retail.{table}"
            assert rows(headquarters, count) == rows(everything, count)
        for table in OWN:
            assert run(headquarters, f"update retail.{table} set {CHANGE[table]}") > 1
        headquarters.rollback()


def test_the_owner_itself_sees_no_row_of_a_tenant(everything: Connection) -> None:
    run(everything, "set role retail_owner")

    for table in (*tables.TENANT_TABLES, tables.BY_NAME["customers"]):
        assert rows(everything, f"select count(*) from {table.qualified}") == [(0,)], table.name
    assert rows(everything, "select count(*) > 0 from retail.products") == [(True,)]


def test_a_role_that_is_not_mapped_to_a_store_sees_nothing(sold: Settings) -> None:
    with connection.connect_dsn(sold.require("postgres_dsn")) as everything:
        run(everything, "delete from retail.role_store where role_name = 'store_user_1'")

    with connection.connect(sold, connection.store_role(1)) as unmapped:
        for table in SEEN:
            assert rows(unmapped, f"select count(*) from retail.{table}") == [(0,)], table


def test_every_table_of_tenant_data_is_under_forced_row_security_with_a_policy(everything: Connection) -> None:
    bare = rows(
        everything,
        "select c.relname from pg_class as c where c.relnamespace = 'retail'::regnamespace and c.relkind in ('r', 'p') "
        "and (c.relname = 'customers' or exists ("
        "   select from pg_attribute as a where a.attrelid = c.oid and a.attname = 'store_id')) "
        "and not (c.relrowsecurity and c.relforcerowsecurity "
        "   and exists (select from pg_policy as p where p.polrelid = c.oid))",
    )
    public = rows(everything, "select polname from pg_policy where 0 = any (polroles)")

    assert (bare, public) == ([], [])


def test_the_stream_reads_what_it_streams_and_writes_its_heartbeat_alone(still: Settings) -> None:
    with connection.connect(still, connection.CDC) as stream:
        run(
            stream,
            "insert into retail.heartbeat values (1, now()) on conflict (heartbeat_id) do update set beat_at = now()",
        )
        for table in tables.RED:
            assert rows(stream, f"select count(*) from {table.qualified}")
        for table in tables.TABLES:
            if table not in tables.RED and table.name != "heartbeat":
                question = "select has_table_privilege(%s, 'select, insert, update, delete, truncate')"
                assert rows(stream, question, table.qualified) == [(False,)]


def test_the_reader_reads_every_row_and_writes_none(still: Settings, everything: Connection) -> None:
    with connection.connect(still, connection.READER) as reader:
        for table in tables.TABLES:
            count = f"select count(*) from {table.qualified}"
            assert rows(reader, count) == rows(everything, count)
            question = "select has_table_privilege(%s, 'insert, update, delete, truncate')"
            assert rows(reader, question, table.qualified) == [(False,)]
