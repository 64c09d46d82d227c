"""End runs that nobody executes any more. See https://docs.dagster.io/guides/automate/sensors."""

import time
from collections.abc import Sequence

import dagster as dg
import psutil

from retail_pipeline import lifeline, lost_runs
from retail_pipeline.settings import Settings

_STATUSES = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fails each run whose process is gone, whatever ended it: a kill, a closed terminal, a reboot. The "
    "lock in Dagster's database that the process held tells. Such a run takes no place of the queue from then on.",
)
def lost_runs_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Look at every unfinished run; one that nobody executes at two ticks in a row is lost."""
    address = Settings.from_environment().dagster_dsn
    if not address:
        return dg.SensorResult(skip_reason="RETAIL_DAGSTER_DSN is not set: no run holds a lock")
    runs = unfinished(context.instance)
    seen = lifeline.look(address, [run.run_id for run in runs])
    # This is the code server's process, which starts runs.
    server_since = psutil.Process().create_time()
    verdict = lost_runs.judge(runs, seen, time.time(), context.cursor, server_since)
    told = [end(context.instance, run, why) for run, why in verdict.lost]
    for line in filter(None, told):
        context.log.warning(line)
    reason = "; ".join(filter(None, told)) or f"{len(runs)} unfinished runs, each of them executed"
    return dg.SensorResult(skip_reason=reason, cursor=verdict.cursor)


def unfinished(instance: dg.DagsterInstance) -> Sequence[lost_runs.Run]:
    """Return the runs that Dagster takes for being executed."""
    return [
        lost_runs.Run(
            run_id=record.dagster_run.run_id,
            job=record.dagster_run.job_name,
            status=record.dagster_run.status.value,
            since=record.start_time or record.update_timestamp.timestamp(),
            executed_by=record.dagster_run.tags.get(lifeline.EXECUTED_BY, ""),
        )
        for record in instance.get_run_records(dg.RunsFilter(statuses=_STATUSES))
    ]


def end(instance: dg.DagsterInstance, lost: lost_runs.Run, why: str) -> str:
    """Fail a lost run, or cancel it where that was asked for; return what was done.

    Nothing is done, and "" returned, where the run has come to another status than the one that was judged.
    """
    run = instance.get_run_by_id(lost.run_id)
    if run is None or run.status.value != lost.status:
        return ""
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, why)
    else:
        instance.report_run_failed(run, why)
    return f"Run {lost.run_id[:8]} of {lost.job} is ended. {why}"
