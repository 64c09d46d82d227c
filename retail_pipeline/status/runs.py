"""Which runs and ticks of Dagster need a person? Its web server is asked; the judgement is pure."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from retail_pipeline import stack
from retail_pipeline.errors import StackError
from retail_pipeline.names import FILE_TAG, PATH_TAG
from retail_pipeline.settings import Settings
from retail_pipeline.status.line import Line, asked

DAY = 86_400.0
# A busy machine takes a minute to start a run, and two runs at a time go on for some minutes each.
QUEUED_TOO_LONG = 15 * 60.0
RUNNING_TOO_LONG = 6 * 3600.0
_REASONS = 5
_RUN = "runId jobName status creationTime endTime tags { key value }"
_TICKS = (
    "ticks(limit: 1, statuses: [SUCCESS, FAILURE, SKIPPED]) { status timestamp error { message causes { message } } }"
)
_QUESTION = """{{
    ended: runsOrError(filter: {{createdAfter: {since}, statuses: [SUCCESS, FAILURE]}}, limit: 2000) {{
        ... on Runs {{ results {{ {run} }} }} }}
    open: runsOrError(filter: {{statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}}, limit: 500) {{
        ... on Runs {{ results {{ {run} }} }} }}
    sensorsOrError(repositorySelector: {repository}) {{
        ... on Sensors {{ results {{ name defaultStatus sensorState {{ status {ticks} }} }} }} }}
    schedulesOrError(repositorySelector: {repository}) {{
        ... on Schedules {{ results {{ name defaultStatus scheduleState {{ status {ticks} }} }} }} }} }}"""
_WHY = """{{ logsForRun(runId: "{run_id}") {{ ... on EventConnection {{ events {{
    ... on RunFailureEvent {{ message error {{ message causes {{ message }} }} }}
    ... on ExecutionStepFailureEvent {{ error {{ message causes {{ message }} }} }} }} }} }} }}"""


@dataclass(frozen=True)
class Run:
    """A run: its job, its status in Dagster's word, when it was made and ended, in seconds since the epoch.

    `file` is the path of what it loads, as it is shown, where it loads a file.
    """

    run_id: str
    job: str
    status: str
    created: float
    ended: float | None = None
    file: str = ""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Run:
        """Read a run from GraphQL's answer."""
        tags = {tag["key"]: tag["value"] for tag in told["tags"]}
        file = tags.get(PATH_TAG, tags.get(FILE_TAG, ""))
        return cls(told["runId"], told["jobName"], told["status"], told["creationTime"], told["endTime"], file)


def standing(ended: Iterable[Run]) -> list[Run]:
    """Return the failed runs that no later run of the same job, and for a load of the same file, has superseded."""
    runs = list(ended)
    success: dict[tuple[str, str], float] = {}
    for run in runs:
        if run.status == "SUCCESS":
            for key in ((run.job, run.file), (run.job, "")):
                success[key] = max(success.get(key, 0.0), run.created)
    return [run for run in runs if run.status == "FAILURE" and run.created >= success.get((run.job, run.file), 0.0)]


def overdue(unfinished: Iterable[Run], now: float) -> dict[Run, float]:
    """Return the runs that wait or run for too long, with for how many seconds."""
    ages = {run: now - run.created for run in unfinished}
    return {
        run: age for run, age in ages.items() if age > (QUEUED_TOO_LONG if run.status == "QUEUED" else RUNNING_TOO_LONG)
    }


def reason(events: Sequence[Mapping[str, Any]]) -> str:
    """Return the last cause of a run's failure in a line; a step's own error tells more than the run's."""
    errors = [event["error"] for event in events if event.get("error")]
    for error in errors:
        if said := _cause(error):
            return said
    messages = [event["message"] for event in events if event.get("message")]
    return messages[-1].strip().partition("\n")[0] if messages else ""


def _cause(error: Mapping[str, Any]) -> str:
    """Return the first line of the error of ours that is the cause, without its class; of any other the last cause."""
    chain = [str(one["message"]).strip() for one in (error, *error.get("causes", ()))]
    ours = next((said.partition(": ")[2] for said in chain if said.startswith("retail_pipeline.")), "")
    return (ours or chain[-1]).partition("\n")[0]


