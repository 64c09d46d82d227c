"""Whatever deviates is noticed, named and repaired; whatever is on its way is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import bson
import psycopg2
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database

from retail_pipeline.errors import CouldNotTellError
from retail_pipeline.mirror import fidelity, repair
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document

SALE = {"store_id": 1, "transaction_id": 11}
LINE = {"store_id": 1, "transaction_id": 11, "line_number": 1}
PRODUCT = {"product_id": 100}
SHORT = 0.2
_IDENTITY = "{{store_id: {} 1, transaction_id: Int64 11}}"


@dataclass(frozen=True)
class Fault:
    """Something that makes a collection another than its table, and how it is reported."""

    name: str
    collection: str
    plant: Callable[[Any], object]
    kinds: tuple[str, ...]
    fields: tuple[str, ...] = ()


def setting(identity: Document, **fields: Any) -> Callable[[Any], object]:
    """Overwrite fields of a document."""
    return lambda collection: collection.update_one({"_id": identity}, {"$set": fields})


def reordered(collection: Any) -> None:
    """Put the fields of a document into another order."""
    document = collection.find_one_and_delete({"_id": SALE})
    identity = document.pop("_id")
    collection.insert_one({"_id": identity, **dict(reversed(document.items()))})


def with_identity(identity: Document) -> Callable[[Any], object]:
    """Return the sale's document another identity."""

    def plant(collection: Any) -> None:
        document = collection.find_one_and_delete({"_id": SALE})
        collection.insert_one(document | {"_id": identity})

    return plant


FAULTS = [
    Fault(
        "a value altered",
        "transactions",
        setting(SALE, stockout=True),
        ("different",),
        ("stockout: Boolean True instead of Boolean False",),
    ),
    Fault(
        "a value of a batch table altered",
        "products",
        setting(PRODUCT, product_name="Other"),
        ("different",),
        ("product_name: String Other instead of String Product 100",),
    ),
    Fault(
        "an integer wider",
        "transactions",
        setting(SALE, customer_id=Int64(11)),
        ("different",),
        ("customer_id: Int64 11 instead of Int32 11",),
    ),
    Fault(
        "a bigint narrower",
        "transactions",
        setting(SALE, transaction_id=11),
        ("different",),
        ("transaction_id: Int32 11 instead of Int64 11",),
    ),
    Fault(
        "a price with another scale",
        "transaction_details",
        setting(LINE, unit_price=Decimal128("100.5")),
        ("different",),
        ("unit_price: Decimal128 100.5 instead of Decimal128 100.50",),
    ),
    Fault(
        "a price as a double",
        "transaction_details",
        setting(LINE, unit_price=100.5),
        ("different",),
        ("unit_price: Double 100.5 instead of Decimal128 100.50",),
    ),
    Fault(
        "a null gone",
        "transactions",
        lambda collection: collection.update_one({"_id": SALE}, {"$unset": {"promotion_id": 1}}),
        ("different",),
        ("promotion_id: absent",),
    ),
    Fault(
        "a field more",
        "transactions",
        setting(SALE, note=None),
        ("different",),
        ("note: not a field of the table",),
    ),
    Fault("fields in another order", "transactions", reordered, ("different",), ("order of fields",)),
    Fault("a document deleted", "transactions", lambda collection: collection.delete_one({"_id": SALE}), ("missing",)),
    Fault(
        "a document that no row has",
        "transactions",
        lambda collection: collection.insert_one({"_id": {"store_id": 1, "transaction_id": 999}}),
        ("extra",),
    ),
    Fault(
        "a document that no row can have",
        "inventory",
        lambda collection: collection.insert_many([{"_id": 5}, {"_id": "x"}, {"_id": {}}]),
        ("extra", "extra", "extra"),
    ),
    Fault(
        "an identity in another order",
        "transactions",
        with_identity({"transaction_id": Int64(11), "store_id": 1}),
        ("missing", "extra"),
    ),
    Fault(
        "an identity with another type",
        "transactions",
        with_identity({"store_id": Int64(1), "transaction_id": Int64(11)}),
        ("different",),
        (f"_id: {_IDENTITY.format('Int64')} instead of {_IDENTITY.format('Int32')}",),
    ),
    Fault("a collection gone", "promotions", lambda collection: collection.drop(), ("missing", "missing")),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "_"))
