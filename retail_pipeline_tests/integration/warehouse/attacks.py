"""What a store's login may try against another, as a table: the attempt, what must come of it, and what must work.

Store 1 attacks; what belongs to the others carries marks, see `leaks`. An attempt that is not refused must show and
change nothing of another store; each has a positive control, so that a denial is never that of everything.
"""

# ruff: noqa: E501  an SQL statement is easier to judge unbroken

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.extras
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, locks, roles
from retail_pipeline_tests.integration.shop import rows

# Eight digits and no more: four of them also occur in the number of the key that MongoDB repeats in a refusal.
MARK = re.compile(r"SECRET|(?<!\d)7777\d{4}(?!\d)|1977, 7, 7|1977-07-07")

DENIED = "42501"
FOREIGN_KEY = "23503"
OTHER_STORE = "RT001"

_OWN_SALES = "select * from retail.transactions"
_OWN_STOCK = "select * from retail.inventory"


@dataclass(frozen=True)
class Attack:
    """One way in: SQL, or a function for what SQL alone cannot do; refused by `refused`, or harmless where that is None.

    Where the answer of a harmless attempt can be told beforehand it is `sees`.
    """

    name: str
    attempt: str | Callable[[Settings, Connection], Any]
    refused: str | None = None
    sees: object = None
    control: str = _OWN_SALES


def leaks(answer: object) -> bool:
    """Return whether an answer holds a mark of another store."""
    return MARK.search(repr(answer)) is not None


def outcome(attack: Attack, settings: Settings, store: Connection) -> tuple[str | None, object]:
    """Carry an attempt out and commit it; return the SQLSTATE that it was refused with, or what it answered."""
    try:
        if callable(attack.attempt):
            answer = attack.attempt(settings, store)
        else:
            with store.cursor() as cursor:
                cursor.execute(attack.attempt)
                answer = cursor.fetchall() if cursor.description else cursor.rowcount
        store.commit()
    except psycopg2.Error as error:
        if not store.closed:
            store.rollback()
        return error.pgcode or "connection", f"{error}{error.diag.message_detail}{error.diag.message_hint}"
    return None, answer


_OTHERS = """
select md5(string_agg(line, chr(10) order by line)) from (
    select 'transactions' || t::text as line from retail.transactions as t where store_id <> 1
    union all select 'details' || t::text from retail.transaction_details as t where store_id <> 1
    union all select 'inventory' || t::text from retail.inventory as t where store_id <> 1
    union all select 'forecast' || t::text from retail.demand_forecast as t where store_id <> 1
    union all select 'movements' || t::text from retail.stock_movements as t where store_id <> 1
    union all select 'returns' || t::text from retail.returns as t where store_id <> 1
    union all select 'relations' || t::text from retail.store_customers as t
    union all select 'customers' || t::text from retail.customers as t
    union all select 'mapping' || t::text from retail.role_store as t
    union all select 'products' || t::text from retail.products as t
    union all select 'policies' || t::text from pg_policies as t
    union all select 'roles' || rolname || rolsuper || rolbypassrls || rolconnlimit from pg_roles as t
) as everything
"""


def try_out(attack: Attack, settings: Settings, everything: Connection) -> None:
    """Carry an attack out as store 1; fail where it got anywhere."""
    before = rows(everything, _OTHERS)
    with connection.connect(settings, connection.store_role(1)) as store:
        refused, answer = outcome(attack, settings, store)
    assert not leaks(answer), f"{attack.name} saw {answer}"
    assert refused == attack.refused, f"{attack.name} was answered {refused}: {answer}"
    if attack.sees is not None:
        assert answer == attack.sees, f"{attack.name} was answered {answer}"
    assert rows(everything, _OTHERS) == before, f"{attack.name} changed what is not its store's"


def _copy_out(_: Settings, store: Connection) -> str:
    target = io.StringIO()
    with store.cursor() as cursor:
        cursor.copy_expert("copy (select * from retail.inventory) to stdout", target)
        cursor.copy_expert("copy retail.customers to stdout", target)
    return target.getvalue()


