"""What runs by the clock."""

import dagster as dg

from retail_pipeline.defs.jobs import analytics, green_refresh, repair, repair_config, retain
from retail_pipeline.defs.resources import Platform
from retail_pipeline.healing import probes
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.replication import progress
from retail_pipeline.tables import MIRRORED

green_schedule = dg.ScheduleDefinition(
    name="green_schedule",
    job=green_refresh,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Batch collections, every quarter of an hour.",
)

analytics_schedule = dg.ScheduleDefinition(
    name="analytics_schedule",
    job=analytics,
    cron_schedule="5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Alerts and stock analytics, every hour.",
)


retention_schedule = dg.ScheduleDefinition(
    name="retention_schedule",
    job=retain,
    cron_schedule="50 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="What sensors reported long ago is removed from Dagster's storage, every night.",
)


@dg.schedule(
    job=repair,
    cron_schedule="20 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every document against its row, every night, and what differs is repaired, whether or not a sensor "
    "saw it. Left out are tables whose stream is late; all, where nobody can tell and with RETAIL_HEAL=0.",
)
def repair_schedule(platform: Platform) -> dg.RunRequest | dg.SkipReason:
    """Ask for the comparison of all collections but those of which what differs is on its way."""
    settings = platform.settings()
    if not settings.heal:
        return dg.SkipReason("RETAIL_HEAL=0: documents are not repaired")
    bounded = probes.with_timeouts(settings)
    late = probes.ask({"stream": lambda: progress.late_tables(bounded)})["stream"]
    if isinstance(late, Unreachable):
        return dg.SkipReason(f"nobody can tell whether the stream is on time: {late.sentence}")
    # What these lack may be on its way.
    return dg.RunRequest(run_config=repair_config([table.name for table in MIRRORED if table.name not in late]))
