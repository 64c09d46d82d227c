"""Text that a person or a store writes obeys the rules of a loaded file, whichever way it comes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import SQL, Settings
from retail_pipeline.source import columns, rules
from retail_pipeline.warehouse import connection, migrations, sqlstates
from retail_pipeline_tests.integration import shop
from retail_pipeline_tests.integration.conftest import copy_of, in_database
from retail_pipeline_tests.integration.shop import rows, run

# A text for each rule that it breaks, by the rule's name.
UNSOUND = {
    "blank": " ",
    "too_long": "x" * 201,
    "unprintable": "x\x07y",
    "padded": "x ",
    "formula": "=1+1",
}
# What the functions of the rules write, and no caller chooses.
_OWN_WORDS = {
    ("stock_movements", "reason"),
    ("stock_movements", "role_name"),
    ("requests", "procedure_name"),
    ("requests", "payload_sha256"),
}
_WRITABLE = """
select c.relname, a.attname,
    exists (
        select from pg_constraint as k
        where k.conrelid = c.oid and k.contype = 'c' and k.convalidated and k.conkey = array[a.attnum]
            and pg_get_constraintdef(k.oid) = format('CHECK ((retail.text_fault(%%I) IS NULL))', a.attname)
    )
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
inner join pg_type as t on a.atttypid = t.oid
where c.relnamespace = 'retail'::regnamespace and c.relkind in ('r', 'p') and t.typcategory in ('S', 'U', 'A')
    and t.typname <> 'uuid'
    and exists (
        select from unnest(%s::text[]) as r (name)
        where has_column_privilege(r.name, c.oid, a.attnum, 'insert')
            or has_column_privilege(r.name, c.oid, a.attnum, 'update')
    )
"""
_WRITERS = [connection.STORES, connection.ADMIN, connection.RULES]


@pytest.fixture(scope="module")
def catalog(postgres_settings: Settings, company_template: Settings) -> Iterator[Connection]:
    """Return a session of a superuser; nothing here changes anything."""
    with (
        copy_of(company_template, postgres_settings) as company,
        connection.connect_dsn(company.require("postgres_dsn"), autocommit=True) as session,
    ):
        yield session


def _in_sql(session: Connection, texts: Sequence[str]) -> list[str | None]:
    question = "select retail.text_fault(t) from unnest(%s::text[]) with ordinality as u (t, n) order by n"
    return [fault for (fault,) in rows(session, question, list(texts))]


def _in_a_file(texts: Sequence[str]) -> list[str | None]:
    """Return the first rule that each text breaks in a column of a file."""
    column = columns.BY_NAME["customer_gender"]
    values = pa.chunked_array([pa.array(texts, pa.string())])
    verdicts = [(rule.name, rule.passes(values, column)) for rule in rules.rules_of(column)]
    return [next((name for name, passed in verdicts if not passed[place]), None) for place in range(len(texts))]


# What PostgreSQL's text can hold: all but NUL and halves of pairs.
_CHARACTERS = st.one_of(
    st.sampled_from(
        " \t\n\v\f\r\x1c\x7f\x85\xa0\u180e\u200b\u200e\u2028\u202e\u2060\u2066\ufeff\ufffd=+-@'\\^$[]aÄ漢😀"
    ),
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]),
)
_TEXTS = st.one_of(st.text(_CHARACTERS), st.builds(lambda one, many: one * many, _CHARACTERS, st.integers(195, 205)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(_TEXTS, min_size=1, max_size=50))
@example(texts=["", *UNSOUND.values(), "x" * 200, "😀" * 200, "😀" * 201, " =x", "-", "a\n", "a\x0b", "\x0b"])
def test_the_tables_and_a_file_ask_the_same_of_every_text(catalog: Connection, texts: list[str]) -> None:
    assert _in_sql(catalog, texts) == _in_a_file(texts)


def test_the_tables_and_a_file_ask_the_same_of_every_character_wherever_it_stands(catalog: Connection) -> None:
    basic = [*range(1, 0xD800), *range(0xE000, 0x10000)]
    others = range(0x10000, sys.maxunicode + 1, 251)
    for character in (basic, others):
        alone = [chr(code) for code in character]
        for texts in (alone, [f"{one}a" for one in alone], [f"a{one}" for one in alone], [f"a{one}a" for one in alone]):
            assert _in_sql(catalog, texts) == _in_a_file(texts)


def test_every_text_that_a_store_or_headquarters_can_write_has_the_constraint(catalog: Connection) -> None:
    found = {(table, column): sound for table, column, sound in rows(catalog, _WRITABLE, _WRITERS)}

    assert {place for place, sound in found.items() if not sound} == _OWN_WORDS
    assert sum(found.values()) == 8


def test_a_text_column_without_the_constraint_is_noticed(superuser: Connection) -> None:
    run(superuser, "alter table retail.suppliers add column supplier_name text")

    assert ("suppliers", "supplier_name", False) in rows(superuser, _WRITABLE, _WRITERS)


@pytest.mark.parametrize("fault", UNSOUND)
def test_headquarters_cannot_write_a_text_that_no_file_could_bring(company: Settings, fault: str) -> None:
    places = {
        "categories": "category_name",
        "stores": "store_location",
        "customers": "gender",
        "products": "product_name",
        "promotions": "promotion_type",
        "payment_methods": "payment_method",
        "weather": "weather_conditions",
    }
    with connection.connect(company, connection.ADMIN, autocommit=True) as admin:
        for table, column in places.items():
            with pytest.raises(psycopg2.errors.CheckViolation, match=f'"{table.split("_")[0]}.*_is_sound"'):
                run(admin, f"update retail.{table} set {column} = %s", UNSOUND[fault])
        with pytest.raises(psycopg2.errors.CheckViolation):
            run(admin, "update retail.customers set loyalty_level = %s", UNSOUND[fault])


@pytest.mark.parametrize("fault", [*UNSOUND, "17 MB", "none"])
@pytest.mark.parametrize("field", ["gender", "loyalty level"])
def test_a_store_cannot_register_a_text_that_no_file_could_bring(store_1: Connection, fault: str, field: str) -> None:
    text = {"17 MB": "x" * 17_000_000, "none": None}.get(fault, UNSOUND.get(fault))
    gender, loyalty = (text, "Gold") if field == "gender" else ("Female", text)

    with pytest.raises(psycopg2.Error, match=f"The {field} must ") as refused:
        run(store_1, "call retail.register_customer(1, 30, %s, 1, %s)", gender, loyalty)

    assert refused.value.pgcode == sqlstates.ARGUMENT_NOT_ALLOWED
    assert len(str(refused.value)) < 500


@pytest.fixture
def before(postgres_settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Return a company in a database whose tables do not have the constraints yet."""
    folder = Path(shutil.copytree(SQL, tmp_path / "sql"))
    for script in (folder / "migrations").iterdir():
        if script.name >= "0007":
            script.unlink()
    address = postgres_settings.require("postgres_dsn")
    with connection.connect_dsn(address, autocommit=True) as server:
        run(server, "create database before_sound_text")
    there = replace(in_database(postgres_settings, "before_sound_text"), home=postgres_settings.home)
    migrations.migrate(there.require("postgres_dsn"), folder)
    shop.seed(there)
    yield there
    with connection.connect_dsn(address, autocommit=True) as server:
        run(server, "drop database before_sound_text with (force)")