def test_a_fault_is_noticed_named_and_repaired(company: Settings, database: Database[Document], fault: Fault) -> None:
    fault.plant(database[fault.collection])

    found = fidelity.verify(company, grace_seconds=SHORT)

    assert not found.equal
    assert [table.table for table in found.tables if not table.equal] == [fault.collection]
    examples = [example for table in found.tables for example in table.examples]
    assert sorted(example.kind for example in examples) == sorted(fault.kinds)
    assert tuple(field for example in examples for field in example.fields) == fault.fields

    repaired = repair.repair(company, grace_seconds=SHORT)

    assert repaired.after.equal
    assert sum(repaired.written.values()) == sum(kind != "extra" for kind in fault.kinds)
    assert sum(repaired.deleted.values()) == fault.kinds.count("extra")
    assert fidelity.verify(company, grace_seconds=SHORT).equal


def test_an_exact_mirror_is_equal_in_every_table(company: Settings) -> None:
    report = fidelity.verify(company, grace_seconds=SHORT)
    assert report.equal
    assert [table.table for table in report.tables] == [table.name for table in MIRRORED]
    assert all(table.rows == table.documents for table in report.tables)
    assert {table.table: table.rows for table in report.tables}["transactions"] == 6
    assert "Equal" in report.as_text()


def test_a_repair_of_an_exact_mirror_writes_nothing(company: Settings) -> None:
    repaired = repair.repair(company, grace_seconds=SHORT)
    assert repaired.written == {}
    assert repaired.deleted == {}


def test_a_row_without_a_document_is_noticed(company: Settings) -> None:
    with mirrored.superuser(company) as session:
        shop.run(session, "update retail.inventory set inventory_level = 7 where store_id = 1 and product_id = 100")
    report = fidelity.verify(company, grace_seconds=SHORT)
    (example,) = [example for table in report.tables for example in table.examples]
    assert example.fields == ("inventory_level: Int32 100 instead of Int32 7",)


def test_a_change_on_its_way_is_no_fault(company: Settings, database: Database[Document]) -> None:
    key = {"store_id": 1, "product_id": 100}
    wanted = database["inventory"].find_one({"_id": key})
    assert wanted
    database["inventory"].delete_one({"_id": key})
    delivery = threading.Timer(0.5, database["inventory"].insert_one, [wanted])
    delivery.start()
    assert fidelity.verify(company, grace_seconds=30).equal
    delivery.join()


def test_a_row_that_keeps_changing_cannot_hide_that_its_document_stands_still(company: Settings) -> None:
    before = mirrored.row(company, "inventory", 1, 100)
    stop = threading.Event()

    def change() -> None:
        with mirrored.superuser(company) as session:
            while not stop.wait(0.02):
                shop.run(
                    session,
                    "update retail.inventory set inventory_level = inventory_level + 1"
                    " where store_id = 1 and product_id = 100",
                )

    writer = threading.Thread(target=change)
    writer.start()
    try:
        mirrored.eventually(lambda: mirrored.row(company, "inventory", 1, 100) != before, "a first change")
        report = fidelity.verify(company, grace_seconds=1)
    finally:
        stop.set()
        writer.join()
    assert [(table.table, table.different) for table in report.tables if not table.equal] == [("inventory", 1)]


def test_a_sample_sees_a_difference_in_number(company: Settings, database: Database[Document]) -> None:
    assert fidelity.sample(company, grace_seconds=SHORT).equal
    database["transactions"].delete_one({"_id": SALE})
    report = fidelity.sample(company, 1, grace_seconds=SHORT)
    (table,) = [table for table in report.tables if not table.equal]
    assert (table.table, table.rows, table.documents, table.missing) == ("transactions", 6, 5, 1)


def test_a_sample_as_large_as_the_table_sees_an_altered_and_a_foreign_document(
    company: Settings, database: Database[Document]
) -> None:
    database["transactions"].update_one({"_id": SALE}, {"$set": {"stockout": True}})
    database["products"].insert_one({"_id": 5})
    report = fidelity.sample(company, 50, grace_seconds=SHORT)
    wrong = {table.table: (table.different, table.extra) for table in report.tables if not table.equal}
    assert wrong == {"transactions": (1, 0), "products": (0, 1)}


