"""A row has one document, whichever way it comes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from retail_pipeline.mirror import documents
from retail_pipeline.tables import BY_NAME, MIRRORED, Table

TRANSACTIONS = BY_NAME["transactions"]
SALE = (5001, dt.datetime(2024, 4, 10, 15, 0), 1001, 1, 1, False, None, 1, False)  # noqa: DTZ001 - the column has no zone


def test_a_transaction_is_the_document_that_other_systems_were_promised() -> None:
    document = documents.from_row(TRANSACTIONS, SALE)
    assert list(document.items()) == [
        ("_id", {"store_id": 1, "transaction_id": 5001}),
        ("transaction_id", 5001),
        ("transaction_date", "2024-04-10T15:00:00Z"),
        ("customer_id", 1001),
        ("store_id", 1),
        ("payment_method_id", 1),
        ("promotion_applied", False),
        ("promotion_id", None),
        ("weather_id", 1),
        ("stockout", False),
    ]


def test_the_identity_has_the_keys_order_not_the_tables() -> None:
    assert list(documents.from_row(TRANSACTIONS, SALE)["_id"]) == ["store_id", "transaction_id"]


def test_bigint_stays_64_bits_wide_and_integer_32() -> None:
    document = bson.decode(bson.encode(documents.from_row(TRANSACTIONS, SALE)))
    assert type(document["transaction_id"]) is Int64
    assert type(document["_id"]["transaction_id"]) is Int64
    assert type(document["store_id"]) is int
    assert type(document["_id"]["store_id"]) is int


@pytest.mark.parametrize("amount", ["0.00", "10.50", "9999999999.99", "100.00"])
def test_money_keeps_its_scale(amount: str) -> None:
    document = documents.from_row(BY_NAME["transaction_details"], (1, 1, 1, 1, 1, Decimal(amount)))
    assert document["unit_price"] == Decimal128(amount)
    assert str(document["unit_price"]) == amount


def test_a_day_is_a_string() -> None:
    document = documents.from_row(BY_NAME["demand_forecast"], (1, 2, dt.date(2024, 4, 10), 3, 4))
    assert document["_id"] == {"store_id": 1, "product_id": 2, "forecast_date": "2024-04-10"}
    assert document["forecast_date"] == "2024-04-10"


@pytest.mark.parametrize("table", MIRRORED, ids=lambda table: table.name)
def test_every_mirrored_table_has_a_conversion_for_each_column(table: Table) -> None:
    document = documents.from_row(table, [None] * len(table.columns))
    assert list(document) == ["_id", *table.column_names]


@pytest.mark.parametrize(
    "identity",
    [
        5001,
        None,
        {"transaction_id": 5001, "store_id": 1},
        {"store_id": 1},
        {"store_id": 2**31, "transaction_id": 1},
        {"store_id": 1.5, "transaction_id": 1},
        {"store_id": "1", "transaction_id": 1},
        {"store_id": True, "transaction_id": 1},
        {"store_id": float("nan"), "transaction_id": 1},
        {"store_id": None, "transaction_id": 1},
    ],
)
def test_an_identity_that_no_row_can_have_is_no_key(identity: Any) -> None:
    assert documents.key_values(TRANSACTIONS, identity) is None


@pytest.mark.parametrize("number", [1, Int64(1), 1.0, Decimal128("1")])
def test_a_number_of_any_type_is_the_key_that_mongodb_takes_it_for(number: Any) -> None:
    assert documents.key_values(TRANSACTIONS, {"store_id": number, "transaction_id": 7}) == (1, 7)


@pytest.mark.parametrize("day", ["2024-4-1", "yesterday", 20240401, "2024-04-01T00:00:00"])
def test_only_a_day_is_a_day(day: Any) -> None:
    forecast = BY_NAME["demand_forecast"]
    assert documents.key_values(forecast, {"store_id": 1, "product_id": 1, "forecast_date": day}) is None
