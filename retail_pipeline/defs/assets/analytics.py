"""Answers from MongoDB: suspicious sales and the state of stock, by aggregation pipelines that run inside it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from retail_pipeline import analytics
from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform

GROUP = "analytics"
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2))


def _asset(collection: str, description: str, sources: list[str]) -> dg.AssetsDefinition:
    """Make the asset of a collection that a pipeline writes."""
    answers = analytics.COLLECTIONS[collection]

    @dg.asset(
        key=keys.mongodb(collection),
        deps=[keys.mongodb(source) for source in sources],
        description=description,
        group_name=GROUP,
        kinds={"mongodb"},
        owners=keys.OWNERS,
        code_version="1",
        freshness_policy=_FRESH,
        retry_policy=keys.MONGODB_AGAIN,
        metadata=keys.schema_of(answers.fields),
    )
    def build(platform: Platform) -> dg.MaterializeResult[None]:
        settings = platform.settings()
        count = analytics.run(settings, collection)
        found = analytics.summary(settings, collection)
        by_value = {f"{answers.counted} = {value}": number for value, number in sorted(found.counts.items())}
        first = dg.MetadataValue.md(table(list(answers.fields), found.first))
        return dg.MaterializeResult(metadata={"dagster/row_count": count, **by_value, "first": first})

    return build


def table(columns: Sequence[str], documents: Sequence[Mapping[str, Any]]) -> str:
    """Return documents as a table of Markdown, with these columns."""
    rows = [[str(one.get(column)).replace("|", "\\|").replace("\n", " ") for column in columns] for one in documents]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


fraud_alerts = _asset(
    "fraud_alerts",
    "Sales that broke a rule, one document for each sale and rule, with the evidence.",
    ["transactions", "transaction_details", "observations"],
)
inventory_analytics = _asset(
    "inventory_analytics",
    "Stock against reorder point, a document for each store and product.",
    ["inventory", "products"],
)