def _copy_in(_: Settings, store: Connection) -> None:
    with store.cursor() as cursor:
        cursor.copy_expert("copy retail.inventory from stdin", io.StringIO("2\t110\t5\n"))


def _log_in_as_another(settings: Settings, _: Connection) -> None:
    own = psycopg2.extensions.parse_dsn(connection.dsn(settings, connection.store_role(1)))
    psycopg2.connect(psycopg2.extensions.make_dsn(**own | {"user": connection.store_role(2)}))


def _replicate(settings: Settings, _: Connection) -> None:
    address = connection.dsn(settings, connection.store_role(1))
    session = psycopg2.connect(address, connection_factory=psycopg2.extras.LogicalReplicationConnection)
    session.cursor().create_replication_slot("theft", output_plugin="pgoutput")


def _inherit_two_stores(settings: Settings, _: Connection) -> object:
    with connection.connect_dsn(settings.require("postgres_dsn")) as superuser, superuser.cursor() as cursor:
        cursor.execute("create role pool nologin; grant store_user_1, store_user_2 to pool with inherit true, set true")
        try:
            cursor.execute("set local role pool")
            answer = rows(
                superuser, "select * from retail.inventory union all select 1, 1, count(*) from retail.transactions"
            )
            cursor.execute("set local role store_user_1; prepare mine as select * from retail.inventory")
            first = rows(superuser, "execute mine")
            cursor.execute("set local role store_user_2")
            second = rows(superuser, "execute mine")
        finally:
            superuser.rollback()
    assert {row[0] for row in first} == {1}
    assert {row[0] for row in second} == {2}
    return answer


def _listen(settings: Settings, store: Connection) -> object:
    with store.cursor() as cursor:
        cursor.execute("listen sales; listen retail; listen inventory")
    store.commit()
    with connection.connect(settings, connection.store_role(2)) as other, other.cursor() as cursor:
        cursor.execute("update retail.inventory set inventory_level = inventory_level")
    store.poll()
    return [notice.payload for notice in store.notifies]


def _read_a_large_object(settings: Settings, store: Connection) -> object:
    with connection.connect_dsn(settings.require("postgres_dsn")) as superuser:
        ((number,),) = rows(superuser, "select lo_from_bytea(0, 'SECRET')")
    return rows(store, "select lo_get(%s)", number)


def _compare_refusals(first: str, second: str) -> Callable[[Settings, Connection], object]:
    """Ask twice, about what another store has and about what nobody has: the answers must not differ."""

    def attempt(_: Settings, store: Connection) -> object:
        said = []
        for question in (first, second):
            try:
                rows(store, question)
            except psycopg2.Error as error:
                said.append((error.pgcode, re.sub(r"\d+", "N", f"{error}{error.diag.constraint_name}")))
            else:
                said.append((None, ""))
            store.rollback()
        return said[0] == said[1]

    return attempt


def _read_every_view(_: Settings, store: Connection) -> object:
    readable = (
        "select c.relname from pg_class as c "
        "where c.relnamespace = 'retail'::regnamespace and c.relkind in ('v', 'm') and has_table_privilege(c.oid, 'select')"
    )
    return [rows(store, f"select * from retail.{name}") for (name,) in rows(store, readable)]


def _sale(store: int, customer: int) -> str:
    return f"call retail.insert_transaction({store}, {customer}, 1, array[100], array[1])"


_HEADER = (
    "insert into retail.transactions (transaction_date, customer_id, store_id, payment_method_id, promotion_applied, "
    "stockout) values (now(), {customer}, {store}, 1, false, false) returning transaction_id"
)