def _spoil(session: Connection) -> None:
    run(session, "insert into retail.categories values (2, %s), (3, %s)", "=cmd", " Toys")
    run(session, "update retail.customers set gender = %s, loyalty_level = %s where customer_id = 11", "\t", "x" * 999)
    run(session, "update retail.customers set loyalty_level = %s where customer_id = 21", "Go\x1bld")
    run(session, "update retail.stores set store_location = %s where store_id = 3", "@place")


def test_rows_of_before_that_break_a_rule_are_set_aside_with_their_reason(before: Settings) -> None:
    dsn = before.require("postgres_dsn")
    with connection.connect_dsn(dsn, autocommit=True) as session:
        _spoil(session)
        others = "select * from retail.customers where customer_id not in (11, 21) order by customer_id"
        untouched = rows(session, others)
        ran = migrations.migrate(dsn)

        assert ran[:2] == ["0007_sound_text.sql", "0008_sound_text_of_old_rows.sql"]
        assert rows(
            session,
            "select table_name, row_key, column_name, value, reason from retail.unsound_text order by 1, 2, 3",
        ) == [
            ("categories", {"category_id": 2}, "category_name", "=cmd", "formula"),
            ("categories", {"category_id": 3}, "category_name", " Toys", "padded"),
            ("customers", {"customer_id": 11}, "gender", "\t", "blank"),
            ("customers", {"customer_id": 11}, "loyalty_level", "x" * 999, "too_long"),
            ("customers", {"customer_id": 21}, "loyalty_level", "Go\x1bld", "unprintable"),
            ("stores", {"store_id": 3}, "store_location", "@place", "formula"),
        ]
        assert rows(session, "select * from retail.categories where category_id > 1 order by 1") == [
            (2, "Set aside 2"),
            (3, "Set aside 3"),
        ]
        assert rows(
            session, "select gender, loyalty_level from retail.customers where customer_id in (11, 21) order by 1"
        ) == [("Other", "Set aside 21"), ("Set aside 11", "Set aside 11")]
        assert rows(session, others) == untouched
        assert not rows(session, "select conname from pg_constraint where not convalidated")


def test_stores_sell_while_rows_of_before_are_set_aside(before: Settings) -> None:
    dsn = before.require("postgres_dsn")
    with connection.connect_dsn(dsn) as migrating:
        _spoil(migrating)
        run(migrating, "update retail.products set product_name = '=1' where product_id = 100")
        run(migrating, (SQL / "migrations" / "0007_sound_text.sql").read_text())
        run(migrating, "reset role")
        migrating.commit()
        run(migrating, (SQL / "migrations" / "0008_sound_text_of_old_rows.sql").read_text())
        # Customer 11 and product 100 are among those that are being cleaned.
        with connection.connect(before, connection.store_role(1)) as store:
            run(store, "set lock_timeout = '1s'")
            assert shop.sell(store, [100], [1]) > 0
            assert len(rows(store, "select * from retail.customers")) == shop.CUSTOMERS_PER_STORE


def test_no_store_reads_what_was_set_aside(company: Settings) -> None:
    with (
        connection.connect(company, connection.store_role(1)) as store,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        rows(store, "select * from retail.unsound_text")
