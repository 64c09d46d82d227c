"""Answers from MongoDB: suspicious sales and the state of stock, by aggregation pipelines that run inside it."""

from datetime import timedelta

import dagster as dg

from retail_pipeline import analytics
from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform

GROUP = "analytics"
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2))


def _asset(collection: str, description: str, sources: list[str]) -> dg.AssetsDefinition:
    """Make the asset of a collection that a pipeline writes."""

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
    )
    def build(platform: Platform) -> dg.MaterializeResult[None]:
        counts = analytics.run(platform.settings(), collection)
        return dg.MaterializeResult(metadata={"dagster/row_count": counts})

    return build


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