def test_a_server_that_does_not_answer_gives_neither_yes_nor_no(company: Settings) -> None:
    nobody = "127.0.0.1:1"
    silent_mongo = replace(company, mongo_uri=f"mongodb://admin:x@{nobody}/?serverSelectionTimeoutMS=300")
    silent_postgres = replace(company, postgres_dsn=f"postgresql://postgres:x@{nobody}/walmart")
    for settings in (silent_mongo, silent_postgres):
        for question in (fidelity.verify, fidelity.sample, repair.repair):
            with pytest.raises(CouldNotTellError) as unreachable:
                question(settings)
            assert unreachable.value.exit_code == 2


def test_a_document_that_mongodb_refuses_keeps_no_other_from_being_repaired(
    company: Settings, database: Database[Document]
) -> None:
    database["inventory"].delete_many({"_id.store_id": 1})
    database["transactions"].delete_one({"_id": SALE})
    database.command("collMod", "inventory", validator={"_id.product_id": {"$ne": 100}})
    told: list[str] = []
    try:
        repaired = repair.repair(company, grace_seconds=SHORT, report=told.append)
    finally:
        database.command("collMod", "inventory", validator={})

    assert [(table.table, table.missing) for table in repaired.after.tables if not table.equal] == [("inventory", 1)]
    (refused,) = [line for line in told if "refused by MongoDB" in line]
    assert "product_id: Int32 100" in refused
    assert "failed validation" in refused
    assert repair.repair(company, grace_seconds=SHORT).after.equal


def test_a_change_that_the_stream_delivers_during_a_repair_is_not_overwritten(
    company: Settings, database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest change arrives just between the repair's look and its write, where an older row would go over it."""
    key = {"store_id": 1, "product_id": 100}
    database["inventory"].update_one({"_id": key}, {"$set": {"inventory_level": -1}})
    looks = []
    look = fidelity.look

    def look_then_deliver(*arguments: Any, **options: Any) -> Any:
        seen = look(*arguments, **options)
        looks.append(seen)
        if len(looks) == 1:
            with mirrored.superuser(company) as session:
                shop.run(
                    session, "update retail.inventory set inventory_level = 42 where (store_id, product_id) = (1, 100)"
                )
            database["inventory"].update_one({"_id": key}, {"$set": {"inventory_level": 42}})
        return seen

    monkeypatch.setattr(fidelity, "look", look_then_deliver)
    repaired = repair.repair(company, grace_seconds=SHORT)
    assert repaired.after.equal
    assert database["inventory"].find_one({"_id": key}, {"_id": 0, "inventory_level": 1}) == {"inventory_level": 42}
    assert looks[0] != [None]
    assert looks[1] == [None]


@pytest.mark.parametrize("moment", ["10000-01-01", "20000-06-01", "0001-12-31 BC", "infinity", "-infinity"])
def test_a_date_that_a_document_cannot_show_is_refused(company: Settings, moment: str) -> None:
    """One such row of one store would end every comparison and every refresh."""
    with mirrored.superuser(company) as session:
        for statement in (
            "update retail.transactions set transaction_date = %s where transaction_id = 11",
            "update retail.demand_forecast set forecast_date = %s where store_id = 1",
        ):
            with pytest.raises(psycopg2.errors.CheckViolation):
                shop.run(session, statement, moment)


@pytest.mark.parametrize("moment", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_the_first_and_the_last_date_are_mirrored(company: Settings, moment: str) -> None:
    with mirrored.superuser(company) as session:
        shop.run(session, "update retail.transactions set transaction_date = %s", moment)
        shop.run(session, "update retail.demand_forecast set forecast_date = %s", moment)
    repaired = repair.repair(company, grace_seconds=SHORT)
    assert repaired.after.equal
    wanted = bson.decode(mirrored.row(company, "transactions", 1, 11) or b"")
    assert wanted["transaction_date"] == moment.replace(" ", "T") + "Z"
