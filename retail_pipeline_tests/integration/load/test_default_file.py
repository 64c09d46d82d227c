"""Which file a run loads that names none: the sample into an empty database, and nothing among a company's own rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from retail_pipeline.defs import keys
from retail_pipeline.defs.assets.source import walmart_csv
from retail_pipeline.defs.assets.warehouse import LOADED, REPORT, load
from retail_pipeline.defs.resources import Platform, SalesFile
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration import shop
from retail_pipeline_tests.integration.load import files


class _NoStore(dg.IOManager):
    """A store of what assets pass on, which two runs at once would share."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Refuse to keep anything."""
        raise AssertionError(context.name, obj)

    def load_input(self, context: dg.InputContext) -> object:
        """Refuse to give anything."""
        raise AssertionError(context.name)


def _read_by_a_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> object:
    """Load as a run does that names no file; return how many rows it read."""
    monkeypatch.delenv("RETAIL_CSV", raising=False)
    monkeypatch.setenv("RETAIL_HOME", str(settings.home))
    platform = Platform(postgres_dsn=settings.require("postgres_dsn"), mongo_uri="", kafka_bootstrap="", connect_url="")
    result = dg.materialize(
        [walmart_csv, load, dg.AssetSpec(keys.SCHEMA)],
        selection=[keys.CSV, *(keys.postgres(table.name) for table in LOADED)],
        resources={"platform": platform, "sales_file": SalesFile(csv="", accept=False), "io_manager": _NoStore()},
    )
    [materialization] = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == keys.postgres("files")
    ]
    report: Any = materialization.metadata[REPORT].value
    return report["read"]


def test_there_is_no_file_where_there_is_no_table(warehouse: Settings) -> None:
    with connect_dsn(warehouse.require("postgres_dsn")) as session:
        shop.run(session, "drop table retail.files cascade")

    assert ledger.known(warehouse, {"f" * 64}) == set()


def test_the_sample_is_loaded_into_an_empty_database_once(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [_read_by_a_run(warehouse, monkeypatch) for _ in range(2)] == [600, 0]


def test_the_sample_never_comes_among_other_files(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    own.write_bytes(b"".join(lines[:2]))
    load_file(warehouse, own)

    assert _read_by_a_run(warehouse, monkeypatch) == 0
    assert files.ask(warehouse, "select count(*) from retail.files") == [(1,)]
