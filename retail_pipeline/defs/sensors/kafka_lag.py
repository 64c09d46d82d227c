"""Watch how far the stream is behind. See https://docs.dagster.io/guides/automate/sensors."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.evaluations import as_results
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors.problems import compare, since_of, told_of
from retail_pipeline.healing import probes
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.replication import lag
from retail_pipeline.replication.backlog import Backlog, pending
from retail_pipeline.tables import RED

CHECK = "consumer_lag"


def evaluations(
    partitions: Sequence[lag.PartitionLag], problems: Mapping[str, str], backlog: Backlog | None = None
) -> list[dg.AssetCheckEvaluation]:
    """Judge every streamed table's topic."""
    behind = any(partition.lag for partition in partitions)
    well = f"behind, as {backlog.sentence}" if backlog and behind else "the sink keeps up"
    return [
        dg.AssetCheckEvaluation(
            asset_key=keys.topic(table.name),
            check_name=CHECK,
            passed=table.topic not in problems,
            severity=dg.AssetCheckSeverity.WARN,
            description=problems.get(table.topic, well),
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
            description=f"The sink of {table.name} has a committed offset and is at most {lag.TOLERATED:,} records"
            f" behind. No change waits for more than {lag.TOLERATED_AGE:.0f} s.",
        )
        for table in RED
    ],
    can_subset=True,
)
def consumer_lag(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
    """Measure once, by hand."""
    settings = platform.settings()
    partitions, backlog = lag.measure(settings), pending(settings)
    problems = lag.problems(partitions, explained=backlog is not None)
    yield from as_results(evaluations(partitions, problems, backlog), context.selected_asset_check_keys)


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Lag of each sink by partition, as an observation of the topic and as the result of its check.",
)
def kafka_lag_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
    """Look every tick; the cursor tells new problem from what persists and what is over, and what was told."""
    settings = platform.settings()
    bounded = probes.with_timeouts(settings)
    answers = probes.ask({"Kafka": lambda: lag.measure(settings), "PostgreSQL": lambda: pending(bounded)})
    partitions = answers["Kafka"]
    # Without an answer from the ledger no file is known that would explain anything.
    backlog = None if isinstance(answers["PostgreSQL"], Unreachable) else answers["PostgreSQL"]
    now = time.time()
    if isinstance(partitions, Unreachable):
        hidden = since_of(context.cursor)
        problems = compare(context.cursor, {"Kafka": partitions.sentence}, now, hidden)
        context.log.warning(problems.sentence(now))
        return dg.SensorResult(skip_reason=problems.sentence(now), cursor=problems.cursor(told=told_of(context.cursor)))
    found = lag.problems(partitions, explained=backlog is not None)
    problems = compare(context.cursor, found, now, hidden=lag.problems(partitions))
    if problems.current:
        context.log.warning(problems.sentence(now))
    observations = [
        dg.AssetObservation(keys.topic(table.name), metadata=_metadata(partitions, table.topic)) for table in RED
    ]
    judged = evaluations(partitions, problems.current, backlog)
    events, told = told_of(context.cursor).after([*observations, *judged], now)
    return dg.SensorResult(
        asset_events=events,
        skip_reason="; ".join([problems.sentence(now), *_expected(partitions, backlog)]),
        cursor=problems.cursor(told=told),
    )


def _expected(partitions: Sequence[lag.PartitionLag], backlog: Backlog | None) -> list[str]:
    records = sum(partition.lag or 0 for partition in partitions)
    return [f"{records:,} records behind, {backlog.sentence}"] if backlog and records else []


def _metadata(partitions: Sequence[lag.PartitionLag], topic: str) -> dict[str, Any]:
    behind = [partition for partition in partitions if partition.topic == topic]
    return {
        "lag_records": sum(partition.lag or 0 for partition in behind),
        "oldest_change_seconds": lag.oldest(behind),
        "partitions": dg.MetadataValue.json(
            [
                {
                    "partition": one.partition,
                    "end": one.end_offset,
                    "committed": one.committed_offset,
                    "lag": one.lag,
                    "oldest_change_seconds": one.age,
                }
                for one in behind
            ],
        ),
        "group": behind[0].group if behind else "none",
    }