_READING = [
    Attack("select of every row", "select * from retail.transactions, retail.inventory", control=_OWN_STOCK),
    Attack("select by another's id", "select * from retail.transactions where store_id = 2", sees=[]),
    Attack("lines of another's sale", "select * from retail.transaction_details where transaction_id = 2", sees=[]),
    Attack("stock of another", "select * from retail.inventory where store_id <> 1", sees=[], control=_OWN_STOCK),
    Attack("forecasts of another", "select * from retail.demand_forecast where store_id <> 1", sees=[]),
    Attack("customers of another", "select * from retail.customers where customer_id = 21", sees=[]),
    Attack("who is whose customer", "select * from retail.store_customers where store_id <> 1", sees=[]),
    Attack("who is which store", "select * from retail.role_store where store_id <> 1", sees=[]),
    Attack("movements of another", "select * from retail.stock_movements where store_id <> 1", sees=[]),
    Attack("observations of another", "select * from retail.observations where store_id <> 1", sees=[]),
    Attack("returns of another", "select * from retail.returns where store_id <> 1", sees=[]),
    Attack("another store itself", "select * from retail.stores where store_id <> 1", sees=[]),
    Attack(
        "join from own rows",
        "select d.* from retail.inventory as i join retail.inventory as d using (product_id) where d.store_id <> i.store_id",
        sees=[],
    ),
    Attack(
        "subquery", "select (select max(unit_price) from retail.transaction_details where store_id = 2)", sees=[(None,)]
    ),
    Attack("every view", _read_every_view),
    Attack("count", "select count(*) from retail.transactions where store_id <> 1", sees=[(0,)]),
    Attack("exists", "select exists (select from retail.customers where customer_id = 21)", sees=[(False,)]),
    Attack(
        "recursive query",
        "with recursive r as (select * from retail.stores) select * from r where store_id <> 1",
        sees=[],
    ),
    Attack(
        "lateral join",
        "select i.* from generate_series(1, 3) as s, lateral (select * from retail.inventory where store_id = s) as i where s <> 1",
        sees=[],
    ),
    Attack(
        "row address", "select * from retail.transactions where ctid in ('(0,2)', '(0,3)', '(0,4)', '(0,5)', '(0,6)')"
    ),
    Attack("whole-row text", "select i::text, row_to_json(i) from retail.inventory as i", control=_OWN_STOCK),
    Attack(
        "query in a text search function", "select * from ts_stat('select to_tsvector(gender) from retail.customers')"
    ),
    Attack("cursor", "declare c cursor for select * from retail.customers; fetch all from c"),
    Attack(
        "prepared statement",
        "prepare p (int) as select * from retail.inventory where store_id = $1; execute p (2)",
        sees=[],
    ),
    Attack("locking read", "select * from retail.inventory where store_id = 2 for update", sees=[], control=_OWN_STOCK),
    Attack("COPY out", _copy_out),
    Attack("COPY to a file", "copy retail.inventory to '/tmp/theft'", DENIED),
    Attack("COPY to a program", "copy retail.inventory to program 'cat'", DENIED),
    Attack(
        "leak by division",
        "select * from retail.inventory where 1 / (inventory_level - 77770100) is not null",
        control=_OWN_STOCK,
    ),
    Attack(
        "leak by cast",
        "select * from retail.customers where gender::text <> 'x' and (case gender when 'SECRET' then gender else '1' end)::int > 0",
    ),
    Attack(
        "explain with run",
        "explain (analyze, verbose, timing off, summary off, buffers off) select * from retail.inventory where store_id = 2",
        control=_OWN_STOCK,
    ),
    Attack(
        "statistics",
        "select * from pg_stats where schemaname = 'retail' and tablename in ('inventory', 'customers', 'transactions', 'stores')",
        sees=[],
        control="select * from pg_stats where tablename = 'products'",
    ),
    Attack("statistics, raw", "select * from pg_statistic", DENIED),
    Attack(
        "statements of others",
        "select query from pg_stat_activity where usename <> current_user and query not in ('', '<insufficient privilege>')",
        sees=[],
    ),
    Attack("set-aside rows", "select * from retail.quarantine", DENIED),
    Attack("calls of others", "select * from retail.requests", DENIED),
    Attack("conflicts", "select * from retail.conflicts", DENIED),
]

