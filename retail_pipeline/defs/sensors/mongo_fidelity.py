"""Watch whether MongoDB equals PostgreSQL. See https://docs.dagster.io/guides/automate/sensors."""

import logging
import time

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.checks.mirror import sampled
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors.troubles import compare
from retail_pipeline.errors import CouldNotTellError
from retail_pipeline.mirror import fidelity

# A tick must end well before Dagster's limit of 60 seconds, so changes on their way are waited for only shortly.
_SETTLE_SECONDS = 5.0
_SAMPLE = 100


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Counts and a sample of every collection against PostgreSQL, as observations and as check results.",
)
def mongo_fidelity_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
    """Report every tick; the cursor tells new differences from those that persist and those that are over."""
    now = time.time()
    try:
        report = fidelity.sample(platform.settings(), _SAMPLE, settle_seconds=_SETTLE_SECONDS)
    except CouldNotTellError as error:
        troubles = compare(context.cursor, {"comparison": error.message}, now)
        context.log.warning(troubles.sentence(now))
        return dg.SensorResult(skip_reason=troubles.sentence(now), cursor=troubles.cursor())
    troubles = compare(context.cursor, {one.table: one.as_text() for one in report.tables if not one.equal}, now)
    context.log.log(logging.WARNING if troubles.current else logging.INFO, troubles.sentence(now))
    results = [sampled(one) for one in report.tables]
    events: list[dg.AssetObservation | dg.AssetCheckEvaluation | dg.AssetMaterialization] = []
    for one, result in zip(report.tables, results, strict=True):
        key = keys.mongodb(one.table)
        events.append(
            dg.AssetObservation(key, metadata={"dagster/row_count": one.documents, "rows_in_postgresql": one.rows})
        )
        events.append(
            dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=result.check_name or "",
                passed=result.passed,
                severity=result.severity,
                description=result.description,
                metadata=result.metadata,
            )
        )
    return dg.SensorResult(asset_events=events, skip_reason=troubles.sentence(now), cursor=troubles.cursor())
