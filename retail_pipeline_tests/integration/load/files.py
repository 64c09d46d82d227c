"""Files to load, and what must come of them, told from the text of the file with pandas alone."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from retail_pipeline.settings import PROJECT, SAMPLE, Settings
from retail_pipeline.source.columns import BY_NAME, NAMES, Kind
from retail_pipeline.tables import TABLES
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration.load import rebuild

_REAL = PROJECT.parent / "shared" / "data" / "Walmart.csv"
REAL_OR_SAMPLE = _REAL if _REAL.exists() else SAMPLE

ROW: dict[str, str] = {
    "transaction_id": "1",
    "customer_id": "1001",
    "product_id": "100",
    "product_name": "Tablet",
    "category": "Electronics",
    "quantity_sold": "2",
    "unit_price": "19.95",
    "transaction_date": "3/31/2024 21:46",
    "store_id": "1",
    "store_location": "Miami, FL",
    "inventory_level": "50",
    "reorder_point": "60",
    "reorder_quantity": "120",
    "supplier_id": "300",
    "supplier_lead_time": "4",
    "customer_age": "40",
    "customer_gender": "Other",
    "customer_income": "50000.5",
    "customer_loyalty_level": "Gold",
    "payment_method": "Cash",
    "promotion_applied": "TRUE",
    "promotion_type": "None",
    "weather_conditions": "Sunny",
    "holiday_indicator": "FALSE",
    "weekday": "Sunday",
    "stockout_indicator": "FALSE",
    "forecasted_demand": "200",
    "actual_demand": "210",
}

# A row while a load of this database waits for a lock.
LOADER_WAITS = """
select 1 from pg_stat_activity
where usename = 'retail_loader' and wait_event_type = 'Lock' and datname = current_database()
"""


def row(**values: object) -> dict[str, str]:
    """Return a good row with some values of one's own."""
    return ROW | {name: str(value) for name, value in values.items()}


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write rows as a file of sales."""
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())
    return path


def text_of(path: Path) -> pd.DataFrame:
    """Read a file as text, each word as it stands."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def typed(path: Path) -> pd.DataFrame:
    """Read a file with numbers and dates as such, for arithmetic."""
    frame = text_of(path)
    for name in NAMES:
        if BY_NAME[name].kind in {Kind.WHOLE, Kind.NUMBER}:
            frame[name] = frame[name].astype("int64")
        elif BY_NAME[name].kind is Kind.MONEY:
            frame[name] = frame[name].map(Decimal)
    frame["transaction_date"] = pd.to_datetime(frame["transaction_date"], format="%m/%d/%Y %H:%M")
    return frame


def values(path: Path) -> list[tuple[Any, ...]]:
    """Return the rows of a file as values that compare as the database's do: (line, 28 values)."""
    frame = typed(path)
    flags = [name for name in NAMES if BY_NAME[name].kind is Kind.FLAG]
    frame[flags] = frame[flags] == "TRUE"
    frame["transaction_date"] = frame["transaction_date"].dt.to_pydatetime()
    return list(zip(range(2, len(frame) + 2), *(frame[name].tolist() for name in NAMES), strict=True))


def recounted_conflicts(frame: pd.DataFrame) -> dict[str, int]:
    """Count from the file, for each dependency, the rows whose value is not the latest sale's."""
    frame = frame.assign(day=frame["transaction_date"].dt.date, line=range(len(frame)))
    ranked = frame.sort_values(["transaction_date", "transaction_id", "store_id", "line"])
    dependents = {
        ("store_id", "transaction_id"): [
            "transaction_date",
            "customer_id",
            "promotion_applied",
            "payment_method",
            "promotion_type",
            "weather_conditions",
            "stockout_indicator",
        ],
        ("product_id",): [
            "product_name",
            "category",
            "supplier_id",
            "reorder_point",
            "reorder_quantity",
            "unit_price",
        ],
        ("store_id", "product_id"): ["inventory_level"],
        ("supplier_id",): ["supplier_lead_time"],
        ("store_id",): ["store_location"],
        ("customer_id",): ["customer_age", "customer_gender", "customer_income", "customer_loyalty_level"],
        ("store_id", "product_id", "day"): ["forecasted_demand", "actual_demand"],
    }
    counts: dict[str, int] = {}
    for key, names in dependents.items():
        latest = ranked.groupby(list(key))[names].transform("last")
        for name in names:
            counts[f"{', '.join(key)} -> {name}"] = int((ranked[name] != latest[name]).sum())
    return counts


def rebuilt(settings: Settings, file_id: int) -> list[tuple[Any, ...]]:
    """Return the rows of a file as the database tells them."""
    with connection.connect(settings, connection.READER) as session:
        return list(rebuild.rows(session, file_id))


def ask(settings: Settings, question: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Ask the database something, as one who sees everything."""
    with connection.connect(settings, connection.READER) as session, session.cursor() as cursor:
        cursor.execute(question, parameters or None)
        return list(cursor.fetchall())


def copy_of_sample(folder: Path, name: str, offset: int) -> Path:
    """Write the sample once more, the numbers of its sales moved by `offset`."""
    frame = text_of(SAMPLE)
    frame["transaction_id"] = (frame["transaction_id"].astype("int64") + offset).astype("str")
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def state(settings: Settings) -> str:
    """Return a hash over all rows of all tables."""
    digest = hashlib.sha256()
    with connection.connect(settings, connection.READER) as session, session.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"select t::text from {table.qualified} as t order by 1")
            digest.update(repr((table.name, cursor.fetchall())).encode())
    return digest.hexdigest()


def facts(settings: Settings) -> dict[str, list[str]]:
    """Return the rows of all tables without what differs from one load of the same files to another."""
    chance = {"file_id", "released_by", "loaded_at", "seconds", "moved_at", "movement_id", "applied_at", "beat_at"}
    found = {}
    with connection.connect(settings, connection.READER) as session, session.cursor() as cursor:
        for table in TABLES:
            names = ", ".join(name for name in table.column_names if name not in chance)
            cursor.execute(f"select ({names})::text from {table.qualified} order by 1")
            found[table.name] = [text for (text,) in cursor.fetchall()]
    return found


def latest_stock(*paths: Path) -> dict[tuple[int, int], int]:
    """Return from files the latest record of the stock of each store and product."""
    frame = pd.concat([typed(path) for path in paths])
    ranked = frame.sort_values(["transaction_date", "transaction_id", "store_id"], kind="stable")
    latest = ranked.drop_duplicates(["store_id", "product_id"], keep="last")
    columns = (latest[name] for name in ("store_id", "product_id", "inventory_level"))
    return {(store, product): level for store, product, level in zip(*columns, strict=True)}


def matches(pattern: str, text: str) -> bool:
    """Return whether a text has something of the pattern in it."""
    return re.search(pattern, text) is not None