_WRITING = [
    Attack(
        "update of another's stock",
        "update retail.inventory set inventory_level = 0 where store_id = 2",
        sees=None,
        control=_OWN_STOCK,
    ),
    Attack(
        "update that answers",
        "update retail.inventory set inventory_level = 0 where store_id <> 1 returning *",
        sees=[],
    ),
    Attack(
        "update by join",
        "update retail.inventory as i set inventory_level = 0 from retail.products as p where p.product_id = i.product_id and i.store_id <> 1",
    ),
    Attack(
        "delete of another's forecast", "delete from retail.demand_forecast where store_id <> 1 returning *", sees=[]
    ),
    Attack(
        "delete by join",
        "delete from retail.demand_forecast as f using retail.products as p where f.store_id <> 1 returning f.*",
        sees=[],
    ),
    Attack(
        "merge",
        "merge into retail.inventory as i using (values (2)) as v (s) on i.store_id = v.s when matched then delete",
    ),
    Attack(
        "merge that inserts",
        "merge into retail.inventory as i using (values (2, 110)) as v (s, p) on i.store_id = v.s and i.product_id = v.p when not matched then insert values (2, 110, 1)",
        DENIED,
    ),
    Attack(
        "insert for another",
        "insert into retail.inventory values (2, 110, 1)",
        DENIED,
        control="insert into retail.inventory values (1, 110, 1) returning *",
    ),
    Attack("forecast for another", "insert into retail.demand_forecast values (2, 105, '2024-01-01', 1, 1)", DENIED),
    Attack("sale for another", _HEADER.format(store=2, customer=21), DENIED),
    Attack("line for another", "insert into retail.transaction_details values (2, 9, 2, 100, 1, 1)", DENIED),
    Attack(
        "upsert over another's",
        "insert into retail.inventory values (2, 100, 0) on conflict (store_id, product_id) do update set inventory_level = 0",
        DENIED,
        control="insert into retail.inventory values (1, 100, 0) on conflict (store_id, product_id) do update set inventory_level = 0 returning *",
    ),
    Attack("move of a sale", "update retail.transactions set store_id = 2", DENIED),
    Attack("move of lines", "update retail.transaction_details set store_id = 2", DENIED),
    Attack("move of stock", "update retail.inventory set store_id = 2 where product_id = 109", DENIED),
    Attack("move of a forecast", "update retail.demand_forecast set store_id = 3", DENIED),
    Attack("COPY in", _copy_in, "0A000"),
    Attack("truncate", "truncate retail.demand_forecast", DENIED),
    Attack(
        "line in another's sale",
        "insert into retail.transaction_details values (2, 9, 1, 100, 1, 1)",
        FOREIGN_KEY,
        control="insert into retail.transaction_details values (1, 9, 1, 100, 1, 1) returning *",
    ),
    Attack(
        "chosen number",
        "insert into retail.transactions values (99, now(), 11, 1, 1, false, null, null, false)",
        DENIED,
        control=_HEADER.format(store=1, customer=11),
    ),
    Attack(
        "renumbering",
        "update retail.transactions set transaction_id = 99",
        DENIED,
        control="update retail.transactions set stockout = true returning *",
    ),
    Attack("sale without lines", _HEADER.format(store=1, customer=11), "RT014", control=_sale(1, 11)),
    Attack(
        "lines taken away",
        "delete from retail.transaction_details where line_number = 2; delete from retail.returns",
        DENIED,
    ),
    Attack(
        "own mapping", "update retail.role_store set store_id = 2", DENIED, control="select * from retail.role_store"
    ),
    Attack("second mapping", "insert into retail.role_store values ('store_user_1x', 2)", DENIED),
    Attack(
        "own relation",
        "insert into retail.store_customers values (1, 21)",
        DENIED,
        control="select * from retail.store_customers",
    ),
    Attack(
        "customer's income", "update retail.customers set income = 0", DENIED, control="select * from retail.customers"
    ),
    Attack("price", "update retail.products set unit_price = 0", DENIED, control="select * from retail.products"),
    Attack(
        "forged movement",
        "insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name) values (1, 100, -5, 'sale', 'store_user_2')",
        DENIED,
        control="select * from retail.stock_movements",
    ),
    Attack(
        "rubbed out movement",
        "delete from retail.stock_movements",
        DENIED,
        control="select * from retail.stock_movements",
    ),
    Attack(
        "forged return",
        "insert into retail.returns (store_id, transaction_id, line_number, quantity) values (1, 1, 2, 1)",
        DENIED,
        control="select * from retail.returns",
    ),
]

