"""Loads beside loads, beside sales, beside deletions and beside replication slots."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.source.file import open_source
from retail_pipeline.warehouse import connection, load, load_wal
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration.load import files


def test_two_files_loaded_at_once_are_both_loaded_whole(warehouse: Settings, tmp_path: Path) -> None:
    paths = [files.copy_of_sample(tmp_path, f"{offset}.csv", offset) for offset in (0, 1_000_000)]

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(lambda path: load_file(warehouse, path), paths))

    rows = len(files.text_of(SAMPLE))
    assert [report.loaded for report in reports] == [rows, rows]
    for path, report in zip(paths, reports, strict=True):
        assert files.rebuilt(warehouse, report.file_id) == files.values(path)


def test_one_file_loaded_twice_at_once_is_loaded_once(warehouse: Settings) -> None:
    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(lambda path: load_file(warehouse, path), [SAMPLE, SAMPLE]))

    assert sorted(report.already_loaded for report in reports) == [False, True]
    assert files.ask(warehouse, "select count(*) from retail.files") == [(1,)]


def test_a_sale_of_the_same_products_is_made_before_the_stock_is_locked(warehouse: Settings, tmp_path: Path) -> None:
    load_file(warehouse, SAMPLE)
    later = files.copy_of_sample(tmp_path, "later.csv", 1_000_000)
    [(store, product)] = files.ask(
        warehouse, "select store_id, product_id from retail.inventory where inventory_level > 1 order by 1, 2 limit 1"
    )
    [(customer,)] = files.ask(
        warehouse, "select min(customer_id) from retail.store_customers where store_id = %s", store
    )
    sold: list[str] = []

    def sell_before_stock(line: str) -> None:
        if line == "stock":
            with connection.connect(warehouse, connection.ADMIN) as session, session.cursor() as cursor:
                cursor.execute("set local lock_timeout = '5s'")
                cursor.execute(
                    "call retail.insert_transaction(%s, %s, 1, array[%s], array[1])", (store, customer, product)
                )
            sold.append(line)

    report = load_file(warehouse, later, report=sell_before_stock)

    assert sold == ["stock"]
    assert 0 < report.blocked_seconds < report.seconds
    assert files.ask(
        warehouse,
        "select i.inventory_level - sum(m.quantity) from retail.inventory as i join retail.stock_movements as m "
        "using (store_id, product_id) where store_id = %s and product_id = %s group by i.inventory_level",
        store,
        product,
    ) == [(0,)]


@pytest.mark.parametrize("as_sets", [1, 1_000_000_000], ids=["as sets", "row by row"])
def test_what_a_load_refers_to_cannot_be_deleted_meanwhile(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_sets: int
) -> None:
    monkeypatch.setattr(load, "AS_SETS", as_sets)
    load_file(warehouse, files.write(tmp_path / "one.csv", [files.row(transaction_id=1)]))
    refused = threading.Event()

    def delete_meanwhile(line: str) -> None:
        if line == "committing":
            with connection.connect_dsn(warehouse.require("postgres_dsn")) as session, session.cursor() as cursor:
                cursor.execute("set local lock_timeout = '50ms'")
                with pytest.raises(psycopg2.errors.LockNotAvailable):
                    cursor.execute("delete from retail.customers where customer_id = 1001")
            refused.set()

    load_file(warehouse, files.write(tmp_path / "two.csv", [files.row(transaction_id=2)]), report=delete_meanwhile)

    assert refused.is_set()


def test_references_checked_as_sets_give_the_same_tables(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "AS_SETS", 1)

    reports = [load_file(warehouse, path) for path in (SAMPLE, files.copy_of_sample(tmp_path, "later.csv", 1_000_000))]

    assert "14_references" in reports[0].stages
    assert files.rebuilt(warehouse, reports[0].file_id) == files.values(SAMPLE)
    assert reports[0].conflicts == files.recounted_conflicts(files.typed(SAMPLE))


@pytest.mark.parametrize(
    ("script", "sound", "broken"),
    [
        ("10_sales", "    product_id,\n    quantity_sold", "    product_id + 5000,\n    quantity_sold"),
        ("10_sales", "    fresh.customer_id,\n    fresh.store_id,", "    -1 as customer_id,\n    fresh.store_id,"),
        (
            "09_masters",
            "    product_id,\n    forecast_date,\n    fore",
            "    -product_id,\n    forecast_date,\n    fore",
        ),
    ],
)
def test_a_reference_to_nothing_is_found_among_sets(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, script: str, sound: str, broken: str
) -> None:
    scripts = tmp_path / "load"
    shutil.copytree(load.SCRIPTS, scripts)
    path = scripts / f"{script}.sql"
    assert sound in path.read_text()
    path.write_text(path.read_text().replace(sound, broken))
    monkeypatch.setattr(load, "SCRIPTS", scripts)
    monkeypatch.setattr(load, "AS_SETS", 1)
    before = files.state(warehouse)

    with pytest.raises(WarehouseError, match="would refer to what is not there"):
        load_file(warehouse, files.write(tmp_path / "one.csv", [files.row()]))

    assert files.state(warehouse) == before


def test_every_reference_of_the_tables_that_a_load_writes_is_checked(warehouse: Settings) -> None:
    text = (load.SCRIPTS / "14_references.sql").read_text()

    references = files.ask(
        warehouse,
        "select conrelid::regclass::text, confrelid::regclass::text from pg_constraint "
        "where contype = 'f' and connamespace = 'retail'::regnamespace",
    )
    # The load writes quarantine before row triggers are off, and the others never.
    not_written = {"quarantine", "role_store", "returns", "requests"}
    # These are asked for batch by batch, see test_stock.
    not_written |= {"inventory", "stock_movements"}
    names = {(child.removeprefix("retail."), parent.removeprefix("retail.")) for child, parent in references}
    assert all(f"'{child} -> {parent}'" in text for child, parent in names if child not in not_written)
    assert {child for child, _ in names} > not_written


def test_a_load_that_could_cost_a_slot_does_not_start(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_wal, "WAL_PER_BYTE", 10**12)
    with connection.connect_dsn(warehouse.require("postgres_dsn"), autocommit=True) as session:
        cursor = session.cursor()
        cursor.execute("select pg_create_logical_replication_slot('load_test', 'pgoutput')")
        try:
            with pytest.raises(WarehouseError, match="replication slot load_test is lost"):
                load_file(warehouse, SAMPLE)
        finally:
            cursor.execute("select pg_drop_replication_slot('load_test')")


def test_a_load_writes_no_more_wal_than_it_is_checked_for(warehouse: Settings) -> None:
    size = open_source(files.REAL_OR_SAMPLE).size
    [(start,)] = files.ask(warehouse, "select pg_current_wal_lsn()::text")

    load_file(warehouse, files.REAL_OR_SAMPLE)

    [(written,)] = files.ask(warehouse, "select pg_wal_lsn_diff(pg_current_wal_lsn(), %s::pg_lsn)::bigint", start)
    assert written < size * load_wal.WAL_PER_BYTE + load_wal.WAL_OF_ANY
