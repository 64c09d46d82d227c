"""Every wall is needed: each fault planted here, in a database of its own, is seen by what a store then gets.

No catalog is read: a mutant is caught by an attack, a refusal or an account that no longer holds.
"""

# ruff: noqa: E501  an SQL statement is easier to judge unbroken

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
import psycopg2.extras
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline import tables
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, consistency, sqlstates
from retail_pipeline_tests.integration.shop import STOCK, rows, run, sell, stock
from retail_pipeline_tests.integration.warehouse import attacks

Probe = Callable[[Settings, Connection], None]


def attack(name: str) -> Probe:
    """Try an attack of the table."""
    return lambda settings, everything: attacks.try_out(attacks.ATTACKS[name], settings, everything)


def owner_sees_nothing(_: Settings, everything: Connection) -> None:
    """Let the owner look at every tenant's rows."""
    run(everything, "set role retail_owner")
    try:
        for table in (*tables.TENANT_TABLES, tables.BY_NAME["customers"]):
            assert rows(everything, f"select count(*) from {table.qualified}") == [(0,)], table.name
    finally:
        run(everything, "reset role")


def refuses(state: str | None, products: list[int], quantities: list[int], **others: object) -> Probe:
    """Sell what has to be refused; or, without a state, what must not be."""

    def probe(settings: Settings, _: Connection) -> None:
        with connection.connect(settings, connection.store_role(1)) as store:
            try:
                sell(store, products, quantities, **others)
                store.commit()
                refused = None
            except psycopg2.Error as error:
                refused = error.pgcode
                store.rollback()
        assert refused == state

    return probe


def accounts_agree(*steps: str) -> Probe:
    """Do as store 1 what may be allowed or refused, and hold the tables against each other."""

    def probe(settings: Settings, everything: Connection) -> None:
        with connection.connect(settings, connection.store_role(1)) as store:
            number = sell(store, [103, 104, 103], [1, 2, 3])
            store.commit()
            for step in steps:
                # Committing what failed rolls it back.
                with contextlib.suppress(psycopg2.Error):
                    run(store, step.format(number=number))
                store.commit()
        counts = consistency.violations(everything)
        assert not any(counts.values()), counts

    return probe


def locks_in_product_order(settings: Settings, everything: Connection) -> None:
    """Stop a sale at its smaller product: it must not hold the larger one yet."""
    address = connection.dsn(settings, connection.store_role(1))
    blocker = psycopg2.connect(settings.require("postgres_dsn"))
    run(blocker, "select from retail.inventory where store_id = 1 and product_id = 105 for update")
    seller = psycopg2.connect(address, async_=True)
    psycopg2.extras.wait_select(seller)
    cursor = seller.cursor()
    cursor.execute("call retail.insert_transaction(1, 11, 1, array[106, 105], array[1, 1])")
    waiting = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
    try:
        while not rows(everything, waiting, seller.info.backend_pid)[0][0]:
            seller.poll()
        larger = "select from retail.inventory where store_id = 1 and product_id = 106 for update nowait"
        assert run(everything, larger) == 1
    except psycopg2.errors.LockNotAvailable as error:
        raise AssertionError("the larger product is locked first") from error
    finally:
        seller.close()
        blocker.close()


def replays_a_key_once(settings: Settings, everything: Connection) -> None:
    """Call twice with one key, and with it another time for something else."""
    key = "00000000-0000-0000-0000-000000000001"
    with connection.connect(settings, connection.store_role(1)) as store:
        assert sell(store, [107], [1], key=key) == sell(store, [107], [1], key=key)
    assert stock(everything)[107] == STOCK - 1
    refuses(sqlstates.KEY_USED_OTHERWISE, [107], [2], key=key)(settings, everything)


def a_movement_names_who_did_it(settings: Settings, everything: Connection) -> None:
    """Sell, and read the name on the movement."""
    with connection.connect(settings, connection.store_role(1)) as store:
        number = sell(store, [105], [1])
    named = "select role_name from retail.stock_movements where reason = 'sale' and transaction_id = %s"
    assert rows(everything, named, number) == [("store_user_1",)]


@dataclass(frozen=True)
class Mutant:
    """A fault: SQL, or a text of a function and what becomes of it; and what must notice."""

    fault: str | tuple[str, str, str]
    caught_by: Probe


def _policy(table: str, rest: str) -> str:
    return f"drop policy store on retail.{table}; create policy store on retail.{table} to store_user {rest}"


_OWN = "(store_id = (select retail.current_store_id()))"

