"""How does an answer reach its collection? Computed by MongoDB beside it, then put in place at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from retail_pipeline.analytics import sold_above_recorded_stock, stock_against_reorder_point
from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import comparison, write_lock, writing
from retail_pipeline.mirror.client import ANALYST, WRITER, connect, mirror
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, MONGO_DATABASE
from retail_pipeline.warehouse import locks

PREVIEWED, CHECKED = 10, 10_000
Document = dict[str, Any]
Pipeline = Callable[[], list[Document]]


@dataclass(frozen=True)
class Collection:
    """A collection of answers: its pipelines by the collection they read, its key, and its fields in order.

    `fields` has the type of each in MongoDB and its meaning. `counted` is the field whose values are counted for the
    summary, `order` the field by which those that matter come first. `about` is the collection that an answer is about.
    """

    name: str
    pipelines: tuple[tuple[str, Pipeline], ...]
    key: tuple[str, ...]
    fields: Mapping[str, tuple[str, str]]
    counted: str
    order: str
    about: str
    kept: str | None = None


COLLECTIONS: dict[str, Collection] = {
    collection.name: collection
    for collection in (
        Collection(
            "fraud_alerts",
            ((sold_above_recorded_stock.SOURCE, sold_above_recorded_stock.pipeline),),
            ("rule", "store_id", "transaction_id"),
            {
                "transaction_id": ("Int64", "the sale"),
                "store_id": ("Int32", "the store that made it"),
                "customer_id": ("Int32", "who bought"),
                "rule": ("String", "the rule that it broke"),
                "score": ("Double", "how strongly, above 0 and at most 1"),
                "evidence": ("Array", "the figures that the rule judged"),
                "detected_at": ("Date", "when it was first found"),
            },
            counted="rule",
            order="score",
            about="transactions",
            kept="detected_at",
        ),
        Collection(
            "inventory_analytics",
            ((stock_against_reorder_point.SOURCE, stock_against_reorder_point.pipeline),),
            ("store_id", "product_id"),
            {
                "store_id": ("Int32", "the store"),
                "product_id": ("Int32", "the product"),
                "inventory_level": ("Int32", "units in stock"),
                "reorder_point": ("Int32", "units at which an order is due"),
                "reorder_quantity": ("Int32", "units of an order"),
                "below_reorder_point": ("Boolean", "whether an order is due"),
                "suggested_order": ("Int32", "units to order"),
                "supplier_id": ("Int32", "who supplies it"),
                "lead_time_days": ("Int32", "days until an order arrives"),
            },
            counted="below_reorder_point",
            order="suggested_order",
            about="inventory",
        ),
    )
}


def run(settings: Settings, name: str) -> int:
    """Bring one collection of answers up to date; return the number of its documents.

    MongoDB writes the answers into a collection beside it by $merge. What differs from the last run is then applied
    in one transaction, or by a swap where it is much, so readers see the old answers or the new ones.
    """
    answers = COLLECTIONS[name]
    with write_lock.hold(settings, lock=locks.ANALYSES), connect(settings, WRITER) as client:
        database = mirror(client)
        writing.again_after_swap(lambda: _compute(database, answers))
        computed = database[name + writing.NEXT]
        documents = computed.count_documents({})
        writing.ensure_collections(database, [name])
        counter = comparison.Counter()
        found = list(
            itertools.islice(
                comparison.differences(
                    comparison.stored(computed), comparison.stored(database[name]), answers.key, counter
                ),
                writing.TRANSACTION_LIMIT + 1,
            )
        )
        if len(found) > writing.TRANSACTION_LIMIT:
            writing.swap(database, name)
        else:
            refused = writing.apply(client, MONGO_DATABASE, {name: found})
            computed.drop()
            if refused:
                raise MirrorError(
                    f"{len(refused):,} of the answers were not written, the others were. {refused[0]}",
                    f"look at the validator and the indexes of {name}, then run the step again",
                )
    return documents


@dataclass(frozen=True)
class Summary:
    """What a collection of answers holds: documents by the values of the counted field, and those that matter most."""

    counts: Mapping[str, int]
    first: Sequence[Document]


def summary(settings: Settings, name: str) -> Summary:
    """Read what a collection of answers holds, as an analyst may."""
    answers = COLLECTIONS[name]
    with connect(settings, ANALYST) as client:
        collection = mirror(client)[name]
        groups = collection.aggregate([{"$group": {"_id": f"${answers.counted}", "count": {"$sum": 1}}}])
        counts = {str(one["_id"]): int(one["count"]) for one in groups}
        order = [(answers.order, DESCENDING), ("_id", ASCENDING)]
        return Summary(counts, list(collection.find({}, {"_id": 0}).sort(order).limit(PREVIEWED)))


def unfounded(settings: Settings, name: str) -> int:
    """Count the answers whose sale or stock is in no collection, among the CHECKED that matter most."""
    answers = COLLECTIONS[name]
    about = BY_NAME[answers.about]
    key = {column: f"${column}" for column in about.key}
    with connect(settings, ANALYST) as client:
        found = mirror(client)[name].aggregate(
            [
                {"$sort": {answers.order: DESCENDING}},
                {"$limit": CHECKED},
                {"$set": {"about": key}},
                {"$lookup": {"from": about.name, "localField": "about", "foreignField": "_id", "as": "found"}},
                {"$match": {"found": []}},
                {"$count": "unfounded"},
            ]
        )
        return next((int(one["unfounded"]) for one in found), 0)


def run_all(settings: Settings) -> dict[str, int]:
    """Bring every collection of answers up to date; return the number of documents by collection."""
    return {name: run(settings, name) for name in COLLECTIONS}


def _compute(database: Database[Document], answers: Collection) -> None:
    """Let MongoDB write the answers into the collection that is compared with the present one."""
    target = database[answers.name + writing.NEXT]
    target.drop()
    database.create_collection(target.name)
    for source, pipeline in answers.pipelines:
        if source not in database.list_collection_names():
            raise MirrorError(
                f"{answers.name} cannot be computed: there is no collection {source}.", "run the job initial_load first"
            )
        database[source].aggregate([*pipeline(), *_finish(answers, target.name)], allowDiskUse=True)


def _finish(answers: Collection, target: str) -> Sequence[Document]:
    """Return the stages that every pipeline ends with: the kept field, the order of fields, the write."""
    stages: list[Document] = []
    if answers.kept:
        # What was found before keeps the moment at which it was first found.
        former = {"from": answers.name, "localField": "_id", "foreignField": "_id", "as": "former"}
        first = {"$ifNull": [{"$first": f"$former.{answers.kept}"}, "$$NOW"]}
        stages += [{"$lookup": former}, {"$set": {answers.kept: first}}]
    key = {name: f"${name}" for name in answers.key}
    stages.append({"$replaceWith": {"_id": key, **{name: f"${name}" for name in answers.fields}}})
    stages.append({"$merge": {"into": target, "on": "_id", "whenMatched": "fail", "whenNotMatched": "insert"}})
    return stages
