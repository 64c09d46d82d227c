"""What holds for any sequence of files: the account adds up, nothing is lost, and what is loaded stays loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_pipeline.settings import Settings
from retail_pipeline.source.columns import NAMES
from retail_pipeline.tables import TABLES
from retail_pipeline.warehouse import connection
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration.load import files

# Few different values, so that rows share keys and contradict each other; some of them are no values at all.
_DATES = ("1/1/2024 9:00", "1/1/2024 9:01", "2/29/2024 23:59", "12/31/2024 0:00")
_VALUES: dict[str, tuple[str, ...]] = {
    "transaction_id": ("1", "2", "3", "4"),
    "store_id": ("1", "2"),
    "customer_id": ("1", "2", "3"),
    "product_id": ("1", "2", "3"),
    "product_name": ("Tablet", "TV, large", 'TV 55"'),
    "category": ("Electronics", "Appliances"),
    "quantity_sold": ("1", "2"),
    "unit_price": ("1", "1.5", "20.25"),
    "transaction_date": _DATES,
    "store_location": ("Miami, FL", "Dallas, TX"),
    "inventory_level": ("0", "7"),
    "reorder_point": ("5", "6"),
    "supplier_id": ("1", "2"),
    "supplier_lead_time": ("1", "2"),
    "customer_age": ("20", "30"),
    "customer_income": ("1", "2.5"),
    "payment_method": ("Cash", "Card"),
    "promotion_applied": ("TRUE", "FALSE"),
    "promotion_type": ("None", "BOGO"),
    "weather_conditions": ("Sunny", "Rainy"),
    "weekday": ("Monday", "Sunday"),
    "stockout_indicator": ("TRUE", "FALSE"),
    "forecasted_demand": ("1", "2"),
    "actual_demand": ("1", "2"),
}
_BROKEN = {"quantity_sold": "0", "unit_price": "free", "transaction_date": "2/30/2024 9:00", "product_id": ""}

_rows = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in _VALUES.items()}).map(
    lambda drawn: files.ROW | drawn
)
_bad_rows = st.tuples(_rows, st.sampled_from(sorted(_BROKEN))).map(
    lambda drawn: drawn[0] | {drawn[1]: _BROKEN[drawn[1]]}
)
_files = st.lists(st.lists(st.one_of(_rows, _rows, _rows, _bad_rows), min_size=1, max_size=12), min_size=1, max_size=3)


def _empty(settings_: Settings) -> None:
    names = ", ".join(table.qualified for table in TABLES if table.name not in {"schema_migrations", "heartbeat"})
    with connection.connect_dsn(settings_.require("postgres_dsn")) as session, session.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")  # streamed tables refuse to be truncated
        cursor.execute(f"truncate {names}")
        cursor.execute("alter sequence retail.transaction_number restart")


def _as_text(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame([row[1:] for row in rows], columns=list(NAMES))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=_files)
def test_nothing_of_any_files_is_lost(warehouse: Settings, contents: list[list[dict[str, str]]]) -> None:
    _empty(warehouse)
    loaded: list[tuple[int, list[tuple[Any, ...]]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, rows in enumerate(contents):
            path = files.write(Path(folder) / f"{number}.csv", rows)
            report = load_file(warehouse, path, accept=True)
            if report.already_loaded:
                continue
            assert (len(rows), len(rows)) == (report.read, report.loaded + report.quarantined + report.duplicates)
            loaded.append((report.file_id, _good(path)))

            state = files.state(warehouse)
            assert load_file(warehouse, path).already_loaded
            assert state == files.state(warehouse), "a file that is loaded changes nothing"

    every_row: list[tuple[Any, ...]] = []
    for file_id, given_rows in loaded:
        told = files.rebuilt(warehouse, file_id)
        by_line = {row[0]: row for row in given_rows}
        assert told == [by_line[row[0]] for row in told], "each loaded row is told as the file has it"
        every_row += told
    _conflicts_are_those_of_all_rows(warehouse, _as_text(every_row))
    assert files.ask(
        warehouse,
        "select count(*) from retail.inventory as i where inventory_level <> (select coalesce(sum(quantity), 0) "
        "from retail.stock_movements as m where m.store_id = i.store_id and m.product_id = i.product_id)",
    ) == [(0,)]


def _good(path: Path) -> list[tuple[Any, ...]]:
    """Return the good rows of a file as values, with their lines in the file."""
    frame = files.text_of(path)
    good = ~(
        (frame["quantity_sold"] == "0")
        | (frame["unit_price"] == "free")
        | frame["transaction_date"].str.startswith("2/30/")
        | (frame["product_id"] == "")
    )
    path = path.with_suffix(".good.csv")
    frame[good].to_csv(path, index=False)
    lines = [int(line) + 2 for line in frame.index[good]]
    return [(line, *row[1:]) for line, row in zip(lines, files.values(path), strict=True)]


def _conflicts_are_those_of_all_rows(warehouse: Settings, frame: pd.DataFrame) -> None:
    """Compare the stored conflicts with a recount over the rows of all files."""
    if frame.empty:
        return
    expected = files.recounted_conflicts(frame)
    stored = {
        "transaction_date": "store_id, transaction_id -> transaction_date",
        "customer_id": "store_id, transaction_id -> customer_id",
        "payment_method": "store_id, transaction_id -> payment_method",
        "promotion_type": "store_id, transaction_id -> promotion_type",
        "stockout": "store_id, transaction_id -> stockout_indicator",
        "product_name": "product_id -> product_name",
        "category_name": "product_id -> category",
        "supplier_id": "product_id -> supplier_id",
        "lead_time_days": "supplier_id -> supplier_lead_time",
        "store_location": "store_id -> store_location",
        "age": "customer_id -> customer_age",
        "income": "customer_id -> customer_income",
        "forecasted_demand": "store_id, product_id, day -> forecasted_demand",
        "actual_demand": "store_id, product_id, day -> actual_demand",
    }
    counts = ", ".join(f"count({column})" for column in stored)
    [found] = files.ask(warehouse, f"select {counts} from retail.conflicts")
    assert {name: expected[name] for name in stored.values()} == dict(zip(stored.values(), found, strict=True))
