"""Files that come after others: what they add, change, repeat, correct and contradict."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration.load import files

EARLY, MIDDLE, LATE = "1/1/2024 9:00", "1/31/2024 9:00", "3/31/2024 9:00"


def _load(settings: Settings, tmp_path: Path, name: str, *rows: dict[str, str], accept: bool = False) -> int:
    """Load rows as a file of that name and return its number; each of its loaded rows can be told from the tables."""
    path = files.write(tmp_path / f"{name}.csv", rows)
    report = load_file(settings, path, accept=accept)
    assert report.read == report.loaded + report.quarantined + report.duplicates
    return report.file_id


def _conflicts(settings: Settings, column: str) -> list[tuple[object, ...]]:
    return files.ask(
        settings,
        f"select transaction_id, {column} from retail.conflicts where {column} is not null order by transaction_id",
    )


def test_a_later_sale_changes_the_product_and_the_loaded_row_keeps_what_it_said(
    warehouse: Settings, tmp_path: Path
) -> None:
    first = files.row(
        transaction_id=1, transaction_date=MIDDLE, product_name="Tablet", unit_price="10", weekday="Monday"
    )
    second = files.row(transaction_id=2, transaction_date=LATE, product_name="Laptop", unit_price="20")

    one = _load(warehouse, tmp_path, "one", first)
    two = _load(warehouse, tmp_path, "two", second)

    assert files.ask(warehouse, "select product_name, unit_price::text from retail.products") == [("Laptop", "20.00")]
    assert _conflicts(warehouse, "product_name") == [(1, "Tablet")]
    assert files.rebuilt(warehouse, one) == files.values(tmp_path / "one.csv")
    assert files.rebuilt(warehouse, two) == files.values(tmp_path / "two.csv")


def test_an_earlier_sale_in_a_later_file_changes_nothing_but_its_own_conflicts(
    warehouse: Settings, tmp_path: Path
) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, transaction_date=MIDDLE, inventory_level=50))
    _load(
        warehouse,
        tmp_path,
        "two",
        files.row(transaction_id=2, transaction_date=EARLY, product_name="Laptop", inventory_level=9),
    )

    assert files.ask(warehouse, "select product_name from retail.products") == [("Tablet",)]
    assert files.ask(warehouse, "select inventory_level from retail.inventory") == [(50,)]
    assert _conflicts(warehouse, "product_name") == [(2, "Laptop")]


def test_a_value_that_lost_and_wins_again_is_no_conflict_any_more(warehouse: Settings, tmp_path: Path) -> None:
    sales = [(1, EARLY, "Tablet"), (2, MIDDLE, "Laptop"), (3, LATE, "Tablet")]
    loaded = [
        _load(
            warehouse,
            tmp_path,
            f"file {number}",
            files.row(transaction_id=number, transaction_date=date, product_name=name),
        )
        for number, date, name in sales
    ]

    assert _conflicts(warehouse, "product_name") == [(2, "Laptop")]
    for file_id, (number, _, _) in zip(loaded, sales, strict=True):
        assert files.rebuilt(warehouse, file_id) == files.values(tmp_path / f"file {number}.csv")


def test_each_kind_of_key_follows_a_later_file(warehouse: Settings, tmp_path: Path) -> None:
    changed = {
        "store_location": "Dallas, TX",
        "category": "Appliances",
        "reorder_point": "61",
        "reorder_quantity": "121",
        "supplier_lead_time": "5",
        "customer_age": "41",
        "customer_gender": "Male",
        "customer_income": "60000",
        "customer_loyalty_level": "Silver",
    }
    one = _load(warehouse, tmp_path, "one", files.row(transaction_id=1, transaction_date="3/31/2024 8:00"))
    again = files.row(transaction_id=2, transaction_date=LATE, forecasted_demand=7, actual_demand=8) | changed
    _load(warehouse, tmp_path, "two", again)

    assert files.rebuilt(warehouse, one) == files.values(tmp_path / "one.csv")
    [lost] = files.ask(
        warehouse,
        "select transaction_id, store_location, category_name, reorder_point, reorder_quantity, lead_time_days, age, "
        "gender, income::text, loyalty_level, forecasted_demand, actual_demand, product_name from retail.conflicts",
    )
    assert lost == (
        1, "Miami, FL", "Electronics", 60, 120, 4, 40, "Other", "50000.50", "Gold", 200, 210, None,
    )  # fmt: skip


def test_a_row_that_is_loaded_already_is_a_duplicate_in_a_later_file(warehouse: Settings, tmp_path: Path) -> None:
    first, second = files.row(transaction_id=1, unit_price="5.5"), files.row(transaction_id=2)
    _load(warehouse, tmp_path, "one", first)

    path = files.write(tmp_path / "two.csv", [first | {"unit_price": "5.50"}, second])
    report = load_file(warehouse, path)

    assert (report.read, report.loaded, report.duplicates, report.quarantined) == (2, 1, 1, 0)


def test_a_row_that_contradicts_a_loaded_sale_is_set_aside_and_the_sale_stays(
    warehouse: Settings, tmp_path: Path
) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, quantity_sold=2))
    others = [files.row(transaction_id=number) for number in range(2, 201)]

    _load(warehouse, tmp_path, "two", *others, files.row(transaction_id=1, quantity_sold=3, unit_price="7.5"))

    assert files.ask(warehouse, "select quantity from retail.transaction_details where transaction_id = 1") == [(2,)]
    [(line, store, number, rules, said)] = files.ask(
        warehouse,
        "select file_line, store_id, transaction_id, jsonb_path_query_array(reasons, '$[*].rule'), row_values "
        "from retail.quarantine",
    )
    assert (line, store, number, rules) == (201, 1, 1, ["contradicts_loaded_transaction"])
    wanted = files.row(transaction_id=1, quantity_sold=3, unit_price="7.50", customer_income="50000.50")
    assert said == list(wanted.values())


def test_a_row_that_contradicts_still_does_when_it_comes_again(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, quantity_sold=2))
    contradicting = files.row(transaction_id=1, quantity_sold=3)
    _load(warehouse, tmp_path, "two", contradicting, accept=True)

    report = load_file(
        warehouse, files.write(tmp_path / "three.csv", [files.row(transaction_id=2), contradicting]), accept=True
    )
    assert (report.loaded, report.quarantined, report.released) == (1, 1, 0)

    report = load_file(warehouse, files.write(tmp_path / "four.csv", [contradicting | {"transaction_id": "3"}]))
    assert (report.loaded, report.released) == (1, 2), "with a number of its own it is corrected, for both files"


def test_no_more_lines_join_a_loaded_sale_than_were_set_aside(warehouse: Settings, tmp_path: Path) -> None:
    path = files.write(tmp_path / "short.csv", [files.row(product_id=100), files.row(product_id=101)])
    path.write_text(path.read_text().rstrip().rpartition(",")[0])
    load_file(warehouse, path, accept=True)

    others = [files.row(product_id=number) for number in (101, 102, 103)]
    report = load_file(warehouse, files.write(tmp_path / "other.csv", others), accept=True)

    assert (report.loaded, report.quarantined, report.released) == (1, 2, 1)


def test_the_same_number_in_another_store_is_another_sale(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, store_id=1))
    _load(warehouse, tmp_path, "two", files.row(transaction_id=1, store_id=2))

    assert files.ask(warehouse, "select store_id, transaction_id from retail.transactions order by 1") == [
        (1, 1),
        (2, 1),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        {"quantity_sold": "0"},
        {"transaction_date": "31/12/2024 9:00", "unit_price": "free"},
        {"transaction_id": "none"},
        {"transaction_id": "none", "customer_id": "none"},
        {"store_id": ""},
    ],
    ids="+".join,
)
def test_a_corrected_row_loads_and_releases_what_was_set_aside(
    warehouse: Settings, tmp_path: Path, broken: dict[str, str]
) -> None:
    good = [files.row(transaction_id=number) for number in range(1, 4)]
    aside = _load(warehouse, tmp_path, "broken", *good, files.row(transaction_id=4) | broken, accept=True)

    report = load_file(warehouse, files.write(tmp_path / "corrected.csv", [*good, files.row(transaction_id=4)]))

    assert (report.loaded, report.duplicates, report.released) == (1, 3, 1)
    assert files.ask(warehouse, "select file_id, released_by from retail.quarantine") == [(aside, report.file_id)]


def test_a_line_of_a_loaded_sale_that_was_set_aside_joins_it_when_it_is_corrected(
    warehouse: Settings, tmp_path: Path
) -> None:
    basket = [files.row(product_id=100), files.row(product_id=101, quantity_sold="x"), files.row(product_id=102)]
    _load(warehouse, tmp_path, "broken", *basket, accept=True)

    corrected = [basket[0], basket[1] | {"quantity_sold": "3", "payment_method": "Card"}, basket[2]]
    report = load_file(warehouse, files.write(tmp_path / "corrected.csv", corrected), accept=True)

    assert (report.loaded, report.duplicates, report.released, report.quarantined) == (0, 2, 0, 1), (
        "another way to pay is not the row that was set aside"
    )

    report = load_file(
        warehouse, files.write(tmp_path / "again.csv", [basket[0], basket[1] | {"quantity_sold": "3"}, basket[2]])
    )

    assert (report.loaded, report.duplicates, report.released) == (1, 2, 1)
    assert files.ask(
        warehouse, "select line_number, product_id from retail.transaction_details order by line_number"
    ) == [(1, 100), (2, 102), (3, 101)]
    assert files.rebuilt(warehouse, report.file_id) == [files.values(tmp_path / "again.csv")[1]]


def test_a_row_with_too_few_values_is_released_by_the_sale_it_named(warehouse: Settings, tmp_path: Path) -> None:
    path = files.write(tmp_path / "short.csv", [files.row(transaction_id=1), files.row(transaction_id=2)])
    path.write_text(path.read_text().rstrip()[:-4].rpartition(",")[0])
    load_file(warehouse, path, accept=True)

    report = load_file(
        warehouse, files.write(tmp_path / "whole.csv", [files.row(transaction_id=1), files.row(transaction_id=2)])
    )

    assert (report.loaded, report.duplicates, report.released) == (1, 1, 1)


def test_a_row_of_a_file_never_joins_a_sale_that_was_made_here(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1))
    with connection.connect_dsn(warehouse.require("postgres_dsn")) as session:
        session.cursor().execute("call retail.insert_transaction(1, 1001, 1, array[100], array[1])")

    report = load_file(warehouse, files.write(tmp_path / "two.csv", [files.row(transaction_id=2)]), accept=True)

    assert (report.loaded, report.quarantined) == (0, 1)


def test_stock_after_a_later_record_is_that_less_what_was_sold_since(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, inventory_level=50, transaction_date=EARLY))
    with connection.connect_dsn(warehouse.require("postgres_dsn")) as session, session.cursor() as cursor:
        for date, quantity in [("2024-01-15", 3), ("2024-02-15", 4)]:
            cursor.execute(
                "call retail.insert_transaction(1, 1001, 1, array[100], array[%s], p_transaction_date => %s)",
                (quantity, date),
            )

    _load(warehouse, tmp_path, "two", files.row(transaction_id=9, inventory_level=20, transaction_date=MIDDLE))

    assert files.ask(warehouse, "select inventory_level from retail.inventory") == [(16,)]
    assert files.ask(warehouse, "select sum(quantity) from retail.stock_movements") == [(16,)]
    assert files.ask(
        warehouse, "select quantity from retail.stock_movements where reason = 'load' order by movement_id"
    ) == [(50,), (-27,)]


def test_stock_is_never_below_zero_and_where_it_would_be_is_said(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, inventory_level=50, transaction_date=EARLY))
    with connection.connect_dsn(warehouse.require("postgres_dsn")) as session:
        session.cursor().execute("call retail.insert_transaction(1, 1001, 1, array[100], array[30])")

    path = files.write(tmp_path / "two.csv", [files.row(transaction_id=9, inventory_level=10, transaction_date=MIDDLE)])
    report = load_file(warehouse, path)

    assert report.warnings["stock would be below zero"] == 1
    assert files.ask(warehouse, "select inventory_level from retail.inventory") == [(0,)]


def test_lookups_of_a_later_file_are_numbered_after_those_there(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=1, payment_method="Cash"))
    _load(
        warehouse,
        tmp_path,
        "two",
        files.row(transaction_id=2, payment_method="Voucher"),
        files.row(transaction_id=3, payment_method="Cash"),
    )

    assert files.ask(warehouse, "select payment_method_id, payment_method from retail.payment_methods order by 1") == [
        (1, "Cash"),
        (2, "Voucher"),
    ]


def test_the_number_of_the_next_sale_never_goes_back(warehouse: Settings, tmp_path: Path) -> None:
    _load(warehouse, tmp_path, "one", files.row(transaction_id=5000))
    _load(warehouse, tmp_path, "two", files.row(transaction_id=10))

    assert files.ask(warehouse, "select last_value from retail.transaction_number") == [(5000,)]
