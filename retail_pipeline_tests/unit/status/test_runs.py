"""Which runs and ticks stand as problems: judged from what Dagster's web server says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.errors import StackError
from retail_pipeline.names import file_tags
from retail_pipeline.status import runs
from retail_pipeline.status.runs import Run

NOW = 1_000_000.0


def run(run_id: str, status: str = "FAILURE", age: float = 60, file: str = "", job: str = "initial_load") -> Run:
    """Return a run that was made `age` seconds ago."""
    return Run(run_id, job, status, NOW - age, NOW - age + 1, file)


def test_a_failed_run_stands() -> None:
    assert runs.standing([run("a")]) == [run("a")]


def test_a_failed_run_is_superseded_by_a_later_run_of_its_job() -> None:
    assert runs.standing([run("a", age=60), run("b", "SUCCESS", age=30)]) == []
    assert runs.standing([run("a", age=60), run("b", "SUCCESS", age=90)]) == [run("a", age=60)]
    assert runs.standing([run("a", age=60), run("b", "SUCCESS", age=30, job="analytics")]) == [run("a", age=60)]


def test_a_failed_load_is_superseded_by_a_load_of_the_same_file_alone() -> None:
    failed = run("a", age=60, file="monday.csv")

    assert runs.standing([failed, run("b", "SUCCESS", age=30, file="tuesday.csv")]) == [failed]
    assert runs.standing([failed, run("b", "SUCCESS", age=30, file="monday.csv")]) == []
    assert runs.standing([run("a", age=60), run("b", "SUCCESS", age=30, file="monday.csv")]) == []


@pytest.mark.parametrize(
    ("status", "limit"),
    [("QUEUED", runs.QUEUED_TOO_LONG), ("STARTED", runs.RUNNING_TOO_LONG)],
    ids=["queued", "started"],
)
def test_a_run_that_waits_or_runs_for_too_long_is_overdue(status: str, limit: float) -> None:
    late, early = run("late", status, age=limit + 1), run("early", status, age=limit - 1)

    assert runs.overdue([late, early], NOW) == {late: limit + 1}


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (
            [
                "dagster._core.errors.StepError: in op load:\n",
                "retail_pipeline.errors.SourceError: There is no file.\n  Next: check",
                "FileNotFoundError: x\n",
            ],
            "There is no file.",
        ),
        (["dagster._core.errors.StepError: in op load:\n", "KeyError: 'x'\n"], "KeyError: 'x'"),
        (["dagster.Interrupted: the process is gone\n"], "dagster.Interrupted: the process is gone"),
    ],
    ids=["ours", "anything else", "alone"],
)
def test_the_reason_is_our_own_error_or_the_last_cause(chain: list[str], said: str) -> None:
    first, *causes = ({"message": message} for message in chain)
    events: list[dict[str, Any]] = [{}, {"error": first | {"causes": causes}}, {"message": "Steps failed: load."}]

    assert runs.reason(events) == said


def test_without_an_error_the_reason_is_the_last_message() -> None:
    assert runs.reason([{}, {"message": "its process is gone\nmore", "error": None}]) == "its process is gone"


def _instigator(name: str, kind: str, state: str = "RUNNING", *ticks: Any, default: str = "RUNNING") -> dict[str, Any]:
    return {"name": name, "defaultStatus": default, f"{kind}State": {"status": state, "ticks": list(ticks)}}


def _tick(status: str, message: str | None = None) -> dict[str, Any]:
    error = {"message": message, "causes": []} if message else None
    return {"status": status, "timestamp": NOW, "error": error}


def test_a_sensor_or_schedule_whose_last_tick_failed_is_named_with_the_reason() -> None:
    answer = {
        "sensorsOrError": {
            "results": [
                _instigator("landing_sensor", "sensor", "RUNNING", _tick("FAILURE", "OSError: disk\nmore")),
                _instigator("kafka_lag_sensor", "sensor", "RUNNING", _tick("SKIPPED")),
                _instigator("new_sensor", "sensor"),
            ]
        },
        "schedulesOrError": {"results": [_instigator("green_schedule", "schedule", "RUNNING", _tick("FAILURE"))]},
    }

    assert runs.failing_ticks(answer) == {"landing_sensor": "OSError: disk", "green_schedule": "no reason given"}


def test_a_sensor_or_schedule_that_somebody_switched_off_is_named() -> None:
    answer = {
        "sensorsOrError": {
            "results": [
                _instigator("landing_sensor", "sensor", "STOPPED"),
                _instigator("lost_runs_sensor", "sensor"),
                _instigator("sensor_for_some", "sensor", "STOPPED", default="STOPPED"),
            ]
        },
        "schedulesOrError": {"results": [_instigator("green_schedule", "schedule", "STOPPED")]},
    }

    assert runs.stopped(answer) == ["landing_sensor", "green_schedule"]


def test_an_answer_that_tells_nothing_is_not_taken_for_nothing() -> None:
    answer: dict[str, Any] = {"sensorsOrError": {}, "schedulesOrError": {"results": []}}

    with pytest.raises(StackError, match="does not tell its sensors"):
        runs.failing_ticks(answer)


def test_a_load_of_another_file_of_that_name_makes_nothing_good() -> None:
    def told(run_id: str, status: str, age: float, folder: str) -> Run:
        tags = file_tags(Path(folder) / "sales.csv")
        return Run.of(
            {"runId": run_id, "jobName": "initial_load", "status": status, "creationTime": NOW - age, "endTime": NOW}
            | {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        )

    failed = told("a", "FAILURE", 60, "/a")

    assert failed.file == "/a/sales.csv"
    assert runs.standing([failed, told("b", "SUCCESS", 30, "/b")]) == [failed]
    assert runs.standing([failed, told("b", "SUCCESS", 30, "/a")]) == []
