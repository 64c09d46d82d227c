"""What does a database lack of the declared tables? A sentence each, with the file that has to say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.replication.publication import HEARTBEAT
from retail_pipeline.tables import STREAM_PUBLICATION, Flow, Table
from retail_pipeline.warehouse.connection import CDC, OWNER, STORES
from retail_pipeline_tests.integration.shop import rows

_REPEATABLE = "sql/repeatable"
_PRESENT = "select tablename::text from pg_tables where schemaname = 'retail'"
COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'retail'::regnamespace and c.relkind in ('r', 'p')
order by c.relname, a.attnum
"""
_STATE = """
select
    pg_get_userbyid(c.relowner)::text,
    c.relrowsecurity and c.relforcerowsecurity
    and exists (select from pg_policy as p where p.polrelid = c.oid),
    has_table_privilege(%s, c.oid, 'select'),
    has_table_privilege(%s, c.oid, 'select'),
    exists (select from pg_trigger as t where t.tgrelid = c.oid and t.tgname = 'refuse_truncate'),
    exists (
        select from pg_publication_tables as p
        where p.pubname = %s and p.schemaname = 'retail' and p.tablename = c.relname
    )
from pg_class as c
where c.oid = %s::regclass
"""


def gaps(session: Connection, declared: Sequence[Table]) -> list[str]:
    """Return a sentence for each thing that is missing or too much; `session` is the administrator's."""
    present = {name for (name,) in rows(session, _PRESENT)}
    found = [
        f"table {name} is in the database but retail_pipeline/tables.py does not declare it"
        for name in sorted(present - {table.name for table in declared})
    ]
    columns: dict[str, list[tuple[str, str, bool]]] = {}
    for name, *column in rows(session, COLUMNS):
        columns.setdefault(name, []).append(tuple(column))
    for table in declared:
        if table.name in present:
            made = columns.get(table.name, [])
            found += [f"table {table.name} {gap}" for gap in (*_of_rights(session, table), *_of_columns(made, table))]
        else:
            found.append(f"table {table.name} is declared but no file of sql/migrations creates it")
    return found


def _of_rights(session: Connection, table: Table) -> Iterator[str]:
    [state] = rows(session, _STATE, STORES, CDC, STREAM_PUBLICATION, table.qualified)
    owner, secured, stores_read, stream_reads, refuses_truncate, published = state
    if owner != OWNER:
        yield f"belongs to {owner} but its migration in sql/migrations must let {OWNER} create it"
    if table.has_tenant and not secured:
        yield f"has a store_id but {_REPEATABLE}/40_policies.sql puts it under no policy"
    if table.flow is not Flow.NONE and not stores_read:
        yield f"is shown to stores in MongoDB but {_REPEATABLE}/50_grants.sql does not grant it to {STORES}"
    if table == HEARTBEAT:
        return
    streamed = table.flow is Flow.RED
    not_, does = ("", "does not") if streamed else ("not ", "does")
    if stream_reads != streamed:
        yield f"is {not_}streamed but {_REPEATABLE}/50_grants.sql {does} grant it to {CDC}"
    if refuses_truncate != streamed:
        yield f"is {not_}streamed but {_REPEATABLE}/36_truncate.sql {does} refuse its TRUNCATE"
    if published != streamed:
        yield f"is {not_}streamed but a file of sql/migrations {does} add it to {STREAM_PUBLICATION}"


def _of_columns(made: Sequence[tuple[str, str, bool]], table: Table) -> Iterator[str]:
    columns = [(column.name, column.type, column.nullable) for column in table.columns]
    if made != columns:
        yield f"has columns in retail_pipeline/tables.py that sql/migrations does not make: {columns} and not {made}"
