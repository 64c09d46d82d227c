"""Watch the stream and heal it. See https://docs.dagster.io/guides/automate/sensors."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.evaluations import as_results
from retail_pipeline.defs.jobs import repair, repair_config, resynchronize
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors.problems import Problems, Told, compare, since_of, told_of, tries_of
from retail_pipeline.healing import health, reconcile
from retail_pipeline.healing.health import Observation, Problem, Remedy, Severity
from retail_pipeline.replication import connectors

# Each check with the subjects of the problems that it is about; the first takes what no other does.
RUN, SLOT, LETTERS = "connectors_run", "slot_is_safe", "no_dead_letters"
_CHECKS = {
    RUN: "Every connector is registered as declared and runs, and a heartbeat comes through each second.",
    SLOT: "The slot has every change since the initial snapshot, is read, and retains far less WAL than its limit.",
    LETTERS: "Every record that a sink could not write is acknowledged by a repair.",
}
_GRACE_SECONDS = 15.0
_SLOT_SUBJECTS = ("slot", "slot reader", "WAL", "WAL limit", "initial snapshot")


def check_of(problem: Problem) -> str:
    """Name the check that a problem belongs to."""
    if problem.remedy is Remedy.REPAIR:
        return LETTERS
    return SLOT if problem.subject in _SLOT_SUBJECTS else RUN


def evaluations(seen: Observation, found: Sequence[Problem]) -> list[dg.AssetCheckEvaluation]:
    """Judge each check: failed with its problems in sentences, warned of where none of them is an error."""
    told = dg.MetadataValue.json(health.as_json(seen))
    results = []
    for name in _CHECKS:
        own = [problem for problem in found if check_of(problem) == name]
        failed = any(problem.severity is Severity.ERROR for problem in own)
        results.append(
            dg.AssetCheckEvaluation(
                asset_key=keys.CONNECTORS,
                check_name=name,
                passed=not own,
                severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
                description="; ".join(problem.sentence for problem in own) or "nothing is wrong",
                metadata={"seen": told},
            )
        )
    return results


@dg.multi_asset_check(
    name="stream_health",
    specs=[dg.AssetCheckSpec(name, asset=keys.CONNECTORS, description=text) for name, text in _CHECKS.items()],
    can_subset=True,
)
def stream_health(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
    """Look by hand, again while a stream that was just started is on its way; nothing is healed."""
    settings = platform.settings()
    wanted = connectors.configurations(settings)
    until = time.monotonic() + _GRACE_SECONDS
    while (found := health.problems(seen := health.observe(settings), wanted)) and time.monotonic() < until:
        time.sleep(1)
    yield from as_results(evaluations(seen, found), context.selected_asset_check_keys)


@dg.sensor(
    jobs=[resynchronize, repair],
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Watches connectors, slot, heartbeat and dead letters. It restarts and registers connectors by itself. "
    "It asks for a run where the stream needs a re-snapshot or documents a repair. RETAIL_HEAL=0: reports only.",
)
def connector_health_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SensorResult:
    """Look, tell new problem from what persists and what is over, and apply the remedies that are due."""
    settings = platform.settings()
    seen = health.observe(settings)
    found = health.problems(seen, connectors.configurations(settings))
    now = time.time()
    since = since_of(context.cursor)
    step = reconcile.reconcile(settings, seen, found, tries_of(context.cursor), now=now, since=since)
    requests = [_request(problem, now) for problem in step.runs]
    sentences = {one.subject: f"{one.sentence} ({step.states[one.subject]})" for one in found}
    problems = compare(context.cursor, sentences, now, seen.hidden(since))
    done = list(step.done.values())
    _log(context, problems, [*done, *(f"asks for {one.job_name}: {one.tags['found']}" for one in requests)], now)
    observed = dg.AssetObservation(keys.CONNECTORS, metadata=_metadata(seen, problems, done))
    # What was done to heal is written whether or not a check noticed.
    before = Told() if done else told_of(context.cursor)
    events, told = before.after([observed, *evaluations(seen, found)], now)
    return dg.SensorResult(
        asset_events=events,
        run_requests=requests,
        skip_reason=None if requests else "; ".join([*done, problems.sentence(now)]),
        cursor=problems.cursor(step.tries, told),
    )


def _request(problem: Problem, now: float) -> dg.RunRequest:
    """Ask for the run that is a problem's remedy; each try is a run of its own, and a superfluous one does nothing."""
    is_whole = problem.remedy is Remedy.RESYNCHRONIZE
    job, config = (resynchronize, {}) if is_whole else (repair, repair_config([problem.target]))
    return dg.RunRequest(
        run_key=f"{job.name} {problem.target} {now:.0f}",
        job_name=job.name,
        run_config=config,
        tags={"found": problem.sentence[:250], "dagster/priority": "10"},
    )


def _log(context: dg.SensorEvaluationContext, problems: Problems, done: Sequence[str], now: float) -> None:
    # Each tick that logs leaves a file; what is well is said by its skip reason alone.
    if problems.current:
        context.log.warning(problems.sentence(now))
    for sentence in done:
        context.log.warning("healing: %s", sentence)


def _metadata(seen: Observation, problems: Problems, done: Sequence[str]) -> dict[str, Any]:
    return {
        "problems": len(problems.current),
        **health.figures(seen),
        "new": dg.MetadataValue.json(list(problems.new)),
        "persisting": dg.MetadataValue.json(list(problems.persisting)),
        "recovered": dg.MetadataValue.json(list(problems.recovered)),
        "healing": dg.MetadataValue.json(list(done)),
        "seen": dg.MetadataValue.json(health.as_json(seen)),
    }
