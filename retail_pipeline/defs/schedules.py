"""What runs by the clock."""

import dagster as dg

from retail_pipeline.defs.jobs import analytics, green_refresh

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
