"""How does an answer reach its collection? Computed by MongoDB beside it, then put in place at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from retail_pipeline.analytics import sold_above_recorded_stock, stock_against_reorder_point
from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import comparison, write_lock, writing
from retail_pipeline.mirror.client import WRITER, connect, mirror
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MONGO_DATABASE
from retail_pipeline.warehouse import locks

Document = dict[str, Any]
Pipeline = Callable[[], list[Document]]


@dataclass(frozen=True)
class Collection:
    """A collection of answers: its pipelines by the collection they read, its fields in order, and its key."""

    name: str
    pipelines: tuple[tuple[str, Pipeline], ...]
    key: tuple[str, ...]
    fields: tuple[str, ...]
    kept: str | None = None


COLLECTIONS: dict[str, Collection] = {
    collection.name: collection
    for collection in (
        Collection(
            "fraud_alerts",
            ((sold_above_recorded_stock.SOURCE, sold_above_recorded_stock.pipeline),),
            ("rule", "store_id", "transaction_id"),
            ("transaction_id", "store_id", "customer_id", "rule", "score", "evidence", "detected_at"),
            kept="detected_at",
        ),
        Collection(
            "inventory_analytics",
            ((stock_against_reorder_point.SOURCE, stock_against_reorder_point.pipeline),),
            ("store_id", "product_id"),
            (
                "store_id",
                "product_id",
                "inventory_level",
                "reorder_point",
                "reorder_quantity",
                "below_reorder_point",
                "suggested_order",
                "supplier_id",
                "lead_time_days",
            ),
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