_BECOMING = [
    Attack(
        "SET ROLE to another store",
        "set role store_user_2",
        DENIED,
        control="set role store_user_1; select current_user",
    ),
    Attack("SET ROLE to headquarters", "set role retail_admin", DENIED),
    Attack("SET ROLE to the owner", "set role retail_owner", DENIED),
    Attack("SET ROLE to the rules", "set role retail_rules", DENIED),
    Attack("SET ROLE to the loader", "set role retail_loader", DENIED),
    Attack("SET ROLE to the group", "set role store_user", DENIED),
    Attack("the setting role", "select set_config('role', 'store_user_2', false)", DENIED),
    Attack("session authorization", "set session authorization store_user_2", DENIED),
    Attack(
        "SET ROLE in a block",
        "do $$ begin execute 'set role store_user_2'; end $$",
        DENIED,
        control="do $$ begin perform 1; end $$; select 1",
    ),
    Attack(
        "a setting that names the store",
        "select set_config('app.store_id', '2', false), set_config('retail.store_id', '2', false); select * from retail.inventory where store_id = 2",
        sees=[],
    ),
    Attack("row_security off", "set row_security = off; select * from retail.transactions", DENIED),
    Attack("replication role", "set session_replication_role = replica", DENIED),
    Attack("search_path", "set search_path = retail, public; select * from inventory where store_id = 2", sees=[]),
    Attack("another's login", _log_in_as_another, "connection"),
    Attack("inheritance of two stores", _inherit_two_stores, sees=[(1, 1, 0)]),
    Attack("membership", "grant store_user_2 to store_user_1", DENIED),
    Attack("attributes", "alter role store_user_1 bypassrls", DENIED),
    Attack("another's password", "alter role store_user_2 password 'x'", DENIED),
    Attack("new role", "create role accomplice", DENIED),
    Attack("more connections", "alter role store_user_1 connection limit -1", DENIED),
    Attack("password hashes", "select * from pg_authid", DENIED, control="select * from pg_roles"),
]

_OBJECTS = [
    Attack("temporary table that shadows", "create temporary table inventory (store_id int)", DENIED),
    Attack("temporary function", "create function pg_temp.f() returns int language sql return 1", DENIED),
    Attack("table in retail", "create table retail.mine (id int)", DENIED),
    Attack("table in public", "create table public.mine (id int)", DENIED),
    Attack("schema", "create schema mine", DENIED),
    Attack("view", "create view retail.mine as select 1", DENIED),
    Attack(
        "trigger", "create trigger t after insert on retail.inventory execute function retail.note_correction()", DENIED
    ),
    Attack("trigger off", "alter table retail.transaction_details disable trigger all", DENIED),
    Attack("row security off for a table", "alter table retail.inventory disable row level security", DENIED),
    Attack("policy dropped", "drop policy store on retail.inventory", DENIED),
    Attack("policy altered", "alter policy store on retail.inventory using (true)", DENIED),
    Attack("policy added", "create policy mine on retail.inventory using (true)", DENIED),
    Attack("table dropped", "drop table retail.inventory", DENIED),
    Attack("grant to itself", "grant select on retail.requests to store_user_1", DENIED),
    Attack("index", "create index on retail.inventory (inventory_level)", DENIED),
    Attack("extension", "create extension postgres_fdw schema retail", DENIED),
    Attack("publication", "create publication theft for table retail.inventory", DENIED),
    Attack(
        "subscription",
        "create subscription s connection 'dbname=walmart' publication walmart_publication with (connect = false)",
        DENIED,
    ),
    Attack("replication slot", "select pg_create_logical_replication_slot('theft', 'pgoutput')", DENIED),
    Attack("logical changes", "select * from pg_logical_slot_peek_changes('any', null, null)", DENIED),
    Attack("replication protocol", _replicate, "connection"),
    Attack("message into the stream", "select pg_logical_emit_message(false, 'theft', 'SECRET')", DENIED),
    Attack(
        "message into the stream, in bytes", "select pg_logical_emit_message(true, 'theft', 'SECRET'::bytea)", DENIED
    ),
    Attack("server's files", "select pg_read_file('postgresql.conf')", DENIED),
    Attack("server's folders", "select pg_ls_dir('.')", DENIED),
    Attack("large object of another", _read_a_large_object, DENIED),
    Attack("large object", "select lo_create(0)", DENIED),
    Attack("advisory lock", "select pg_advisory_lock(1)", DENIED),
    Attack(
        "another's session",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres' limit 1",
        DENIED,
        control="select pg_cancel_backend(0) is not null",
    ),
    Attack("system setting", "set log_statement = 'all'", DENIED),
    Attack("reload of settings", "select pg_reload_conf()", DENIED),
    Attack("library", "load 'auto_explain'", DENIED),
    Attack("notices", _listen, sees=[]),
    Attack("prepared transaction", "begin; prepare transaction 'stuck'", "55000"),
    Attack("next number", "select nextval('retail.transaction_number')", DENIED),
    Attack("last number", "select last_value from retail.transaction_number", DENIED),
    Attack("number of movements", "select last_value from retail.movement_number", DENIED),
    Attack("number that others moved", "select lastval()", "55000"),
]

