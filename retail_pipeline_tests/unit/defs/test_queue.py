"""Which runs take a place of the queue: those that were put into it, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from retail_pipeline.defs.queue import QUEUED
from retail_pipeline.settings import INFRA


@pytest.fixture(name="instance")
def _instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Return an instance with the queue as it is configured here."""
    configured = yaml.safe_load((INFRA / "dagster.yaml").read_text())
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_coordinator": configured["run_coordinator"]}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@dg.job
def _job() -> None:
    """Do nothing."""


def _made(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, queued: bool = False) -> dg.DagsterRun:
    tags = {QUEUED: "1"} if queued else {}
    # Where the job was defined; a run from a shell may have it too.
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "here"), _job.name)
    return instance.create_run_for_job(_job, status=status, tags=tags, remote_job_origin=origin)


def _next(instance: dg.DagsterInstance) -> list[str]:
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
    chosen = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)  # noqa: SLF001
    return [run.run_id for run in chosen]


def test_what_is_put_into_the_queue_is_marked(instance: dg.DagsterInstance) -> None:
    run = _made(instance, dg.DagsterRunStatus.NOT_STARTED)
    put = instance.run_coordinator.submit_run(dg.SubmitRunContext(run, workspace=None))  # type: ignore[arg-type]

    assert put.status is dg.DagsterRunStatus.QUEUED
    assert put.tags[QUEUED] == "1"


def test_runs_that_a_shell_made_take_no_place_of_the_queue(instance: dg.DagsterInstance) -> None:
    for _ in range(5):
        _made(instance, dg.DagsterRunStatus.STARTED)
    waiting = [_made(instance, dg.DagsterRunStatus.QUEUED, queued=True) for _ in range(3)]

    assert _next(instance) == [run.run_id for run in waiting[:2]]


def test_two_runs_of_the_queue_run_at_once_and_no_more(instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        _made(instance, dg.DagsterRunStatus.STARTED, queued=True)
    _made(instance, dg.DagsterRunStatus.QUEUED, queued=True)

    assert _next(instance) == []
