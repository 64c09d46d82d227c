"""What a load brings into the tables: every row and value of the file, and an account that adds up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from retail_pipeline.errors import SourceError
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.tables import BUSINESS
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests import dependencies
from retail_pipeline_tests.integration.load import files

BOTH = pytest.mark.parametrize("path", sorted({files.REAL_OR_SAMPLE, SAMPLE}), ids=lambda path: path.stem)


@BOTH
def test_the_tables_hold_what_the_file_says(warehouse: Settings, path: Path) -> None:
    report = load_file(warehouse, path)

    frame = files.typed(path)
    expected = {
        "categories": frame["category"].nunique(),
        "suppliers": frame["supplier_id"].nunique(),
        "stores": frame["store_id"].nunique(),
        "customers": frame["customer_id"].nunique(),
        "products": frame["product_id"].nunique(),
        "promotions": frame.loc[frame["promotion_type"] != "None", "promotion_type"].nunique(),
        "payment_methods": frame["payment_method"].nunique(),
        "weather": frame["weather_conditions"].nunique(),
        "transactions": len(frame.groupby(["store_id", "transaction_id"])),
        "transaction_details": len(frame),
        "inventory": len(frame.groupby(["store_id", "product_id"])),
        "demand_forecast": len(frame.groupby(["store_id", "product_id", frame["transaction_date"].dt.date])),
    }
    assert expected == report.tables
    assert set(expected) == {table.name for table in BUSINESS}
    assert (len(frame), len(frame), 0, 0) == (report.read, report.loaded, report.quarantined, report.duplicates)
    [(units, revenue)] = files.ask(
        warehouse, "select sum(quantity), sum(quantity * unit_price) from retail.transaction_details"
    )
    assert frame["quantity_sold"].sum() == units
    assert (frame["quantity_sold"] * frame["unit_price"]).sum() == revenue


@pytest.mark.parametrize("path", [files.REAL_OR_SAMPLE])
def test_the_known_file_has_its_known_figures(warehouse: Settings, path: Path) -> None:
    report = load_file(warehouse, path)

    figures = {
        "Walmart": [5000, 5000, 3848, 898, 20, 401, 2, 4, 4, 2, 14914, "15263601.45"],
        "sample": [299, 600, 230, 108, 8, 48, 2, 4, 4, 2, 1806, "1803348.85"],
    }
    names = ["transactions", "transaction_details", "customers", "products", "stores", "suppliers", "categories"]
    names += ["payment_methods", "weather", "promotions"]
    [sums] = files.ask(
        warehouse, "select sum(quantity), sum(quantity * unit_price)::text from retail.transaction_details"
    )
    assert figures[path.stem] == [*(report.tables[name] for name in names), *sums]


@BOTH
def test_conflicts_are_those_that_the_file_has(warehouse: Settings, path: Path) -> None:
    report = load_file(warehouse, path)

    assert files.recounted_conflicts(files.typed(path)) == report.conflicts
    assert set(dependencies.NAMES) == set(report.conflicts)


@BOTH
def test_every_value_of_the_file_can_be_told_from_the_tables(warehouse: Settings, path: Path) -> None:
    report = load_file(warehouse, path)

    assert files.values(path) == files.rebuilt(warehouse, report.file_id)


def test_a_file_that_is_loaded_loads_nothing_again(warehouse: Settings, tmp_path: Path) -> None:
    first = load_file(warehouse, SAMPLE)
    before = files.state(warehouse)
    copy = tmp_path / "renamed.csv"
    shutil.copy(SAMPLE, copy)

    again = load_file(warehouse, copy)

    assert again.already_loaded
    assert (0, first.file_id, first.tables) == (again.read, again.file_id, again.tables)
    assert before == files.state(warehouse)


def test_lookups_are_numbered_as_they_appear_first(warehouse: Settings) -> None:
    load_file(warehouse, SAMPLE)

    frame = files.text_of(SAMPLE)
    stored = files.ask(warehouse, "select payment_method from retail.payment_methods order by payment_method_id")
    assert frame["payment_method"].drop_duplicates().tolist() == [name for (name,) in stored]


def test_stock_is_the_latest_record_and_the_sum_of_movements(warehouse: Settings) -> None:
    load_file(warehouse, SAMPLE)

    frame = files.typed(SAMPLE).sort_values(["transaction_date", "transaction_id", "store_id"], kind="stable")
    latest = frame.drop_duplicates(["store_id", "product_id"], keep="last")
    stock = files.ask(warehouse, "select store_id, product_id, inventory_level from retail.inventory")
    moved = files.ask(
        warehouse,
        "select store_id, product_id, sum(quantity) from retail.stock_movements where reason = 'load' group by 1, 2",
    )
    expected = set(zip(latest["store_id"], latest["product_id"], latest["inventory_level"], strict=True))
    assert expected == set(stock)
    assert {key for key in expected if key[2]} == set(moved)


def test_the_next_sale_is_numbered_after_the_file(warehouse: Settings) -> None:
    load_file(warehouse, SAMPLE)

    largest = files.typed(SAMPLE)["transaction_id"].max()
    [(last, called)] = files.ask(warehouse, "select last_value, is_called from retail.transaction_number")
    assert (largest, True) == (last, called)


def test_a_store_sees_the_customers_that_its_sales_have(warehouse: Settings) -> None:
    load_file(warehouse, SAMPLE)

    related = files.ask(warehouse, "select store_id, customer_id from retail.store_customers")
    buyers = files.ask(warehouse, "select distinct store_id, customer_id from retail.transactions")
    assert sorted(buyers) == sorted(related)


def test_equal_rows_are_one_row_and_duplicates(warehouse: Settings, tmp_path: Path) -> None:
    same = files.row(unit_price="19.9")
    path = files.write(tmp_path / "twice.csv", [same, files.row(product_id=101), same | {"unit_price": "19.90"}, same])

    report = load_file(warehouse, path)

    assert (report.read, report.loaded, report.quarantined, report.duplicates) == (4, 2, 0, 2)


def test_bad_rows_are_set_aside_with_line_and_reason_and_good_rows_load(warehouse: Settings, tmp_path: Path) -> None:
    path = files.write(
        tmp_path / "some bad.csv",
        [
            files.row(transaction_id=1),
            files.row(transaction_id=2, transaction_date="31/3/2024 21:46"),
            files.row(transaction_id=3, unit_price="free", quantity_sold=0),
            files.row(transaction_id=4),
        ],
    )

    report = load_file(warehouse, path, accept=True)

    assert (report.read, report.loaded, report.quarantined) == (4, 2, 2)
    aside = files.ask(
        warehouse,
        "select file_line, transaction_id, row_values ->> 0, reasons from retail.quarantine order by file_line",
    )
    assert [found[:3] for found in aside] == [(3, 2, "2"), (4, 3, "3")]
    assert [[reason["rule"] for reason in found[3]] for found in aside] == [
        ["not_a_moment"],
        ["out_of_range", "not_an_amount"],
    ]
    assert 'The price of one unit is "free"' in aside[1][3][1]["sentence"]


def test_too_many_bad_rows_load_nothing_and_leave_their_report(warehouse: Settings, tmp_path: Path) -> None:
    rows = [files.row(transaction_id=number) for number in range(1, 99)]
    path = files.write(tmp_path / "bad.csv", [*rows, files.row(quantity_sold=0), files.row(quantity_sold=-1)])

    with pytest.raises(SourceError, match=r"2 of 100 rows of bad\.csv .* nothing was loaded"):
        load_file(warehouse, path)

    assert files.ask(warehouse, "select count(*) from retail.transactions") == [(0,)]
    assert files.ask(warehouse, "select accepted, rows_read, rows_loaded, rows_quarantined from retail.files") == [
        (False, 100, 0, 2)
    ]
    assert files.ask(warehouse, "select count(*) from retail.quarantine") == [(2,)]

    report = load_file(warehouse, path, accept=True)

    assert (report.loaded, report.quarantined) == (98, 2)
    assert files.ask(warehouse, "select accepted from retail.files") == [(True,)]
    assert files.ask(warehouse, "select count(*) from retail.quarantine") == [(2,)]


def test_lines_of_a_sale_that_disagree_are_conflicts_of_the_later(warehouse: Settings, tmp_path: Path) -> None:
    path = files.write(
        tmp_path / "basket.csv",
        [
            files.row(payment_method="Cash", promotion_type="BOGO"),
            files.row(payment_method="Card", promotion_type="None", product_id=101),
        ],
    )

    report = load_file(warehouse, path)

    assert report.conflicts["store_id, transaction_id -> payment_method"] == 1
    assert files.ask(
        warehouse,
        "select payment_method, promotion_id from retail.transactions join retail.payment_methods "
        "using (payment_method_id)",
    ) == [("Card", None)]
    assert files.ask(warehouse, "select line_number, payment_method, promotion_type from retail.conflicts") == [
        (1, "Cash", "BOGO")
    ]
    assert files.values(path) == files.rebuilt(warehouse, report.file_id)
