"""Keep stores within what all share, where no supervisor does. See https://docs.dagster.io/guides/automate/sensors."""

import time

import dagster as dg

from retail_pipeline.defs.resources import Platform
from retail_pipeline.errors import RetailError
from retail_pipeline.healing.guard import Guard, on_duty
from retail_pipeline.warehouse.tenant_acts import Act

# So many seconds of its interval a tick looks; what comes in between waits for the next tick.
_INTERVAL, _DUTY = 10, 8.0
ELSEWHERE = "the supervisor watches, or another tick"


@dg.sensor(
    minimum_interval_seconds=_INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends what a store does to the others, where no supervisor does; the table tenant_acts has it all.",
)
def tenant_watch_sensor(context: dg.SensorEvaluationContext, platform: Platform) -> dg.SkipReason:
    """Look for most of the interval, unless somebody else is on duty."""
    try:
        with on_duty(platform.settings(), context.log.warning, time.monotonic) as guard:
            if guard is None:
                return dg.SkipReason(ELSEWHERE)
            acts = _watch(guard)
    except RetailError as error:
        return dg.SkipReason(error.message)
    return dg.SkipReason("; ".join(act.sentence for act in acts) or "no store holds up another")


def _watch(guard: Guard) -> list[Act]:
    end = time.monotonic() + _DUTY
    acts = guard.look()
    while time.monotonic() + guard.pause < end:
        time.sleep(guard.pause)
        acts += guard.look()
    return acts
