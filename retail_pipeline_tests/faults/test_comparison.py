"""The comparison sees every kind of difference, and none where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import bson
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database

from retail_pipeline_tests.faults import comparison
from retail_pipeline_tests.faults.comparison import Comparison, Key, Row, expect
from retail_pipeline_tests.faults.journal import Change, Committed

SALE: Row = ("5001", "2024-04-10 15:00:00", "1001", "1", "1", "f", "\\N", "1", "f")
LINE: Row = ("5001", "1", "1", "7", "2", "12.50")
STOCK: Row = ("1", "7", "3")
ROWS: dict[str, dict[Key, Row]] = {
    "transactions": {("1", "5001"): SALE},
    "transaction_details": {("1", "5001", "1"): LINE},
    "inventory": {("1", "7"): STOCK},
}
Document = dict[str, Any]
Documents = dict[str, list[Document]]


class _Collection:
    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def find_raw_batches(self, query: Document, batch_size: int) -> Iterator[bytes]:
        assert not query
        assert batch_size
        yield b"".join(map(bson.encode, self._documents))


def database_of(documents: Documents) -> Database[Any]:
    """Return a database that answers the one question that the comparison puts."""
    return cast("Database[Any]", {name: _Collection(of) for name, of in documents.items()})


@pytest.fixture(name="documents")
def _documents() -> Documents:
    """Return the documents as the contract shows them, written out by hand."""
    return {
        "transactions": [
            {
                "_id": {"store_id": 1, "transaction_id": Int64(5001)},
                "transaction_id": Int64(5001),
                "transaction_date": "2024-04-10T15:00:00Z",
                "customer_id": 1001,
                "store_id": 1,
                "payment_method_id": 1,
                "promotion_applied": False,
                "promotion_id": None,
                "weather_id": 1,
                "stockout": False,
            }
        ],
        "transaction_details": [
            {
                "_id": {"store_id": 1, "transaction_id": Int64(5001), "line_number": 1},
                "transaction_id": Int64(5001),
                "line_number": 1,
                "store_id": 1,
                "product_id": 7,
                "quantity": 2,
                "unit_price": Decimal128("12.50"),
            }
        ],
        "inventory": [{"_id": {"store_id": 1, "product_id": 7}, "store_id": 1, "product_id": 7, "inventory_level": 3}],
    }


def _compare(documents: Documents, *changes: Change) -> Comparison:
    journal = Committed()
    for change in changes:
        journal.add(change)
    return comparison.compare(expect(ROWS), database_of(documents), journal)


def test_what_the_contract_shows_is_equal(documents: Documents) -> None:
    found = _compare(documents, Change("a", "sale", {("inventory", ("1", "7")): STOCK}))

    assert found.equal, found.sentence()
    assert (found.rows, found.changes) == (3, 1)


def _set(table: str, name: str, value: Any) -> Callable[[Documents], None]:
    def plant(documents: Documents) -> None:
        documents[table][0][name] = value

    return plant


def _reorder(documents: Documents) -> None:
    (stock,) = documents["inventory"]
    stock["store_id"] = stock.pop("store_id")


def _reorder_identity(documents: Documents) -> None:
    (stock,) = documents["inventory"]
    stock["_id"] = dict(reversed(stock["_id"].items()))


def _duplicate(documents: Documents) -> None:
    documents["inventory"].append(documents["inventory"][0] | {"_id": bson.ObjectId()})


def _orphan(documents: Documents) -> None:
    (stock,) = documents["inventory"]
    documents["inventory"].append(stock | {"_id": {"store_id": 1, "product_id": 8}, "product_id": 8})


DIFFERENT, MISSING, EXTRA = "documents that are not their row", "rows without a document", "documents without a row"
PLANTED: dict[str, tuple[Callable[[Documents], None], set[str]]] = {
    "another value": (_set("inventory", "inventory_level", 2), {DIFFERENT}),
    "an Int64 for an Int32": (_set("inventory", "inventory_level", Int64(3)), {DIFFERENT}),
    "an Int32 for an Int64": (_set("transactions", "transaction_id", 5001), {DIFFERENT}),
    "a double for money": (_set("transaction_details", "unit_price", 12.5), {DIFFERENT}),
    "a text for money": (_set("transaction_details", "unit_price", "12.50"), {DIFFERENT}),
    "money without its cents": (_set("transaction_details", "unit_price", Decimal128("12.5")), {DIFFERENT}),
    "a default for a null": (_set("transactions", "promotion_id", 0), {DIFFERENT}),
    "a number for a flag": (_set("transactions", "stockout", 0), {DIFFERENT}),
    "a date without its zone": (_set("transactions", "transaction_date", "2024-04-10T15:00:00"), {DIFFERENT}),
    "a field too many": (_set("inventory", "note", None), {DIFFERENT}),
    "a field too few": (lambda documents: documents["inventory"][0].pop("inventory_level"), {DIFFERENT}),
    "fields in another order": (_reorder, {DIFFERENT}),
    "a key in another order": (_reorder_identity, {EXTRA, MISSING}),
    "a lost document": (lambda documents: documents["transactions"].clear(), {MISSING}),
    "a document twice": (_duplicate, {EXTRA}),
    "a document of a row deleted": (_orphan, {EXTRA}),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_difference_is_seen(documents: Documents, plant: str) -> None:
    spoil, kinds = PLANTED[plant]
    spoil(documents)

    assert set(_compare(documents).counts) == kinds


JOURNALED: dict[str, tuple[Change, str]] = {
    "a lost insert": (
        Change("a", "sale", {("inventory", ("1", "8")): ("1", "8", "1")}),
        "committed rows missing in PostgreSQL",
    ),
    "a lost update": (
        Change("a", "sale", {("inventory", ("1", "7")): ("1", "7", "9")}),
        "rows of PostgreSQL that are not as committed",
    ),
    "a lost delete": (Change("a", "sale", {("inventory", ("1", "7")): None}), "rows deleted and still in PostgreSQL"),
}


@pytest.mark.parametrize("plant", JOURNALED)
def test_a_change_that_postgresql_lost_is_seen(documents: Documents, plant: str) -> None:
    change, kind = JOURNALED[plant]

    assert set(_compare(documents, change).counts) == {kind}


def test_stock_below_nothing_is_seen(documents: Documents) -> None:
    documents["inventory"][0]["inventory_level"] = -1
    rows = ROWS | {"inventory": {("1", "7"): ("1", "7", "-1")}}
    found = comparison.compare(expect(rows), database_of(documents), Committed())

    assert set(found.counts) == {"stocks below nothing"}
