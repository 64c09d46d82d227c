"""The floor writes the same documents as the stream: those of the rows that test_decoding tells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import bson

from retail_pipeline.bench import cdc_floor
from retail_pipeline.mirror import documents
from retail_pipeline.tables import BY_NAME

SALE = """\
BEGIN
table retail.transactions: INSERT: transaction_id[bigint]:7 \
transaction_date[timestamp(0) without time zone]:'2024-04-10 15:00:00' customer_id[integer]:21 store_id[integer]:2 \
payment_method_id[integer]:1 promotion_applied[boolean]:false promotion_id[integer]:null weather_id[integer]:null \
stockout[boolean]:true
table retail.transaction_details: INSERT: transaction_id[bigint]:7 line_number[integer]:1 store_id[integer]:2 \
product_id[integer]:5 quantity[integer]:3 unit_price[numeric]:12.50
table retail.stock_movements: INSERT: movement_id[bigint]:1 reason[text]:'it''s a sale' store_id[integer]:2
table retail.inventory: UPDATE: store_id[integer]:2 product_id[integer]:5 inventory_level[integer]:97
""".splitlines()
ROWS = {
    "transactions": (7, dt.datetime(2024, 4, 10, 15, 0), 21, 2, 1, False, None, None, True),  # noqa: DTZ001
    "transaction_details": (7, 1, 2, 5, 3, Decimal("12.50")),
    "inventory": (2, 5, 97),
}


def test_the_documents_are_those_of_the_rows() -> None:
    found = {table.name: bson.encode(document) for table, document in cdc_floor.committed(iter([*SALE, "COMMIT"]))}

    assert found == {name: bson.encode(documents.from_row(BY_NAME[name], row)) for name, row in ROWS.items()}


def test_nothing_is_given_before_its_commit() -> None:
    committed = 0

    def lines() -> Iterator[str]:
        yield from SALE
        assert committed == 0
        yield "COMMIT"

    for _ in cdc_floor.committed(lines()):
        committed += 1

    assert committed == 3
    assert list(cdc_floor.committed(iter(SALE))) == []
