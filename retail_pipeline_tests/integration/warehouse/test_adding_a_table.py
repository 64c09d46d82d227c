"""Who follows the recipe "A table" of CONTRIBUTING.md has a whole table; who leaves a step out is told which."""

from __future__ import annotations

import re
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline import tables
from retail_pipeline.errors import WarehouseError
from retail_pipeline.mirror import documents, tenants
from retail_pipeline.replication import publication
from retail_pipeline.settings import PROJECT, SQL, Settings
from retail_pipeline.tables import PUBLICATION, STREAM_PUBLICATION, TABLES, Flow, Table
from retail_pipeline.warehouse import connection, migrations
from retail_pipeline_tests.integration.shop import rows, run
from retail_pipeline_tests.integration.warehouse.declared import gaps

_TEXT = (PROJECT / "CONTRIBUTING.md").read_text().partition("\n### A table\n")[2].partition("\n### ")[0]
_BLOCKS = re.findall(r"^ *```\w+\n(.*?)^ *```$", _TEXT, re.DOTALL | re.MULTILINE)
DECLARATION, MIGRATION, GRANTS, PUBLISHED = map(textwrap.dedent, _BLOCKS)
FLOWS = pytest.mark.parametrize("flow", [Flow.GREEN, Flow.RED], ids=["green", "streamed"])


def _declared(flow: Flow) -> Table:
    """Return the table of the recipe."""
    table = eval(DECLARATION, vars(tables).copy())  # noqa: S307 - a text of our own
    assert isinstance(table, Table)
    assert table.flow is Flow.GREEN
    return replace(table, flow=flow)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the files, to add to."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def _follow(company: Settings, folder: Path, table: Table, without: str = "") -> None:
    """Do what the recipe says but for one step."""
    migration = MIGRATION if table.flow is Flow.GREEN or without == "the publication" else MIGRATION + PUBLISHED
    if without == "the owner":
        migration = migration.replace("set local role retail_owner;", "")
    if without == "a column":
        migration = re.sub("    shelf .*\n", "", migration)
    if without != "the migration":
        (folder / "migrations" / "9001_table.sql").write_text(migration)
    if without != "the grants":
        grants = folder / "repeatable" / "50_grants.sql"
        grants.write_text(grants.read_text() + GRANTS)
    red = table.flow is Flow.RED and without != "what follows"
    migrations.migrate(company.require("postgres_dsn"), folder, (*tables.RED, table) if red else tables.RED)


@FLOWS
def test_the_recipe_leaves_nothing_out(flow: Flow, company: Settings, superuser: Connection, folder: Path) -> None:
    table = _declared(flow)
    _follow(company, folder, table)

    assert gaps(superuser, (*TABLES, table)) == []


