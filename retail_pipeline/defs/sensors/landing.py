"""Load files as they arrive. See https://docs.dagster.io/guides/automate/sensors."""

import builtins
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from retail_pipeline.defs.assets.warehouse import load_config
from retail_pipeline.defs.jobs import initial_load
from retail_pipeline.defs.keys import CSV
from retail_pipeline.errors import SourceError
from retail_pipeline.landing.arrivals import Ended, Outcome
from retail_pipeline.landing.memory import NAME, File
from retail_pipeline.landing.tick import tick
from retail_pipeline.names import file_tags
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.load_report import DoubtfulDatesError, RefusedFileError

RUN_KEY = "dagster/run_key"
# Dagster remembers errors by the names of their classes.
BY_THE_FILE = {error.__name__ for error in (SourceError, RefusedFileError, DoubtfulDatesError)}
_FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_TELLING = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.PIPELINE_FAILURE,
}


@dg.sensor(
    job=initial_load,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Loads each CSV file that is put into the landing folder, once; names those that cannot be loaded.",
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Ask for one run for each file that has come to rest and is not loaded; one that was changed is a new one."""
    settings = Settings.from_environment()

    def tell(news: str) -> None:
        # Whoever reads `context.log` has Dagster open a file for this tick, which nothing ever deletes.
        context.log.warning(news)

    found = tick(settings, lambda keys: outcomes(context.instance, keys), tell, time.time())
    if found.requests:
        # Otherwise Dagster keeps the sentence as the reason why nothing was asked for.
        context.log.info(found.sentence)
    return dg.SensorResult(
        run_requests=[_request(settings.landing, file) for file in found.requests],
        skip_reason=None if found.requests else found.sentence,
        # Each tick rewrites its cursor, and what is remembered are thousands of names: this says where they are.
        cursor=NAME,
    )


def outcomes(instance: dg.DagsterInstance, keys: list[str]) -> dict[str, Outcome]:
    """Return how the runs of these keys ended, by one query; of several with one key the latest counts."""
    found: dict[str, Outcome] = {}
    for run in instance.get_runs(filters=dg.RunsFilter(tags={RUN_KEY: keys})):
        if (key := run.tags[RUN_KEY]) not in found:
            found[key] = _outcome(instance, run)
    return found


def _request(folder: Path, file: File) -> dg.RunRequest:
    path = folder / os.fsdecode(file.name)
    return dg.RunRequest(file.run_key, run_config=load_config(path), tags=file_tags(path))


def _outcome(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Outcome:
    if run.status is not dg.DagsterRunStatus.SUCCESS and run.status not in _FAILED:
        return Outcome(Ended.NOT_YET)
    events = [entry.get_dagster_event() for entry in instance.all_logs(run.run_id, of_type=_TELLING)]
    fingerprint = _fingerprint(events)
    if run.status is dg.DagsterRunStatus.SUCCESS:
        return Outcome(Ended.WELL, fingerprint=fingerprint)
    reason = "its run was cancelled" if run.status is dg.DagsterRunStatus.CANCELED else "its run failed"
    for event in events:
        if event.is_step_failure:
            errors = list(_chain(event.step_failure_data.error))
            if fault := _fault(errors):
                return Outcome(Ended.BY_THE_FILE, fault, fingerprint)
            # The outermost is Dagster's own, which says that a step failed.
            reason = next((_sentence(error) for error in errors[1:] or errors), reason)
        elif event.event_type is dg.DagsterEventType.PIPELINE_FAILURE and reason == "its run failed" and event.message:
            reason = event.message.partition("\n")[0]
    return Outcome(Ended.OTHERWISE, reason, fingerprint)


def _fingerprint(events: list[dg.DagsterEvent]) -> str:
    """Return the SHA-256 of the file as the run found it; empty, where it did not come so far."""
    for event in events:
        if event.is_step_materialization and event.asset_key == CSV:
            return str(event.step_materialization_data.materialization.metadata["sha256"].value)
    return ""


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """Return an error and what caused it, the outermost first."""
    while error:
        yield error
        error = error.cause or error.context


def _fault(errors: list[SerializableErrorInfo]) -> str:
    """Return what is wrong with the file itself; nothing, where the system did not give it, which may pass."""
    for position, error in enumerate(errors):
        if error.cls_name in BY_THE_FILE:
            cause = errors[position + 1].cls_name if errors[position + 1 :] else None
            return "" if _is_of_the_system(cause) else _sentence(error)
    return ""


def _is_of_the_system(name: str | None) -> bool:
    kind = getattr(builtins, name or "", None)
    return isinstance(kind, type) and issubclass(kind, OSError)


def _sentence(error: SerializableErrorInfo) -> str:
    """Return the message without the name of its class in front."""
    line = str(error.message).partition("\n")[0]
    return line.partition(f"{error.cls_name}: ")[2] or line
