"""A sink is told exactly the columns that a table has, in the order and the width of its documents."""

from __future__ import annotations

import json

import pytest

from retail_pipeline.replication import records
from retail_pipeline.tables import BY_NAME, RED, Table


def fields(schema: str) -> list[tuple[str, str, bool]]:
    return [(field["field"], field["type"], field["optional"]) for field in json.loads(schema)["fields"]]


def test_a_row_has_the_columns_in_the_table_s_order() -> None:
    assert fields(records.row_schema(BY_NAME["transactions"])) == [
        ("transaction_id", "int64", False),
        ("transaction_date", "string", False),
        ("customer_id", "int32", False),
        ("store_id", "int32", False),
        ("payment_method_id", "int32", False),
        ("promotion_applied", "boolean", False),
        ("promotion_id", "int32", True),
        ("weather_id", "int32", True),
        ("stockout", "boolean", False),
    ]


def test_money_is_a_decimal_of_its_scale() -> None:
    (price,) = (
        field
        for field in json.loads(records.row_schema(BY_NAME["transaction_details"]))["fields"]
        if field["field"] == "unit_price"
    )

    assert (price["type"], price["name"]) == ("bytes", "org.apache.kafka.connect.data.Decimal")
    assert price["parameters"] == {"scale": "2"}


def test_a_key_has_its_columns_in_the_key_s_order() -> None:
    assert fields(records.key_schema(BY_NAME["transaction_details"])) == [
        ("store_id", "int32", False),
        ("transaction_id", "int64", False),
        ("line_number", "int32", False),
    ]


@pytest.mark.parametrize("table", RED, ids=lambda table: table.name)
def test_no_column_has_a_default_that_could_take_the_place_of_null(table: Table) -> None:
    found = json.loads(records.row_schema(table))["fields"] + json.loads(records.key_schema(table))["fields"]

    assert [field for field in found if "default" in field] == []
