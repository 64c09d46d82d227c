"""Who asked for a run that writes collections; Dagster is asked for its tags, so that other names are noticed."""

from __future__ import annotations

import dagster as dg

from retail_pipeline.defs.jobs import asked_by
from retail_pipeline.defs.schedules import repair_schedule
from retail_pipeline.defs.sensors.connector_health import connector_health_sensor


def test_a_run_tells_which_sensor_asked_for_it() -> None:
    assert asked_by(dg.DagsterRun.tags_for_sensor(connector_health_sensor)) == "connector_health_sensor"


def test_a_run_tells_which_schedule_asked_for_it() -> None:
    assert asked_by(dg.DagsterRun.tags_for_schedule(repair_schedule)) == "repair_schedule"


def test_any_other_run_is_of_a_person() -> None:
    assert asked_by({"found": "the slot is gone"}) == "a person"
