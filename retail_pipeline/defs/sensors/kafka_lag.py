"""Watch how far the stream is behind. See https://docs.dagster.io/guides/automate/sensors."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors.troubles import Troubles, compare
from retail_pipeline.replication import lag
from retail_pipeline.tables import RED

CHECK = "consumer_lag"
# Records that a sink may be behind before it counts as trouble: about a second of the stream at full speed.
TOLERATED = 10_000


def troubles_of(partitions: Sequence[lag.PartitionLag]) -> dict[str, str]:
    """Say of each topic that is in trouble why; a group that never committed is one, for it is not a lag of 0."""
    found = {}
    for topic in sorted({partition.topic for partition in partitions}):
        behind = [partition for partition in partitions if partition.topic == topic]
        missing = [partition for partition in behind if partition.lag is None]
        records = sum(partition.lag or 0 for partition in behind)
        if missing:
            found[topic] = f"{topic}: group {missing[0].group} has no offset for {len(missing)} partitions"
        elif records > TOLERATED:
            found[topic] = f"{topic}: group {behind[0].group} is {records:,} records behind"
    return found


def evaluations(partitions: Sequence[lag.PartitionLag], troubles: Troubles) -> list[dg.AssetCheckEvaluation]:
    """Judge every streamed table's topic."""
    return [
        dg.AssetCheckEvaluation(
            asset_key=keys.topic(table.name),
            check_name=CHECK,
            passed=table.topic not in troubles.current,
            severity=dg.AssetCheckSeverity.WARN,
            description=troubles.current.get(table.topic, "the sink keeps up"),
            metadata=_metadata(partitions, table.topic),
        )
        for table in RED
    ]


@dg.multi_asset_check(
    name=CHECK,
    specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=keys.topic(table.name),
            additional_deps=[keys.CONNECTORS],
            description=f"The sink of {table.name} has a committed offset and is at most {TOLERATED:,} records behind.",
        )
        for table in RED
    ],
)
def consumer_lag(platform: Platform) -> Iterator[dg.AssetCheckResult]:
    """Measure once, by hand."""
    partitions = lag.measure(platform.settings())
    for evaluation in evaluations(partitions, compare(None, troubles_of(partitions), time.time())):
        yield dg.AssetCheckResult(
            asset_key=evaluation.asset_key,
            check_name=CHECK,
            passed=evaluation.passed,
            severity=evaluation.severity,
            description=evaluation.description,
            metadata=evaluation.metadata,
        )


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Lag of each sink by partition, as an observation of the topic and as the result of its check.",
)
def kafka_lag_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
    """Report every tick; the cursor tells new trouble from what persists and what is over."""
    partitions = lag.measure(platform.settings())
    now = time.time()
    troubles = compare(context.cursor, troubles_of(partitions), now)
    context.log.log(logging.WARNING if troubles.current else logging.INFO, troubles.sentence(now))
    observations = [
        dg.AssetObservation(keys.topic(table.name), metadata=_metadata(partitions, table.topic)) for table in RED
    ]
    return dg.SensorResult(
        asset_events=[*observations, *evaluations(partitions, troubles)],
        skip_reason=troubles.sentence(now),
        cursor=troubles.cursor(),
    )


def _metadata(partitions: Sequence[lag.PartitionLag], topic: str) -> dict[str, Any]:
    behind = [partition for partition in partitions if partition.topic == topic]
    return {
        "lag_records": sum(partition.lag or 0 for partition in behind),
        "partitions": dg.MetadataValue.json(
            [
                {"partition": one.partition, "end": one.end_offset, "committed": one.committed_offset, "lag": one.lag}
                for one in behind
            ],
        ),
        "group": behind[0].group if behind else "none",
    }
