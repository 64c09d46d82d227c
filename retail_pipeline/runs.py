"""Run a Dagster job from the command: in this process, on the stack's own instance, so that the UI shows the run."""

from __future__ import annotations

import getpass
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, Definitions, LoggerDefinition

# Of what is public only `execute_in_process` runs a job here, and its runs belong to no code location: dagster#17707.
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from retail_pipeline import interruption, lifeline, lost_runs, stack
from retail_pipeline.definitions import defs
from retail_pipeline.defs.assets.warehouse import REPORT, load_config
from retail_pipeline.defs.keys import mongodb, postgres
from retail_pipeline.defs.sensors.lost_runs import end, unfinished
from retail_pipeline.errors import RetailError
from retail_pipeline.names import file_tags
from retail_pipeline.settings import Settings
from retail_pipeline.tables import GREEN

STARTED_BY = "started_by"
Say = Callable[[str], None]
# The metadata of each asset that a run materialized, by the parts of its key joined with a slash.
Materialized = dict[str, dict[str, Any]]


def run(
    settings: Settings, job: str, config: Mapping[str, Any], say: Say, tags: Mapping[str, str] | None = None
) -> Materialized:
    """Run job `job` with the run config `config`; progress goes to `say`, a line a step and what the steps report.

    Raises what the failing step raised, or Stopped where a signal ended the run, which then is canceled.
    """
    if not (settings.dagster_home / "dagster.yaml").exists():
        message = f"Dagster has no instance in {settings.dagster_home}."
        raise RetailError(message, "start the servers with `retail-pipeline up`")
    definitions = Definitions.merge(defs(), Definitions(loggers={"console": _progress(say)}))
    defined = definitions.resolve_job_def(job)
    started_by = {lifeline.EXECUTED_BY: lifeline.this_process(), STARTED_BY: getpass.getuser()}
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        made = instance.create_run_for_job(
            defined,
            run_config={**config, "loggers": {"console": {}}},
            tags={**defined.run_tags, **started_by, **(tags or {})},
            # By this the pages, the timeline and sensors know that it is a run of the job of this code location.
            remote_job_origin=_origin(settings, job),
        )

        def cancel(number: int) -> None:
            begun = instance.get_run_by_id(made.run_id)
            if begun and not begun.is_finished:
                instance.report_run_canceling(begun, str(interruption.Stopped(number)).capitalize())

        with interruption.cancelling(cancel) as listener:
            try:
                result = execute_run(InMemoryJob(defined), made, instance, raise_on_error=True)
            except BaseException as error:
                if listener is None or listener.heard is None:
                    raise
                # Whatever failed, failed because of the signal: a statement that was cancelled, for one.
                raise interruption.Stopped(listener.heard) from error
    events = [event for event in result.all_events if event.is_step_materialization]
    found = [event.step_materialization_data.materialization for event in events]
    return {"/".join(one.asset_key.path): {name: value.value for name, value in one.metadata.items()} for one in found}


def _origin(settings: Settings, job: str) -> RemoteJobOrigin:
    """Return where the web UI and the daemon find this job."""
    host, _, port = stack.code_server(settings).rpartition(":")
    location = GrpcServerCodeLocationOrigin(host=host, port=int(port), location_name=stack.LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, stack.REPOSITORY), job)


def end_lost(settings: Settings, say: Say) -> None:
    """End the runs that processes of this host left behind, as after a crash; tell of each in a line."""
    address = settings.dagster_dsn
    if not address:
        return
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        runs = unfinished(instance)
        gone = {run.executed_by for run in runs if lifeline.is_gone(run.executed_by)}
        seen = lifeline.look(address, [run.run_id for run in runs])
        for run, why in lost_runs.left_here(runs, seen, time.time(), gone):
            if told := end(instance, run, why):
                say(told)


def load(settings: Settings, csv: Path, *, accept: bool, say: Say) -> Materialized:
    """Load one file by the job `initial_load`."""
    return run(settings, "initial_load", load_config(csv, accept=accept), say, file_tags(csv))


def report_of(materialized: Materialized) -> dict[str, Any]:
    """Return the account of the file, as `retail-pipeline load --json` prints it."""
    report: dict[str, Any] = materialized["/".join(postgres("files").path)][REPORT]
    return report


def refreshed(materialized: Materialized) -> dict[str, int]:
    """Return how many documents of each batch collection the refresh rewrote or deleted, where there were any."""
    changes = {name: materialized["/".join(mongodb(name).path)] for name in (table.name for table in GREEN)}
    counts = {name: change["written"] + change["deleted"] for name, change in changes.items()}
    return {name: count for name, count in counts.items() if count}


def _progress(say: Say) -> LoggerDefinition:
    """Turn Dagster's log of a run into the few lines that a person at a terminal wants."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            meta = getattr(record, "dagster_meta", {})
            event = meta.get("dagster_event")
            # Where a step failed by a signal, the run is to be canceled: that has to be known before Dagster ends it.
            interruption.wait_for_then()
            # A terminal that was closed takes no line, and the run has to end well all the same.
            with suppress(OSError):
                if event is None:
                    say(f"    {meta.get('orig_message', record.getMessage())}")
                elif event.event_type_value == "STEP_START":
                    say(f"  {event.step_key.replace('__', '/')}")

    def make(_: object) -> logging.Logger:
        logger = logging.Logger("progress", level=logging.INFO)  # noqa: LOG001 - Dagster wants one of its own for each run
        # STEP_START is logged at DEBUG.
        logger.setLevel(logging.DEBUG)
        logger.addHandler(Handler())
        return logger

    return LoggerDefinition(make, config_schema={})


def sentence(report: Mapping[str, Any]) -> str:
    """Say what a load did, for a person."""
    left = "; ".join(f"store {store}, {reason}" for store, reason in report["stock_left"].items())
    stock = f" The stock is still to set of {left}. Next: `retail-pipeline status`." if left else ""
    if not report["read"]:
        return f"This file is loaded already: nothing was loaded twice.{stock}"
    lag = report["expected_lag_seconds"]
    behind = f" MongoDB was expected to be behind for about {lag:,.0f} s." if lag >= 1 else ""
    return (
        f"{report['read']:,} rows read = {report['loaded']:,} loaded + {report['quarantined']:,} quarantined"
        f" + {report['duplicates']:,} duplicates, in {report['seconds']:.1f} s;"
        f" {report['conflicts']:,} values lost to a later sale, all kept.{behind}{stock}"
    )
