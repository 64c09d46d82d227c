"""A run that nobody executes is ended; one that has come further since it was judged is left alone."""

from __future__ import annotations

import dagster as dg
import pytest

from retail_pipeline.defs.sensors.lost_runs import end
from retail_pipeline.lost_runs import Run


@dg.job
def _job() -> None: ...


@pytest.mark.parametrize(
    ("judged", "found", "then"),
    [
        ("STARTED", dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE),
        ("CANCELING", dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED),
        ("STARTING", dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTED),
        ("STARTED", dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.SUCCESS),
    ],
)
def test_a_lost_run_is_ended_and_one_that_came_further_is_not(
    judged: str, found: dg.DagsterRunStatus, then: dg.DagsterRunStatus
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(_job, status=found)

        told = end(instance, Run(run.run_id, "_job", judged, 0.0), "Its process is gone.")

        assert instance.get_run_by_id(run.run_id).status is then  # type: ignore[union-attr]
        assert bool(told) is (then is not found)