@FLOWS
def test_each_role_reads_and_writes_of_the_new_table_what_it_should(
    flow: Flow, company: Settings, superuser: Connection, folder: Path
) -> None:
    table = _declared(flow)
    _follow(company, folder, table)
    everything = f"select * from {table.qualified} order by 1, 2"
    of_all = [(1, 100, "A"), (1, 101, "B"), (2, 100, "C")]
    with connection.connect(company, connection.ADMIN) as headquarters:
        run(headquarters, f"insert into {table.qualified} values (1, 100, 'A'), (1, 101, 'B'), (2, 100, 'C')")
        assert rows(headquarters, everything) == of_all
    with connection.connect(company, connection.READER) as reader:
        assert rows(reader, everything) == of_all

    with connection.connect(company, connection.store_role(1), autocommit=True) as store:
        assert rows(store, everything) == of_all[:2]
        for change in (
            f"insert into {table.qualified} values (1, 102, 'D')",
            f"update {table.qualified} set shelf = 'D'",
            f"delete from {table.qualified}",
            f"truncate {table.qualified}",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                run(store, change)
    run(superuser, "set role retail_owner")
    assert rows(superuser, everything) == []


def test_a_new_table_that_streams_is_read_and_kept_whole(
    company: Settings, superuser: Connection, folder: Path
) -> None:
    table = _declared(Flow.RED)
    _follow(company, folder, table)

    with connection.connect(company, connection.CDC) as stream:
        run(stream, f"select from {table.qualified}")
    with pytest.raises(psycopg2.Error, match=f"Table {table.name} streams to MongoDB"):
        run(superuser, f"truncate {table.qualified}")


def test_a_new_green_table_is_no_business_of_the_stream(company: Settings, superuser: Connection, folder: Path) -> None:
    table = _declared(Flow.GREEN)
    _follow(company, folder, table)

    with (
        connection.connect(company, connection.CDC) as stream,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        run(stream, f"select from {table.qualified}")
    run(superuser, f"truncate {table.qualified}")


@FLOWS
def test_the_new_table_is_published_as_the_stream_would_have_it(
    flow: Flow, company: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _declared(flow)
    _follow(company, folder, table)
    before = publication.identity(company)
    if flow is Flow.RED:
        monkeypatch.setattr(publication, "STREAMED", (*publication.STREAMED, table))
    published = publication.ensure(company)

    assert publication.identity(company) == before
    assert table.name in published[PUBLICATION]
    assert (table.name in published[STREAM_PUBLICATION]) == (flow is Flow.RED)


def test_its_rows_become_documents_of_which_a_store_has_a_view(monkeypatch: pytest.MonkeyPatch) -> None:
    table = _declared(Flow.GREEN)
    monkeypatch.setattr(tenants, "MIRRORED", (*tables.MIRRORED, table))

    assert list(documents.from_row(table, (1, 100, "A")).items()) == [
        ("_id", {"store_id": 1, "product_id": 100}),
        ("store_id", 1),
        ("product_id", 100),
        ("shelf", "A"),
    ]
    assert tenants.definitions(1)["store_1.shelves"][0] == "shelves"


LEFT_OUT = {
    "the owner": (
        Flow.GREEN,
        ["belongs to postgres but its migration in sql/migrations must let retail_owner create it"],
    ),
    "the grants": (
        Flow.GREEN,
        ["is shown to stores in MongoDB but sql/repeatable/50_grants.sql does not grant it to store_user"],
    ),
    "the publication": (
        Flow.RED,
        ["is streamed but a file of sql/migrations does not add it to walmart_stream_publication"],
    ),
    # Faults of the files that follow by themselves.
    "what follows": (
        Flow.RED,
        [
            "is streamed but sql/repeatable/50_grants.sql does not grant it to retail_cdc",
            "is streamed but sql/repeatable/36_truncate.sql does not refuse its TRUNCATE",
        ],
    ),
}


@pytest.mark.parametrize("step", LEFT_OUT)
def test_a_step_that_is_left_out_is_named_with_its_file(
    step: str, company: Settings, superuser: Connection, folder: Path
) -> None:
    flow, sentences = LEFT_OUT[step]
    table = _declared(flow)
    _follow(company, folder, table, without=step)

    assert gaps(superuser, (*TABLES, table)) == [f"table shelves {sentence}" for sentence in sentences]


def test_a_column_or_a_declaration_that_is_left_out_is_named(
    company: Settings, superuser: Connection, folder: Path
) -> None:
    table = _declared(Flow.GREEN)
    _follow(company, folder, table, without="a column")

    [columns] = gaps(superuser, (*TABLES, table))
    [declaration] = gaps(superuser, TABLES)

    assert columns.startswith(
        "table shelves has columns in retail_pipeline/tables.py that sql/migrations does not make"
    )
    assert declaration == "table shelves is in the database but retail_pipeline/tables.py does not declare it"


def test_a_table_without_policies_is_named(company: Settings, superuser: Connection, folder: Path) -> None:
    table = _declared(Flow.GREEN)
    _follow(company, folder, table)
    run(superuser, f"alter table {table.qualified} disable row level security")

    assert gaps(superuser, (*TABLES, table)) == [
        "table shelves has a store_id but sql/repeatable/40_policies.sql puts it under no policy"
    ]


@pytest.mark.parametrize(
    ("flow", "script"), [(Flow.GREEN, "50_grants"), (Flow.RED, "36_truncate")], ids=["green", "streamed"]
)
def test_a_table_that_no_migration_makes_stops_the_runner_and_is_named(
    flow: Flow, script: str, company: Settings, superuser: Connection, folder: Path
) -> None:
    table = _declared(flow)

    with pytest.raises(WarehouseError, match=rf'{script}\.sql failed.* "retail\.shelves" does not exist'):
        _follow(company, folder, table, without="the migration")
    assert gaps(superuser, (*TABLES, table)) == ["table shelves is declared but no file of sql/migrations creates it"]


def test_no_declared_table_lacks_anything(superuser: Connection) -> None:
    assert gaps(superuser, TABLES) == []
