"""Tell of problems, where no supervisor does. See https://docs.dagster.io/guides/automate/sensors."""

import time

import dagster as dg

from retail_pipeline.alarms.book import on_duty
from retail_pipeline.alarms.sending import deliver
from retail_pipeline.defs.resources import Platform

UNSET = "RETAIL_ALERT_URL is not set: nobody is told"
ELSEWHERE = "the supervisor tells, or another tick"


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the receiver at RETAIL_ALERT_URL of each problem that is new, persists or is over, where no "
    "supervisor does. What a receiver that is down did not get waits for the next tick.",
)
def alarm_sensor(platform: Platform) -> dg.SkipReason:
    """Look once at everything and deliver what waits."""
    settings = platform.settings()
    if not settings.alert_url:
        return dg.SkipReason(UNSET)
    # It looks as `status` does, which knows the embedded servers; the definitions do not.
    from retail_pipeline.alarms.watch import look

    with on_duty(settings.home) as book:
        if book is None:
            return dg.SkipReason(ELSEWHERE)
        told = [f"{alarm.state}: {alarm.subject}: {alarm.problem}" for alarm in look(settings, book, time.time())]
        complaint = deliver(book, settings.alert_url)
    return dg.SkipReason("; ".join([*told, *filter(None, [complaint])]) or "nothing to tell")