_CALLS = [
    Attack("sale in another store", _sale(2, 21), OTHER_STORE, control=_sale(1, 11)),
    Attack(
        "return for another store",
        "call retail.return_items(2, 2, array[2], array[1])",
        OTHER_STORE,
        control="call retail.return_items(1, 1, array[2], array[1]); select 1",
    ),
    Attack("return of another's sale", "call retail.return_items(1, 2, array[2], array[1])", "RT012"),
    Attack(
        "void for another store",
        "call retail.void_transaction(2, 2)",
        OTHER_STORE,
        control="call retail.void_transaction(1, 1); select 1",
    ),
    Attack("void of another's sale", "call retail.void_transaction(1, 2)", "RT012"),
    Attack(
        "receipt for another store",
        "call retail.receive_stock(2, array[100], array[1])",
        OTHER_STORE,
        control="call retail.receive_stock(1, array[100], array[1]); select 1",
    ),
    Attack(
        "customer for another store",
        "call retail.register_customer(2, 30, 'F', 1, 'Gold')",
        OTHER_STORE,
        control="call retail.register_customer(1, 30, 'F', 1, 'Gold')",
    ),
    Attack("known customer as new", "call retail.register_customer(1, 30, 'F', 1, 'Gold', 21)", "RT011"),
    Attack("price by call", "call retail.set_price(100, 0)", DENIED),
    Attack("sale to a stranger in order to read them", _sale(1, 21), "RT003", control=_sale(1, 11)),
    Attack(
        "own sale becomes a stranger's",
        "update retail.transactions set customer_id = 21",
        FOREIGN_KEY,
        control="update retail.transactions set customer_id = 12 returning *",
    ),
    Attack("header with a stranger", _HEADER.format(store=1, customer=21), FOREIGN_KEY),
    Attack("stock mover", "select retail.move_stock(1, 100, 5, 'receipt', null)", DENIED),
    Attack("guard", "select retail.authorize(2)", DENIED),
    Attack("ledger of calls", "select retail.remember_request(2, gen_random_uuid(), 'x', '[]', 1)", DENIED),
    Attack("trigger function", "select retail.take_stock_of_lines()", DENIED),
    Attack("taking back without the guard", "select retail.take_back(2, 2, array[2], array[1], 'void')", DENIED),
]