MUTANTS: dict[str, Mutant] = {
    "transactions open to read": Mutant(
        _policy("transactions", f"using (true) with check {_OWN}"), attack("select by another's id")
    ),
    "lines open to read": Mutant(
        _policy("transaction_details", f"using (true) with check {_OWN}"), attack("lines of another's sale")
    ),
    "inventory open to read": Mutant(
        _policy("inventory", f"using (true) with check {_OWN}"), attack("stock of another")
    ),
    "forecasts open to read": Mutant(
        _policy("demand_forecast", f"using (true) with check {_OWN}"), attack("forecasts of another")
    ),
    "transactions without check": Mutant(
        _policy("transactions", f"using {_OWN} with check (true)"), attack("move of a sale")
    ),
    "lines without check": Mutant(
        _policy("transaction_details", f"using {_OWN} with check (true)"), attack("line for another")
    ),
    "inventory without check": Mutant(
        _policy("inventory", f"using {_OWN} with check (true)"), attack("insert for another")
    ),
    "forecasts without check": Mutant(
        _policy("demand_forecast", f"using {_OWN} with check (true)"), attack("forecast for another")
    ),
    "one policy more": Mutant(
        "create policy more on retail.inventory to store_user using (inventory_level > 0)", attack("stock of another")
    ),
    "row security off": Mutant("alter table retail.inventory disable row level security", attack("stock of another")),
    "FORCE off": Mutant("alter table retail.inventory no force row level security", owner_sees_nothing),
    "customers of everyone": Mutant(_policy("customers", "using (true)"), attack("customers of another")),
    "relations of everyone": Mutant(_policy("store_customers", "using (true)"), attack("who is whose customer")),
    "mapping of everyone": Mutant(_policy("role_store", "using (true)"), attack("who is which store")),
    "movements of everyone": Mutant(
        "alter table retail.stock_movements disable row level security", attack("movements of another")
    ),
    "observations of everyone": Mutant(
        "alter table retail.observations disable row level security", attack("observations of another")
    ),
    "tenant by a setting": Mutant(
        "create or replace function retail.current_store_id() returns int language sql stable "
        "set search_path = pg_catalog, pg_temp return current_setting('app.store_id', true)::int",
        attack("a setting that names the store"),
    ),
    "view of its owner": Mutant(
        "create view retail.stock as select * from retail.inventory; grant select on retail.stock to store_user",
        attack("every view"),
    ),
    "truncate granted": Mutant("grant truncate on retail.demand_forecast to store_user", attack("truncate")),
    "number granted": Mutant("grant insert on retail.transactions to store_user", attack("chosen number")),
    "renumbering granted": Mutant("grant update on retail.transactions to store_user", attack("renumbering")),
    "relation granted": Mutant(
        "grant insert on retail.store_customers to store_user; alter table retail.store_customers disable row level security",
        attack("own relation"),
    ),
    "movements granted": Mutant(
        "grant insert on retail.stock_movements to store_user; create policy w on retail.stock_movements for insert to store_user with check (true); grant usage on retail.movement_number to store_user",
        attack("forged movement"),
    ),
    "mapping granted": Mutant(
        "grant update on retail.role_store to store_user; drop policy store on retail.role_store; create policy store on retail.role_store to store_user using (role_name = current_user)",
        attack("own mapping"),
    ),
    "price granted": Mutant(
        "grant execute on procedure retail.set_price(integer, numeric) to store_user", attack("price by call")
    ),
    "stock mover granted": Mutant(
        "grant execute on function retail.move_stock(integer, bigint, bigint, text, bigint) to store_user; alter function retail.move_stock security definer",
        attack("stock mover"),
    ),
    "sequence granted": Mutant("grant usage on retail.transaction_number to store_user", attack("next number")),
    "temporary tables granted": Mutant(
        "do $$ begin execute format('grant temporary on database %I to store_user', current_database()); end $$",
        attack("temporary table that shadows"),
    ),
    "advisory locks granted": Mutant(
        "grant execute on function pg_advisory_lock(bigint) to public", attack("advisory lock")
    ),
    "messages granted": Mutant(
        "grant execute on function pg_logical_emit_message(boolean, text, text, boolean) to public",
        attack("message into the stream"),
    ),
    "foreign key without the store": Mutant(
        "alter table retail.transactions drop constraint transactions_store_id_customer_id_fkey; "
        "alter table retail.transactions add foreign key (customer_id) references retail.customers",
        attack("header with a stranger"),
    ),
    "lines referring by number alone": Mutant(
        "alter table retail.transactions add unique (transaction_id); "
        "alter table retail.transaction_details drop constraint transaction_details_store_id_transaction_id_fkey; "
        "alter table retail.transaction_details add foreign key (transaction_id) references retail.transactions (transaction_id)",
        attack("line in another's sale"),
    ),
    "stock keyed without the store": Mutant(
        "create unique index on retail.transaction_details (transaction_id, line_number)",
        attack("duplicate-key oracle of own lines"),
    ),
    "guard removed": Mutant(
        ("insert_transaction", "perform retail.authorize(p_store_id);", ""), attack("sale in another store")
    ),
    "guard of returns removed": Mutant(
        ("return_items", "perform retail.authorize(p_store_id);", ""), attack("return for another store")
    ),
    "guard of voids removed": Mutant(
        ("void_transaction", "perform retail.authorize(p_store_id);", ""), attack("void for another store")
    ),
    "guard of receipts removed": Mutant(
        ("receive_stock", "perform retail.authorize(p_store_id);", ""), attack("receipt for another store")
    ),
    "guard of customers removed": Mutant(
        ("register_customer", "perform retail.authorize(p_store_id);", ""), attack("customer for another store")
    ),
    "guard that asks who the definer is": Mutant(
        ("authorize", "constant name := retail.caller()", "constant name := current_user"), refuses(None, [105], [1])
    ),
    "availability unchecked": Mutant(
        ("check_stock", "p_available < p_wanted", "false"), refuses(sqlstates.NOT_ENOUGH_STOCK, [105], [STOCK + 1])
    ),
    "availability checked line by line": Mutant(
        ("insert_transaction", "sum(l.quantity)::bigint", "max(l.quantity)::bigint"),
        refuses(sqlstates.NOT_ENOUGH_STOCK, [105, 105], [STOCK, 1]),
    ),
    "customer unchecked": Mutant(
        ("insert_transaction", "not known.customer", "false"),
        refuses(sqlstates.NOT_A_CUSTOMER, [105], [1], customer=21),
    ),
    "quantity unchecked": Mutant(
        ("check_lists", "quantity not between 1 and 1000000", "false"),
        refuses(sqlstates.QUANTITY_OUT_OF_RANGE, [105], [-5]),
    ),
    "lengths unchecked": Mutant(
        ("check_lists", "cardinality(p_ids) <> cardinality(p_quantities)", "false"),
        refuses(sqlstates.MALFORMED_LISTS, [105, 106], [1]),
    ),
    "lock order reversed": Mutant(
        ("insert_transaction", "order by i.product_id\n", "order by i.product_id desc\n"), locks_in_product_order
    ),
    "key forgotten": Mutant(
        ("remember_request", "on conflict do nothing;\n    if found then", "on conflict do nothing;\n    if true then"),
        replays_a_key_once,
    ),
    "payload not compared": Mutant(
        ("remember_request", "first_call.payload_sha256 <> payload_sha256", "false"), replays_a_key_once
    ),
    "no trigger on new lines": Mutant(
        "alter table retail.transaction_details disable trigger stock_2_take_new_lines", accounts_agree()
    ),
    "no trigger on changed lines": Mutant(
        "alter table retail.transaction_details disable trigger stock_follows_changed_lines",
        accounts_agree(
            "update retail.transaction_details set quantity = 9 where transaction_id = {number} and line_number = 2"
        ),
    ),
    "no trigger on deleted lines": Mutant(
        "alter table retail.transaction_details disable trigger stock_follows_deleted_lines",
        accounts_agree("delete from retail.transaction_details where transaction_id = {number} and line_number = 2"),
    ),
    "no trigger on stock": Mutant(
        "alter table retail.inventory disable trigger note_updated_stock",
        accounts_agree("update retail.inventory set inventory_level = 500 where product_id = 103"),
    ),
    "repeated products deducted once": Mutant(
        ("take_stock_of_lines", "sum(l.quantity)::integer", "max(l.quantity)::integer"), accounts_agree()
    ),
    "second place that decrements": Mutant(
        (
            "insert_transaction",
            "    -- The trigger on these lines",
            "    update retail.inventory set inventory_level = inventory_level - 1 where store_id = p_store_id and product_id = p_product_ids[1];\n    -- The trigger on these lines",
        ),
        accounts_agree(),
    ),
    "returned twice": Mutant(
        ("take_back", "coalesce(l.quantity, 0) - coalesce(b.quantity, 0)", "coalesce(l.quantity, 0)"),
        accounts_agree(*["call retail.return_items(1, {number}, array[2], array[2])"] * 2),
    ),
    "sales without lines": Mutant("drop trigger require_lines on retail.transactions", attack("sale without lines")),
    "movements without their role": Mutant(
        ("take_stock_of_lines", "retail.caller()", "current_user"), a_movement_names_who_did_it
    ),
}


def test_the_probes_find_nothing_without_a_fault(sold: Settings) -> None:
    with connection.connect_dsn(sold.require("postgres_dsn"), autocommit=True) as everything:
        for name, mutant in MUTANTS.items():
            try:
                mutant.caught_by(sold, everything)
            except AssertionError as error:
                raise AssertionError(f"the probe of {name!r} cries wolf") from error


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_caught(name: str, sold: Settings) -> None:
    mutant = MUTANTS[name]
    with connection.connect_dsn(sold.require("postgres_dsn"), autocommit=True) as everything:
        _plant(everything, mutant)

        with pytest.raises(AssertionError):
            mutant.caught_by(sold, everything)


def test_there_are_mutants_enough() -> None:
    assert len(MUTANTS) >= 20


def _plant(everything: Connection, mutant: Mutant) -> None:
    if isinstance(mutant.fault, str):
        run(everything, mutant.fault)
        return
    name, text, other = mutant.fault
    query = "select pg_get_functiondef(oid) from pg_proc where proname = %s and pronamespace = 'retail'::regnamespace"
    ((definition,),) = rows(everything, query, name)
    assert text in definition, f"{name} has no {text}"
    run(everything, definition.replace(text, other, 1))
