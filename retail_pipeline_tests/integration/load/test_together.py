"""Loads beside loads, beside sales, beside deletions and beside replication slots."""

from __future__ import annotations

import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.source.file import open_source
from retail_pipeline.warehouse import connection, load, load_wal, roles
from retail_pipeline.warehouse.load import load_file
from retail_pipeline.warehouse.load_report import LoadReport
from retail_pipeline_tests.integration import shop
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


def _load_beside(
    settings: Settings, path: Path, title: str, statement: str, role: str = connection.store_role(1)
) -> LoadReport:
    """Load a file; before the step of this title somebody enters something, which is committed once the load waits."""
    entered = threading.Event()

    def enter() -> None:
        with (
            connection.connect_dsn(settings.require("postgres_dsn"), autocommit=True) as administrator,
            connection.connect(settings, role) as other,
        ):
            other.cursor().execute(statement)
            entered.set()
            while not shop.rows(administrator, files.LOADER_WAITS):
                time.sleep(0.005)

    thread = threading.Thread(target=enter)

    def begin(line: str) -> None:
        if line == title and not entered.is_set():
            thread.start()
            assert entered.wait(30)

    report = load_file(settings, path, report=begin, accept=True)
    thread.join()
    return report


@pytest.fixture(name="one_store")
def _one_store(warehouse: Settings, tmp_path: Path) -> Settings:
    """Return a store with a login, of one sale whose second row is set aside."""
    rows = [files.row(transaction_id=1, store_id=1), files.row(transaction_id=1, store_id=1, quantity_sold="none")]
    load_file(warehouse, files.write(tmp_path / "first.csv", rows), accept=True)
    roles.provision(warehouse)
    return warehouse


def test_a_forecast_that_a_store_enters_in_the_same_moment_fails_no_load(one_store: Settings, tmp_path: Path) -> None:
    rows = [files.row(transaction_id=2, store_id=1, transaction_date="2/23/2024 10:00", forecasted_demand=17)]

    report = _load_beside(
        one_store,
        files.write(tmp_path / "second.csv", rows),
        "products, customers and what else sales refer to",
        "insert into retail.demand_forecast values (1, 100, '2024-02-23', 1, 1)",
    )

    assert report.loaded == 1
    forecast = "select forecasted_demand from retail.demand_forecast where forecast_date = '2024-02-23'"
    assert files.ask(one_store, forecast) == [(17,)]


def test_a_line_that_a_store_adds_in_the_same_moment_to_a_sale_that_a_file_corrects_fails_no_load(
    one_store: Settings, tmp_path: Path
) -> None:
    rows = [files.row(transaction_id=1, store_id=1), files.row(transaction_id=1, store_id=1, quantity_sold=3)]

    report = _load_beside(
        one_store,
        files.write(tmp_path / "whole.csv", rows),
        "numbering the lines",
        "insert into retail.transaction_details values (1, 2, 1, 100, 1, 1)",
    )

    assert (report.loaded, report.duplicates, report.released) == (1, 1, 1)
    lines = "select line_number, quantity from retail.transaction_details order by 1"
    assert [number for number, _ in files.ask(one_store, lines)] == [1, 2, 3]
    assert (3, 3) in files.ask(one_store, lines)


def test_a_sale_that_is_entered_in_the_same_moment_is_a_known_one_to_the_next_attempt(
    one_store: Settings, tmp_path: Path
) -> None:
    rows = [files.row(transaction_id=2, store_id=1), files.row(transaction_id=3, store_id=1)]

    report = _load_beside(
        one_store,
        files.write(tmp_path / "second.csv", rows),
        "products, customers and what else sales refer to",
        "insert into retail.transactions (transaction_id, transaction_date, customer_id, store_id, payment_method_id,"
        " promotion_applied, weather_id, stockout) select 2, now(), customer_id, 1, payment_method_id, false,"
        " weather_id, false from retail.transactions limit 1;"
        "insert into retail.transaction_details values (2, 1, 1, 100, 1, 1)",
        connection.SUPERUSER,
    )

    assert (report.loaded, report.quarantined) == (1, 1)


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


def _checked(settings: Settings) -> set[str]:
    """Return the references that a load asks for as sets, each with a query that runs."""
    with connection.connect(settings, connection.LOADER) as session, session.cursor() as cursor:
        cursor.execute((load.SCRIPTS / "14_references.sql").read_text())
        ((query,),) = cursor.fetchall()
        cursor.execute(query)
        return {reference for reference, _ in cursor.fetchall()}


def test_every_reference_of_the_tables_that_a_load_writes_is_checked(warehouse: Settings) -> None:
    scripts = "".join(path.read_text() for path in load.SCRIPTS.glob("[01]*.sql"))
    written = set(re.findall(r"(?:insert into|update) retail\.(\w+)", scripts))
    references = files.ask(
        warehouse,
        "select child.relname::text, parent.relname::text from pg_constraint "
        "join pg_class as child on child.oid = conrelid join pg_class as parent on parent.oid = confrelid "
        "where contype = 'f' and connamespace = 'retail'::regnamespace",
    )

    expected = {f"{child} -> {parent}" for child, parent in references if child in written}
    assert len(expected) > 15
    assert _checked(warehouse) == expected


def test_a_reference_that_a_migration_adds_is_checked_too(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "AS_SETS", 1)
    before = _checked(warehouse)
    with connection.connect_dsn(warehouse.require("postgres_dsn")) as session, session.cursor() as cursor:
        cursor.execute(
            'create table retail."All days" (day date, store integer, primary key (store, day)); '
            "alter table retail.demand_forecast add constraint planted foreign key (store_id, forecast_date) "
            'references retail."All days"; grant select on retail."All days" to retail_loader'
        )

    assert _checked(warehouse) - before == {"demand_forecast -> All days"}
    with pytest.raises(WarehouseError, match=r"is not there: demand_forecast -> All days \(1 rows\)\."):
        load_file(warehouse, files.write(tmp_path / "one.csv", [files.row()]))


def test_a_reference_of_a_row_without_a_value_refers_to_nothing(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "AS_SETS", 1)
    path = files.write(tmp_path / "one.csv", [files.row(promotion_type="None")])

    assert load_file(warehouse, path).loaded == 1
    assert files.ask(warehouse, "select promotion_id from retail.transactions") == [(None,)]


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