_ORACLES = [
    Attack("customer oracle by sale", _compare_refusals(_sale(1, 21), _sale(1, 9999)), sees=True, control=_sale(1, 11)),
    Attack(
        "customer oracle by header",
        _compare_refusals(_HEADER.format(store=1, customer=21), _HEADER.format(store=1, customer=9999)),
        sees=True,
    ),
    Attack("store oracle by sale", _compare_refusals(_sale(2, 21), _sale(99, 21)), sees=True, control=_sale(1, 11)),
    Attack(
        "duplicate-key oracle of stock",
        _compare_refusals(
            "insert into retail.inventory values (2, 100, 1)", "insert into retail.inventory values (2, 110, 1)"
        ),
        sees=True,
    ),
    Attack(
        "duplicate-key oracle of lines",
        _compare_refusals(
            "insert into retail.transaction_details values (2, 1, 2, 100, 1, 1)",
            "insert into retail.transaction_details values (2, 99, 2, 100, 1, 1)",
        ),
        sees=True,
    ),
    Attack(
        "duplicate-key oracle of own lines",
        _compare_refusals(
            "insert into retail.transaction_details values (2, 1, 1, 100, 1, 1)",
            "insert into retail.transaction_details values (98, 1, 1, 100, 1, 1)",
        ),
        sees=True,
    ),
    Attack(
        "foreign-key oracle of sales",
        _compare_refusals(
            "insert into retail.transaction_details values (2, 9, 1, 100, 1, 1)",
            "insert into retail.transaction_details values (98, 9, 1, 100, 1, 1)",
        ),
        sees=True,
    ),
    Attack(
        "sale oracle by return",
        _compare_refusals(
            "call retail.return_items(1, 2, array[2], array[1])", "call retail.return_items(1, 98, array[2], array[1])"
        ),
        sees=True,
    ),
]


def _in_this_database(what: str) -> Callable[[Settings, Connection], object]:
    def attempt(_: Settings, store: Connection) -> object:
        ((database,),) = rows(store, "select current_database()")
        with store.cursor() as cursor:
            cursor.execute(f"alter role store_user_1 in database {database} {what}")
        return None

    return attempt


_BOUNDS = "select current_setting('temp_file_limit'), current_setting('log_min_messages')"


def _forget_all_settings(settings: Settings, store: Connection) -> object:
    """Have the role forget what it can, everywhere, and look at what a new session has."""
    ((database,),) = rows(store, "select current_database()")
    with store.cursor() as cursor:
        cursor.execute(f"alter role store_user_1 reset all; alter role store_user_1 in database {database} reset all")
        cursor.execute("reset all")
    store.commit()
    try:
        with connection.connect(settings, connection.store_role(1)) as again:
            return [*rows(store, _BOUNDS), *rows(again, _BOUNDS)]
    finally:
        roles.provision(settings)


_LIMITS = [
    Attack("temporary files without limit", "set temp_file_limit = -1", DENIED),
    Attack("temporary files without limit, for good", "alter role store_user_1 set temp_file_limit = -1", DENIED),
    Attack("temporary files without limit, in this database", _in_this_database("set temp_file_limit = -1"), DENIED),
    Attack("the limit of temporary files forgotten", "alter role store_user_1 reset temp_file_limit", DENIED),
    Attack("the server's log", "set log_min_messages = log", DENIED),
    Attack("the server's log, for good", "alter role store_user_1 set log_min_messages = log", DENIED),
    Attack("the server's log, in this database", _in_this_database("set log_min_messages = log"), DENIED),
    Attack("the server's log, by its errors", "set log_min_error_statement = error", DENIED),
    Attack("the level of the server's log forgotten", "alter role store_user_1 reset log_min_messages", DENIED),
    Attack("all settings forgotten", _forget_all_settings, sees=[("256MB", "fatal"), ("256MB", "fatal")]),
    Attack("limits of all roles", "alter role all set temp_file_limit = -1", DENIED),
    Attack("limits of another store", "alter role store_user_2 set statement_timeout = 1", DENIED),
    Attack("connections of the services", "grant pg_use_reserved_connections to store_user_1", DENIED),
    Attack("right to set a limit", "grant set on parameter temp_file_limit to store_user_1", DENIED),
    Attack("what was done to stores", "select * from retail.tenant_acts", DENIED),
    Attack("what was done to it, rubbed out", "delete from retail.tenant_acts", DENIED),
    Attack("what was done to it, lifted", "update retail.tenant_acts set lifted_at = now()", DENIED),
    Attack("the place of the watch", f"select pg_try_advisory_lock({locks.WATCH})", DENIED),
]

ATTACKS = {
    attack.name: attack for attack in (*_READING, *_WRITING, *_BECOMING, *_OBJECTS, *_CALLS, *_ORACLES, *_LIMITS)
}
