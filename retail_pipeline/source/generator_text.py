"""The words and the text of a generated file: numbers and codes in, lines of CSV out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Columns = dict[str, Integers]

NAMES = ("Fridge", "Washing Machine", "Laptop", "Smartphone", "Tablet", "TV", "Camera", "Headphones")
APPLIANCES = 2  # so many of NAMES, from the first
CATEGORIES = ("Appliances", "Electronics")
LOCATIONS = ("Los Angeles, CA", "Chicago, IL", "Dallas, TX", "New York, NY", "Miami, FL")
GENDERS = ("Male", "Female", "Other")
LOYALTY_LEVELS = ("Bronze", "Silver", "Gold", "Platinum")
PAYMENT_METHODS = ("Cash", "Credit Card", "Debit Card", "Digital Wallet")
PROMOTIONS = ("None", "BOGO", "Percentage Discount")
WEATHERS = ("Cloudy", "Rainy", "Stormy", "Sunny")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BOOLEANS = ("FALSE", "TRUE")
FIRST_DAY = date(2024, 1, 1)  # a Monday, where WEEKDAYS begins
DAYS = 260
DAY_MINUTES = 24 * 60


def _words(words: tuple[str, ...], codes: Integers) -> Any:
    return pa.array(words).take(pa.array(codes))


def _money(cents: Integers) -> Any:
    """Write amounts as the source file does: as many decimals as they need."""
    decimals = tuple(f".{number:02d}".rstrip("0").rstrip(".") for number in range(100))
    return pc.binary_join_element_wise(pa.array(cents // 100).cast(pa.string()), _words(decimals, cents % 100), "")


def _minutes(minutes: Integers) -> Any:
    """Write times as the source file does, M/D/YYYY H:MM, the month first and only the minute padded."""
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    dates = tuple(f"{day.month}/{day.day}/{day.year}" for day in days)
    times = tuple(f"{minute // 60}:{minute % 60:02d}" for minute in range(DAY_MINUTES))
    return pc.binary_join_element_wise(_words(dates, minutes // DAY_MINUTES), _words(times, minutes % DAY_MINUTES), " ")


# The file's columns in its order, and the words that a column's codes stand for, where it has codes.
COLUMNS: dict[str, tuple[str, ...]] = {
    "transaction_id": (),
    "customer_id": (),
    "product_id": (),
    "product_name": NAMES,
    "category": CATEGORIES,
    "quantity_sold": (),
    "unit_price": (),
    "transaction_date": (),
    "store_id": (),
    "store_location": tuple(f'"{location}"' for location in LOCATIONS),
    "inventory_level": (),
    "reorder_point": (),
    "reorder_quantity": (),
    "supplier_id": (),
    "supplier_lead_time": (),
    "customer_age": (),
    "customer_gender": GENDERS,
    "customer_income": (),
    "customer_loyalty_level": LOYALTY_LEVELS,
    "payment_method": PAYMENT_METHODS,
    "promotion_applied": BOOLEANS,
    "promotion_type": PROMOTIONS,
    "weather_conditions": WEATHERS,
    "holiday_indicator": BOOLEANS,
    "weekday": WEEKDAYS,
    "stockout_indicator": BOOLEANS,
    "forecasted_demand": (),
    "actual_demand": (),
}


def _text(name: str, values: Integers) -> Any:
    """Write one column."""
    if name in {"unit_price", "customer_income"}:
        return _money(values)
    if name == "transaction_date":
        return _minutes(values)
    return _words(COLUMNS[name], values) if COLUMNS[name] else pa.array(values).cast(pa.string())


def as_csv(columns: Columns) -> bytes:
    """Write the lines of a chunk, CRLF after each."""
    rows = pc.binary_join_element_wise(*(_text(name, columns[name]) for name in COLUMNS), ",")
    lines = pc.binary_join_element_wise(rows, "", "\r\n")
    # The lines lie end to end in Arrow's buffer, so no string is made for any of them.
    return bytes(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()]
