"""Which columns has a file of sales? The one declaration: name, kind of value, bounds, and what a person calls it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A store numbers its new customers and sales above these, so that they never meet a file's.
LARGEST_ID = 1_000_000_000
LARGEST_NUMBER = 1_000_000_000_000_000
LARGEST_COUNT = 1_000_000_000
LARGEST_QUANTITY = 1_000_000
LONGEST_TEXT = 200
YEARS = (1970, 2099)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Kind(Enum):
    """What a column's values are; the value is their type in PostgreSQL."""

    WHOLE = "integer"
    NUMBER = "bigint"
    MONEY = "numeric(12,2)"
    FLAG = "boolean"
    MOMENT = "timestamp(0)"
    TEXT = "text"


@dataclass(frozen=True)
class SourceColumn:
    """A column of the file; `label` is what a shop manager calls it."""

    name: str
    kind: Kind
    label: str
    minimum: int = 0
    maximum: int = LARGEST_COUNT
    choices: tuple[str, ...] = ()


def _id(name: str, label: str) -> SourceColumn:
    return SourceColumn(name, Kind.WHOLE, label, 1, LARGEST_ID)


def _count(name: str, label: str, maximum: int = LARGEST_COUNT) -> SourceColumn:
    return SourceColumn(name, Kind.WHOLE, label, 0, maximum)


def _text(name: str, label: str, choices: tuple[str, ...] = ()) -> SourceColumn:
    return SourceColumn(name, Kind.TEXT, label, choices=choices)


def _flag(name: str, label: str) -> SourceColumn:
    return SourceColumn(name, Kind.FLAG, label)


COLUMNS: tuple[SourceColumn, ...] = (
    SourceColumn("transaction_id", Kind.NUMBER, "number of the sale", 1, LARGEST_NUMBER),
    _id("customer_id", "customer's number"),
    _id("product_id", "product's number"),
    _text("product_name", "product's name"),
    _text("category", "product's category"),
    SourceColumn("quantity_sold", Kind.WHOLE, "quantity sold", 1, LARGEST_QUANTITY),
    SourceColumn("unit_price", Kind.MONEY, "price of one unit", 1),
    SourceColumn("transaction_date", Kind.MOMENT, "date and time of the sale"),
    _id("store_id", "store's number"),
    _text("store_location", "store's location"),
    _count("inventory_level", "recorded stock"),
    _count("reorder_point", "reorder point"),
    _count("reorder_quantity", "reorder quantity"),
    _id("supplier_id", "supplier's number"),
    _count("supplier_lead_time", "supplier's lead time in days", 10_000),
    _count("customer_age", "customer's age", 150),
    _text("customer_gender", "customer's gender"),
    SourceColumn("customer_income", Kind.MONEY, "customer's income"),
    _text("customer_loyalty_level", "customer's loyalty level"),
    _text("payment_method", "way of payment"),
    _flag("promotion_applied", "mark whether a promotion was applied"),
    _text("promotion_type", "kind of promotion"),
    _text("weather_conditions", "weather"),
    _flag("holiday_indicator", "mark whether it was a holiday"),
    _text("weekday", "day of the week", WEEKDAYS),
    _flag("stockout_indicator", "mark whether the product ran out"),
    _count("forecasted_demand", "forecast demand"),
    _count("actual_demand", "actual demand"),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
BY_NAME: dict[str, SourceColumn] = {column.name: column for column in COLUMNS}
