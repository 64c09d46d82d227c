"""A file is loaded whatever the bytes of its name, and the ledger shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, ledger
from retail_pipeline.warehouse.load import load_file
from retail_pipeline.warehouse.load_report import RefusedFileError
from retail_pipeline_tests.integration.conftest import in_database
from retail_pipeline_tests.integration.load import files


@pytest.mark.parametrize(
    ("name", "shown"), [(b"caf\xe9.CSV", r"caf\xe9.CSV"), (b"two\nlines\x1b.csv", r"two\nlines\x1b.csv")]
)
def test_a_name_in_any_bytes_is_in_the_ledger_as_it_is_shown(
    warehouse: Settings, tmp_path: Path, name: bytes, shown: str
) -> None:
    path = files.write(tmp_path / os.fsdecode(name), [files.row()])
    told: list[str] = []

    load_file(warehouse, path, report=told.append)
    load_file(warehouse, path, report=told.append)

    assert files.ask(warehouse, "select name from retail.files") == [(shown,)]
    assert f"{shown} is loaded already; nothing to do" in told
    assert "\n".join(told).encode()


def test_the_ledger_names_those_of_many_files_that_are_loaded(warehouse: Settings, tmp_path: Path) -> None:
    loaded = load_file(warehouse, files.write(tmp_path / "a.csv", [files.row()]))
    with pytest.raises(RefusedFileError) as refused:
        load_file(warehouse, files.write(tmp_path / "b.csv", [files.row(transaction_id=2, quantity_sold="none")]))

    assert ledger.known(warehouse, {loaded.sha256, refused.value.report.sha256, "f" * 64}) == {loaded.sha256}


def test_a_database_without_the_schema_has_no_file_loaded(warehouse: Settings) -> None:
    assert ledger.known(in_database(warehouse, "postgres"), {"f" * 64}) == set()


def test_a_ledger_that_is_locked_answers_within_a_bound(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_TIMEOUT", "set local statement_timeout = '50ms'")
    with connection.connect_dsn(warehouse.require("postgres_dsn")) as holder:
        holder.cursor().execute("lock table retail.files in access exclusive mode")
        with pytest.raises(WarehouseError, match="does not say which files are loaded"):
            ledger.known(warehouse, {"f" * 64})