def failing_ticks(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the sensors and schedules whose last tick failed, with the reason in a line."""
    return {
        name: _cause(tick["error"]) if tick["error"] else "no reason given"
        for name, _, state in _instigators(answer)
        for tick in state["ticks"]
        if tick["status"] == "FAILURE"
    }


def stopped(answer: Mapping[str, Any]) -> list[str]:
    """Return the sensors and schedules that somebody has switched off and that should run."""
    return [name for name, default, state in _instigators(answer) if default == "RUNNING" != state["status"]]


def _instigators(answer: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Return each sensor and schedule: its name, the status that it should have, and its state."""
    for part, state in (("sensorsOrError", "sensorState"), ("schedulesOrError", "scheduleState")):
        for one in _results(answer, part):
            yield one["name"], one["defaultStatus"], one[state]


def _results(answer: Mapping[str, Any], part: str) -> Sequence[Mapping[str, Any]]:
    """Return what was asked for; StackError where Dagster gave an error in its place, which has no results."""
    if "results" not in answer[part]:
        raise StackError(
            f"Dagster's web server does not tell its {part.removesuffix('OrError')}.",
            "see Dagster's code server among the servers; `retail-pipeline up` restarts it",
        )
    found: Sequence[Mapping[str, Any]] = answer[part]["results"]
    return found


def lines(settings: Settings) -> list[Line]:
    """Return what stands of Dagster's runs and ticks."""
    return asked("runs", lambda: _lines(settings, time.time()))


def _lines(settings: Settings, now: float) -> list[Line]:
    question = _QUESTION.format(since=now - DAY, run=_RUN, ticks=_TICKS, repository=stack.repository())
    answer = stack.ask_dagster(settings, question)
    ended, unfinished = (list(map(Run.of, _results(answer, name))) for name in ("ended", "open"))
    failed = standing(ended)
    found = [_failed(settings, run, told=number < _REASONS) for number, run in enumerate(failed)]
    found += [_overdue(settings, run, age) for run, age in overdue(unfinished, now).items()]
    found += [
        Line(
            name, ok=False, state="failing", detail=why, next_step=f"its ticks: {stack.ui_address(settings)}/automation"
        )
        for name, why in failing_ticks(answer).items()
    ]
    found += [
        Line(
            name,
            ok=False,
            state="stopped",
            detail="somebody has switched it off",
            next_step=f"switch it on when it may work again: {stack.ui_address(settings)}/automation",
        )
        for name in stopped(answer)
    ]
    running = sum(run.status != "QUEUED" for run in unfinished)
    summary = f"{running} running, {len(unfinished) - running} queued, {len(failed)} failed in the last day"
    return [Line("runs", ok=True, state="answers", detail=summary), *found]


def _failed(settings: Settings, run: Run, *, told: bool) -> Line:
    why = ""
    if told:
        answer = stack.ask_dagster(settings, _WHY.format(run_id=run.run_id))
        why = reason(answer["logsForRun"].get("events", ()))
    at = datetime.fromtimestamp(run.ended or run.created, UTC)
    again = f"`retail-pipeline load {shlex.quote(run.file)}`" if run.file else f"start the job {run.job}"
    return Line(
        f"{run.job} {run.file}".strip(),
        ok=False,
        state="failed",
        detail=f"at {at:%Y-%m-%d %H:%M} UTC{f': {why}' if why else ''}",
        next_step=f"remove the cause that it names, then {again} again; its log: {_page(settings, run)}",
        link=_page(settings, run),
    )


def _overdue(settings: Settings, run: Run, age: float) -> Line:
    word = run.status.lower().replace("_", " ")
    return Line(
        f"{run.job} {run.file}".strip(),
        ok=False,
        state=word,
        detail=f"for {age / 60:,.0f} minutes",
        next_step=f"see what it waits for, or end it: {_page(settings, run)}",
        link=_page(settings, run),
    )


def _page(settings: Settings, run: Run) -> str:
    try:
        return f"{stack.ui_address(settings)}/runs/{run.run_id}"
    except StackError:
        return f"run {run.run_id}"
