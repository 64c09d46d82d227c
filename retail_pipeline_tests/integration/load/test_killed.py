"""A load that is killed leaves the database as it was, or, once it has committed, as it was to become."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from retail_pipeline import stack
from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.stack.postgres import Postgres
from retail_pipeline.stack.state import State
from retail_pipeline.warehouse import connection, load_stock, migrations, roles
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration import shop
from retail_pipeline_tests.integration.load import files

# Lines of progress of a short load; the last but two is told between the last statement and the commit of the sales.
_LINES = 18

# A load in a process of its own that kills itself at its n-th line of progress.
_KILLED = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.load import load_file

home, dsn, path, moment = json.loads(sys.argv[1])
told = []

def report(line):
    told.append(line)
    if len(told) == moment:
        os.kill(os.getpid(), signal.SIGKILL)

settings = replace(Settings.from_environment({"RETAIL_HOME": home}), postgres_dsn=dsn)
load_file(settings, Path(path), report=report)
"""


def _load_and_die(settings: Settings, path: Path, moment: int) -> None:
    arguments = json.dumps([str(settings.home), settings.require("postgres_dsn"), str(path), moment])
    done = subprocess.run([sys.executable, "-c", _KILLED, arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    while files.ask(
        settings,
        "select 1 from pg_stat_activity where usename = 'retail_loader' and datname = current_database()",
    ):
        time.sleep(0.01)


def test_a_load_killed_at_any_moment_left_nothing_or_all(warehouse: Settings, tmp_path: Path) -> None:
    load_file(warehouse, SAMPLE)
    later = files.text_of(SAMPLE)
    later["transaction_id"] = (later["transaction_id"].astype("int64") + 1_000_000).astype("str")
    later["store_location"] = "Boston, MA"
    path = tmp_path / "later.csv"
    later.to_csv(path, index=False)
    told: list[str] = []
    before = files.state(warehouse)

    for moment in (1, 2, 3, 4, 6, 7, 9, 10, 12, 13, 15, _LINES - 2):
        _load_and_die(warehouse, path, moment)
        assert files.state(warehouse) == before, f"killed at line {moment} of its progress"

    _load_and_die(warehouse, path, _LINES - 1)
    assert load_stock.unset(warehouse) == [path.name], "the sales are loaded, and the stock is still to set"
    assert load_file(warehouse, path, report=told.append).already_loaded
    assert load_stock.unset(warehouse) == []
    after = files.state(warehouse)
    assert after != before
    assert files.ask(warehouse, "select count(*) from retail.files") == [(2,)]

    assert load_file(warehouse, path, report=told.append).already_loaded
    assert files.state(warehouse) == after


def test_the_moments_of_that_test_are_those_of_a_load(warehouse: Settings) -> None:
    told: list[str] = []
    load_file(warehouse, SAMPLE, report=told.append)

    assert (len(told), told[-3], told[-2]) == (_LINES, "committing", "stock")


@pytest.fixture
def own_server() -> Iterator[Settings]:
    """Return a PostgreSQL that nobody else uses, migrated."""
    home = Path(tempfile.mkdtemp(prefix=f"retail-test-{os.getpid()}-killed-"))
    home.chmod(0o755)
    settings = Settings.from_environment({"RETAIL_HOME": str(home)})
    try:
        stack.up(settings, print, dagster=False, only=("postgres",))
        settings = Settings.from_environment(stack.environment(settings))
        migrations.migrate(settings.require("postgres_dsn"))
        roles.provision(settings)
        yield settings
    finally:
        stack.down(settings, print, wipe=True)
        shutil.rmtree(home, ignore_errors=True)


def _kill_server(settings: Settings) -> None:
    process = State(settings.home).process(Postgres.name)
    assert process is not None
    server = psutil.Process(process.pid)
    family = [server, *server.children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):  # it may end with its postmaster
            member.kill()
    psutil.wait_procs(family, timeout=10)


@pytest.mark.parametrize("moment", ["sales and their lines", "committing"])
def test_a_server_that_dies_during_a_load_comes_back_without_it(own_server: Settings, moment: str) -> None:
    before = files.state(own_server)
    embedded = Settings.from_environment({"RETAIL_HOME": str(own_server.home)})

    def kill(line: str) -> None:
        if line == moment:
            _kill_server(own_server)

    with pytest.raises(WarehouseError, match="Nothing was loaded"):
        load_file(own_server, SAMPLE, report=kill)

    stack.up(embedded, print, dagster=False, only=("postgres",))
    assert files.state(own_server) == before
    assert load_file(own_server, SAMPLE).loaded


def test_a_server_that_dies_while_it_drops_the_staging_comes_back(own_server: Settings) -> None:
    embedded = Settings.from_environment({"RETAIL_HOME": str(own_server.home)})
    log = own_server.home / "logs" / "postgres.log"

    def kill(line: str) -> None:
        if line == "committing":
            # The WAL so far goes to the disk with another session's commit.
            with connection.connect_dsn(own_server.require("postgres_dsn"), autocommit=True) as other:
                shop.run(other, "create table public.any (number integer)")
            _kill_server(own_server)
            # As a backend does that undoes the making of an unlogged table: this file goes first.
            first, *_ = sorted((own_server.home / "postgres" / "data" / "base").glob("*/*_init"))
            assert first.with_name(first.name.removesuffix("_init")).exists()
            first.unlink()

    with pytest.raises(WarehouseError, match="Nothing was loaded"):
        load_file(own_server, SAMPLE, report=kill)

    stack.up(embedded, print, dagster=False, only=("postgres",))
    assert "File exists" in log.read_text()
    assert load_file(own_server, SAMPLE).loaded
