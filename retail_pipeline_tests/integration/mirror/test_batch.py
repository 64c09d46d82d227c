"""A refresh brings the batch collections to one moment of PostgreSQL, and nobody reads half of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import batch, fidelity
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, GREEN
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document

ROUNDS = 15


def test_a_refresh_fills_what_is_empty(company: Settings, database: Database[Document]) -> None:
    for table in GREEN:
        database[table.name].drop()
    done = batch.refresh(company)
    assert set(done) == {table.name for table in GREEN}
    assert done["products"] == batch.Change(documents=11, written=11, deleted=0)
    assert fidelity.verify(company, GREEN).equal


def test_a_refresh_of_what_is_equal_writes_nothing(company: Settings) -> None:
    done = batch.refresh(company)
    assert {(change.written, change.deleted, change.swapped) for change in done.values()} == {(0, 0, False)}


def test_only_what_differs_is_written(company: Settings, database: Database[Document]) -> None:
    with mirrored.superuser(company) as session:
        shop.run(session, "update retail.products set unit_price = 1 where product_id = 100")
        shop.run(session, "insert into retail.suppliers values (2, 9)")
        shop.run(session, "delete from retail.promotions where promotion_id = 2")
    with database.watch(max_await_time_ms=100) as changes:
        done = batch.refresh(company)
        seen = [mirrored.eventually(changes.try_next, "a change") for _ in range(3)]
        assert changes.try_next() is None
    assert sorted((one["operationType"], one["ns"]["coll"], str(one["documentKey"]["_id"])) for one in seen) == [
        ("delete", "promotions", "{'promotion_id': 2}"),
        ("insert", "suppliers", "{'supplier_id': 2}"),
        ("replace", "products", "{'product_id': 100}"),
    ]
    assert len({(one["lsid"]["id"], one["txnNumber"]) for one in seen}) == 1, "not one transaction"
    assert done["promotions"] == batch.Change(documents=1, written=0, deleted=1)
    assert fidelity.verify(company, GREEN).equal


def test_what_differs_much_is_rebuilt_and_swapped_in(company: Settings, database: Database[Document]) -> None:
    database.command("create", "a_view", viewOn="products", pipeline=[])
    database["products"].insert_one({"_id": 5})
    with mirrored.superuser(company) as session:
        shop.run(session, "update retail.products set unit_price = unit_price + 1")
    done = batch.refresh(company, limit=3)
    assert done["products"] == batch.Change(documents=11, written=11, deleted=0, swapped=True)
    assert not done["suppliers"].swapped
    assert fidelity.verify(company, GREEN).equal
    assert "products.next" not in database.list_collection_names()
    assert len(list(database["a_view"].find())) == 11


def test_a_streamed_table_is_not_refreshed_in_batch(company: Settings) -> None:
    with pytest.raises(MirrorError, match="the stream writes there"):
        batch.refresh(company, [BY_NAME["inventory"]])


def readers_see(settings: Settings, write: Callable[[], object]) -> set[tuple[int, ...]]:
    """Change all prices and write them to MongoDB, again and again; return how often each price was in what was read.

    Whole states have one price in all documents: (11,). Anything else was half a state.
    """
    seen: set[tuple[int, ...]] = set()
    stop = threading.Event()

    def read() -> None:
        with mirrored.administrator(settings) as database, database.client.start_session(snapshot=True) as _:
            while not stop.is_set():
                with database.client.start_session(snapshot=True) as session:
                    try:
                        documents = list(database["products"].find(session=session))
                    except OperationFailure:
                        continue  # of a swap; a reader starts again
                prices = [str(document["unit_price"]) for document in documents]
                seen.add(tuple(sorted(prices.count(price) for price in set(prices))))

    reader = threading.Thread(target=read)
    with mirrored.superuser(settings) as session:
        shop.run(session, "update retail.products set unit_price = 1")
        batch.refresh(settings)
        reader.start()
        try:
            for price in range(2, 2 + ROUNDS):
                shop.run(session, "update retail.products set unit_price = %s", price)
                write()
        finally:
            stop.set()
            reader.join()
    return seen


@pytest.mark.parametrize("limit", [1000, 3], ids=["in_a_transaction", "by_a_swap"])
def test_a_reader_sees_the_old_collection_or_the_new_one(company: Settings, limit: int) -> None:
    assert readers_see(company, lambda: batch.refresh(company, limit=limit)) == {(11,)}


def test_that_reader_notices_a_collection_that_is_filled_in_place(
    company: Settings, database: Database[Document]
) -> None:
    def emptied_and_filled() -> None:
        documents: list[Any] = list(database["products"].find())
        database["products"].delete_many({})
        for document in documents:
            database["products"].insert_one(document)

    assert readers_see(company, emptied_and_filled) > {(11,)}
