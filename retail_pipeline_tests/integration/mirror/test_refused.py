"""A document that MongoDB refuses is left out by its key, with the reason; its table and the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from pymongo.database import Database

from retail_pipeline.mirror import batch, fidelity, repair, writing
from retail_pipeline.mirror.comparison import Difference, Kind
from retail_pipeline.settings import Settings
from retail_pipeline.tables import GREEN
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document
from retail_pipeline_tests.integration.warehouse import states

SHORT = 0.5
NAME = "refusing"
_TOO_LARGE = 17_000_000
# So few that a table with more differences is rebuilt.
LIMITS = pytest.mark.parametrize("limit", [writing.TRANSACTION_LIMIT, 1], ids=["in_a_transaction", "by_a_swap"])


def _write_large(settings: Settings, sizes: dict[int, int]) -> None:
    """Make genders of customers large, as nobody can while the tables have their rules."""
    with mirrored.superuser(settings) as session:
        shop.run(session, "alter table retail.customers drop constraint customers_gender_is_sound")
        for customer, size in sizes.items():
            shop.run(
                session, "update retail.customers set gender = repeat('x', %s) where customer_id = %s", size, customer
            )


def _change_all(settings: Settings) -> None:
    with mirrored.superuser(settings) as session:
        shop.run(session, "update retail.products set unit_price = unit_price + 1")
        shop.run(session, "update retail.customers set income = income + 1")


def _unequal(settings: Settings) -> dict[str, tuple[int, int]]:
    reports = fidelity.verify(settings, GREEN, grace_seconds=SHORT).tables
    return {one.table: (one.missing, one.different) for one in reports if not one.equal}


@LIMITS
def test_a_document_that_is_too_large_keeps_no_other_from_the_batch(company: Settings, limit: int) -> None:
    _write_large(company, {11: _TOO_LARGE})
    _change_all(company)

    done = batch.refresh(company, limit=limit)

    (refused,) = done["customers"].refused
    assert str(refused).startswith("customers {customer_id: Int32 11} is refused by MongoDB: it has 17,000,")
    assert [name for name, change in done.items() if change.refused] == ["customers"]
    assert done["customers"].written == 8
    # A collection that was rebuilt does not have the document, the other has it as it was.
    assert _unequal(company) == {"customers": (0, 1) if limit > 1 else (1, 0)}


def test_documents_that_break_a_rule_of_their_collection_keep_no_other_from_the_batch(
    company: Settings, database: Database[Document]
) -> None:
    _change_all(company)
    database.command("collMod", "customers", validator={"_id.customer_id": {"$nin": [11, 22, 33]}})
    try:
        with database.watch(max_await_time_ms=100) as changes:
            done = batch.refresh(company)
            seen = [mirrored.eventually(changes.try_next, "a change") for _ in range(6 + 11)]
            assert changes.try_next() is None
    finally:
        database.command("collMod", "customers", validator={})

    assert [(one.key, one.reason) for one in done["customers"].refused] == [
        (f"{{customer_id: Int32 {customer}}}", "Document failed validation") for customer in (11, 22, 33)
    ]
    assert len({(one["lsid"]["id"], one["txnNumber"]) for one in seen}) == 1, "not one transaction"
    assert (done["customers"].written, done["products"].written) == (6, 11)
    assert _unequal(company) == {"customers": (0, 3)}
    assert batch.refresh(company)["customers"] == batch.Change(documents=9, written=3, deleted=0)


def test_large_documents_that_mongodb_takes_are_written_however_many(company: Settings) -> None:
    _write_large(company, dict.fromkeys((11, 12, 13, 21), 6_000_000))

    assert not batch.refresh(company, limit=1)["customers"].refused
    assert _unequal(company) == {}


def test_a_document_that_is_too_large_keeps_no_other_from_being_repaired(
    company: Settings, database: Database[Document]
) -> None:
    _write_large(company, {11: _TOO_LARGE})
    database["customers"].delete_many({})
    database["inventory"].delete_many({})
    told: list[str] = []

    repaired = repair.repair(company, grace_seconds=SHORT, report=told.append)

    assert [(one.table, one.missing) for one in repaired.after.tables if not one.equal] == [("customers", 1)]
    assert [(one.collection, one.key) for one in repaired.refused] == [("customers", "{customer_id: Int32 11}")]
    assert str(repaired.refused[0]) in told
    assert repaired.written["customers"] == 8


def test_a_refused_document_stays_missing_to_every_comparison(company: Settings, database: Database[Document]) -> None:
    _write_large(company, {11: _TOO_LARGE})
    database["customers"].delete_one({"_id": {"customer_id": 11}})
    assert len(batch.refresh(company)["customers"].refused) == 1

    (verified,) = [one for one in fidelity.verify(company, GREEN).tables if not one.equal]
    (sampled,) = [one for one in fidelity.sample(company, tables=GREEN).tables if not one.equal]

    assert (verified.missing, sampled.missing) == (1, 1)
    assert verified.examples[0].key == sampled.examples[0].key == "{customer_id: Int32 11}"


@pytest.mark.parametrize("state", states.TELLING)
def test_batch_and_comparison_do_not_depend_on_the_state_of_a_store(company: Settings, state: str) -> None:
    _change_all(company)
    with states.TELLING[state](company):
        assert batch.refresh(company)["customers"].written == 9
        assert fidelity.verify(company, grace_seconds=SHORT).equal
        assert repair.repair(company, grace_seconds=SHORT).after.equal


@pytest.fixture
def refusing(database: Database[Document]) -> Iterator[Database[Document]]:
    """Return a collection that does not take what is marked as bad."""
    database.create_collection(NAME, validator={"bad": {"$ne": True}})
    yield database
    database[NAME].drop()
    database[NAME + writing.NEXT].drop()


def _document(number: Any, *, bad: bool = False) -> bytes:
    return bson.encode({"_id": {"number": number}, "bad": bad})


def test_each_refused_document_is_found_among_the_others(refusing: Database[Document]) -> None:
    bad = {0, 3, 4, 9}
    # A key of another width is deleted and inserted: two writes for one document.
    refusing[NAME].insert_many([{"_id": {"number": Int64(number)}, "bad": False} for number in range(4, 8)])
    found = [
        Difference(
            Kind.DIFFERENT, _document(number, bad=number in bad), _document(Int64(number)) if 4 <= number < 8 else None
        )
        for number in range(10)
    ]

    refused = writing.apply(refusing.client, refusing.name, {NAME: found, "empty": []})

    assert [one.key for one in refused] == [f"{{number: Int32 {number}}}" for number in sorted(bad)]
    kept = {one["_id"]["number"]: type(one["_id"]["number"]) for one in refusing[NAME].find()}
    assert kept == {number: int for number in range(10) if number not in bad} | {4: Int64}


def test_a_bulk_insert_leaves_out_what_is_refused(refusing: Database[Document]) -> None:
    batch_ = [_document(number, bad=number in (1, 3)) for number in range(5)]

    refused = writing._insert(refusing[NAME], batch_)  # noqa: SLF001

    assert [one.key for one in refused] == ["{number: Int32 1}", "{number: Int32 3}"]
    assert refusing[NAME].count_documents({}) == 3


def test_the_largest_document_is_taken_and_one_byte_more_is_not(refusing: Database[Document]) -> None:
    def of_size(number: int, size: int) -> bytes:
        rest = len(bson.encode({"_id": {"number": number}, "text": ""}))
        return bson.encode({"_id": {"number": number}, "text": "x" * (size - rest)})

    documents = [of_size(1, writing.LARGEST), of_size(2, writing.LARGEST + 1), of_size(3, writing.LARGEST)]

    filled = writing.fill_next(refusing, NAME, iter(documents))
    refused = writing.apply(
        refusing.client, refusing.name, {NAME: [Difference(Kind.MISSING, one, None) for one in documents]}
    )

    assert (filled.documents, [one.key for one in filled.refused]) == (2, ["{number: Int32 2}"])
    assert list(filled.refused) == refused
    assert refusing[NAME].count_documents({}) == 2
