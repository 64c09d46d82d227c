"""Watch whether MongoDB equals PostgreSQL. See https://docs.dagster.io/guides/automate/sensors."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.assets.mirror import FRESH_WITHIN
from retail_pipeline.defs.checks.mirror import SAMPLED, sampled
from retail_pipeline.defs.jobs import repair, repair_config
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors.problems import compare, since_of, told_of, tries_of
from retail_pipeline.healing import probes, reconcile
from retail_pipeline.healing.health import Problem, Remedy
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.mirror import fidelity
from retail_pipeline.replication import progress
from retail_pipeline.replication.backlog import Backlog, pending
from retail_pipeline.tables import GREEN, MIRRORED, RED

# A tick must end well before Dagster's limit of 60 seconds, so changes on their way are waited for only shortly.
_GRACE_SECONDS = 5.0
_SAMPLE = 100
_QUERY_WITHIN = 20
_ASKED_WITHIN, _COMPARED_WITHIN = 10.0, 35.0
_LATE = f"more than {progress.ON_TIME:.0f} s behind"
_SUBJECT = "documents"


@dg.sensor(
    job=repair,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Counts and a sample of every collection against PostgreSQL, as observations and as check results; a "
    "difference that is still there at the next tick that can tell is repaired by a run. Where a table's stream is "
    "late or its batch ran lately, what is missing comes by itself. RETAIL_HEAL=0: reports only.",
)
def mongo_fidelity_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
    """Look every tick; the cursor tells new differences from those that persist, what is over, and what was told."""
    now = time.time()
    settings = platform.settings()
    tries = tries_of(context.cursor)
    bounded = probes.with_timeouts(settings, _QUERY_WITHIN)
    # What a late stream lacks it brings itself; a repair would only make it later.
    questions = {"stream": lambda: progress.late_tables(bounded), "ledger": lambda: pending(bounded)}
    answers = probes.ask(questions, _ASKED_WITHIN)
    behind = _behind(answers["stream"], answers["ledger"])
    compared = {"comparison": lambda: fidelity.sample(bounded, _SAMPLE, grace_seconds=_GRACE_SECONDS)}
    report = probes.ask(compared, _COMPARED_WITHIN)["comparison"]
    if isinstance(report, Unreachable):
        hidden = since_of(context.cursor)
        problems = compare(context.cursor, {"comparison": report.sentence}, now, hidden)
        context.log.warning(problems.sentence(now))
        return dg.SensorResult(
            skip_reason=problems.sentence(now), cursor=problems.cursor(tries, told_of(context.cursor))
        )
    differing = {one.table: one.as_text() for one in report.tables if not one.equal}
    explained = behind | _refreshed(context.instance, differing, now)
    unexplained = {table: text for table, text in differing.items() if table not in explained}
    problems = compare(context.cursor, unexplained, now, hidden=differing.keys() & explained.keys())
    if problems.current:
        context.log.warning(problems.sentence(now))
    observations = [
        dg.AssetObservation(
            keys.mongodb(one.table), metadata={"dagster/row_count": one.documents, "rows_in_postgresql": one.rows}
        )
        for one in report.tables
    ]
    # One run repairs all tables that differ since the last tick or longer.
    tables = sorted(set(problems.persisting) & {table.name for table in MIRRORED})
    problem = Problem(_SUBJECT, "; ".join(problems.current[name] for name in tables), Remedy.REPAIR)
    step = reconcile.reconcile(settings, None, [problem] if tables else [], tries, now=now, since={})
    requests = [_request(due, tables, now) for due in step.runs]
    for request in requests:
        context.log.warning("healing: asks for %s: %s", request.job_name, request.tags["found"])
    awaited = [f"{table} differs, {explained[table]}" for table in differing if table in explained]
    awaited += [f"{subject}: {state}" for subject, state in step.states.items()]
    judged = [_evaluation(one, explained) for one in report.tables]
    events, told = told_of(context.cursor).after([*observations, *judged], now)
    return dg.SensorResult(
        asset_events=events,
        run_requests=requests,
        skip_reason=None if requests else "; ".join([problems.sentence(now), *awaited]),
        cursor=problems.cursor(step.tries, told),
    )


def _behind(late: Sequence[str] | Unreachable, backlog: Backlog | Unreachable | None) -> dict[str, str]:
    """Say of each streamed table why it may differ: what it lacks is on its way, or nobody can tell that it is not."""
    why, tables = f"for the stream is {_LATE}", late
    if isinstance(tables, Unreachable):
        why, tables = tables.sentence, [table.name for table in RED]
    return dict.fromkeys(tables, backlog.sentence if isinstance(backlog, Backlog) else why)


def _refreshed(instance: dg.DagsterInstance, differing: Collection[str], now: float) -> dict[str, str]:
    """Say of each batch table that differs that its batch ran lately: it may differ by what was written since."""
    batch = [table.name for table in GREEN if table.name in differing]
    found = {name: instance.get_latest_materialization_event(keys.mongodb(name)) for name in batch}
    return {
        name: f"for it is as of {datetime.fromtimestamp(event.timestamp, UTC):%H:%M:%S} UTC, the next batch repairs it"
        for name, event in found.items()
        if event and now - event.timestamp < FRESH_WITHIN.total_seconds()
    }


def _evaluation(report: fidelity.TableReport, explained: Mapping[str, str]) -> dg.AssetCheckEvaluation:
    """Judge a collection; a difference that is explained is warned of, with what explains it."""
    result = sampled(report)
    why = explained.get(report.table) if not report.equal else None
    return dg.AssetCheckEvaluation(
        asset_key=keys.mongodb(report.table),
        check_name=SAMPLED,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.WARN if why else result.severity,
        description=f"{result.description}, {why}" if why else result.description,
        metadata=result.metadata,
    )


def _request(problem: Problem, tables: Sequence[str], now: float) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"repair {now:.0f}",
        job_name=repair.name,
        run_config=repair_config(tables),
        tags={"found": problem.sentence[:250]},
    )
