"""The catalog is what tables.py declares, and keeps to the rules that the stream and the tenants rest on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline import tables
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration.conftest import copy_of
from retail_pipeline_tests.integration.shop import rows
from retail_pipeline_tests.integration.warehouse import declared

_KEYS = """
select k.conrelid::regclass::text, array_agg(a.attname::text order by p.place)
from pg_constraint as k
cross join unnest(k.conkey) with ordinality as p (attnum, place)
inner join pg_attribute as a on k.conrelid = a.attrelid and p.attnum = a.attnum
where k.connamespace = 'retail'::regnamespace and k.contype = %s
group by k.conrelid, k.oid
"""
_REFERENCES = """
select c.relname, p.relname, array_agg(a.attname::text order by o.place), array_agg(b.attname::text order by o.place)
from pg_constraint as k
inner join pg_class as c on k.conrelid = c.oid
inner join pg_class as p on k.confrelid = p.oid
cross join unnest(k.conkey, k.confkey) with ordinality as o (own, other, place)
inner join pg_attribute as a on k.conrelid = a.attrelid and o.own = a.attnum
inner join pg_attribute as b on k.confrelid = b.attrelid and o.other = b.attnum
where k.connamespace = 'retail'::regnamespace and k.contype = 'f'
group by k.oid, c.relname, p.relname
"""


@pytest.fixture(scope="module")
def superuser(postgres_settings: Settings, company_template: Settings) -> Iterator[Connection]:
    """Return a session that sees the catalog; nothing here changes it."""
    with (
        copy_of(company_template, postgres_settings) as settings,
        connection.connect_dsn(settings.require("postgres_dsn"), autocommit=True) as session,
    ):
        yield session


def test_the_catalog_has_the_declared_tables_with_their_columns_in_order(superuser: Connection) -> None:
    wanted = [
        (table.name, column.name, column.type, column.nullable)
        for table in sorted(tables.TABLES, key=lambda table: table.name)
        for column in table.columns
    ]

    assert rows(superuser, declared.COLUMNS) == wanted


def test_every_table_has_its_declared_key(superuser: Connection) -> None:
    keys = dict(rows(superuser, _KEYS, "p"))

    assert keys == {table.qualified: list(table.key) for table in tables.TABLES}


def test_every_declared_reference_is_enforced_directly_or_through_another(superuser: Connection) -> None:
    parents: dict[str, set[str]] = {}
    for child, parent, _, _ in rows(superuser, _REFERENCES):
        parents.setdefault(child, set()).add(parent)

    def ancestors(name: str) -> set[str]:
        found = parents.get(name, set())
        return found.union(*(ancestors(parent) for parent in found))

    for table in tables.TABLES:
        assert set(table.references) <= ancestors(table.name), table.name


def test_a_reference_between_tenant_tables_carries_the_store(superuser: Connection) -> None:
    for child, parent, own, other in rows(superuser, _REFERENCES):
        if tables.BY_NAME[child].has_tenant and tables.BY_NAME[parent].has_tenant:
            assert (own[0], other[0]) == ("store_id", "store_id"), (child, parent)


def test_unique_keys_of_tenant_tables_begin_with_the_store(superuser: Connection) -> None:
    indexes = rows(
        superuser,
        "select c.relname, a.attname, i.indexrelid::regclass::text from pg_index as i "
        "join pg_class as c on i.indrelid = c.oid "
        "join pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[0] "
        "where i.indisunique and c.relnamespace = 'retail'::regnamespace",
    )
    # The role is what the store is looked up by; set-aside rows are the file's and no store reads them.
    exempt = {"role_store", "quarantine"}

    led = {name: column for name, column, _ in indexes if tables.BY_NAME[name].has_tenant and name not in exempt}

    assert set(led.values()) == {"store_id"}
    assert len(led) == len(tables.TENANT_TABLES) - len(exempt)


def test_streamed_tables_have_no_generated_column_and_no_default_on_a_column_that_may_be_null(
    superuser: Connection,
) -> None:
    columns = rows(
        superuser,
        "select a.attrelid::regclass::text, a.attname from pg_attribute as a "
        "where a.attrelid = any (%s::regclass[]) and a.attnum > 0 "
        "and (a.attgenerated <> '' or a.atthasdef and not a.attnotnull)",
        [table.qualified for table in tables.RED],
    )

    assert columns == []


def test_the_publications_publish_every_table_and_the_streamed_ones(superuser: Connection) -> None:
    published = rows(
        superuser, "select pubname, array_agg(tablename::text order by tablename) from pg_publication_tables group by 1"
    )

    assert {name: set(names) for name, names in published} == {
        tables.PUBLICATION: set(tables.BY_NAME),
        tables.STREAM_PUBLICATION: {table.name for table in tables.RED} | {"heartbeat"},
    }


def test_every_function_has_a_fixed_search_path_and_an_owner_who_cannot_log_in(superuser: Connection) -> None:
    functions = rows(
        superuser,
        "select p.proname, p.proconfig, r.rolname, r.rolcanlogin, r.rolsuper, "
        "   exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a where a.grantee = 0) "
        "from pg_proc as p join pg_roles as r on p.proowner = r.oid where p.pronamespace = 'retail'::regnamespace",
    )

    assert functions
    for name, settings, owner, can_log_in, is_superuser, is_public in functions:
        assert settings == ["search_path=pg_catalog, pg_temp"], name
        assert owner in {"retail_owner", "retail_rules"}, name
        assert not any((can_log_in, is_superuser, is_public)), name
