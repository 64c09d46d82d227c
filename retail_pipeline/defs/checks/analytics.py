"""Are the answers about what is there? See https://docs.dagster.io/guides/test/asset-checks."""

import dagster as dg

from retail_pipeline import analytics
from retail_pipeline.analytics.runner import CHECKED
from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform


def _check(collection: str) -> dg.AssetChecksDefinition:
    """Make the check of a collection of answers."""
    about = analytics.COLLECTIONS[collection].about

    @dg.asset_check(
        name="answers_are_founded",
        asset=keys.mongodb(collection),
        description=f"Each of the {CHECKED:,} answers that matter most is about a document of {about}.",
        retry_policy=keys.MONGODB_AGAIN,
    )
    def founded(platform: Platform) -> dg.AssetCheckResult:
        unfounded = analytics.unfounded(platform.settings(), collection)
        said = f"{unfounded:,} answers are about nothing in {about}" if unfounded else f"each is about one of {about}"
        return dg.AssetCheckResult(passed=not unfounded, description=said, metadata={"unfounded": unfounded})

    return founded


fraud_alerts_are_founded = _check("fraud_alerts")
inventory_analytics_are_founded = _check("inventory_analytics")
