"""A deployment tells its receiver of a problem once, and once when it is over; of a healthy start nothing."""

from __future__ import annotations

import json

from retail_pipeline.alarms.book import NAME
from retail_pipeline.replication import connectors
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.tables import RED
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.deployment.conftest import Deployment

_WITHIN = 180.0


def test_a_start_a_load_and_a_demo_tell_nobody_of_anything(deployment: Deployment) -> None:
    assert deployment.alarms == ()


def test_a_problem_and_its_end_are_told_once_each_whether_or_not_the_receiver_was_there(
    deployment: Deployment,
) -> None:
    sink = connectors.sink(RED[0])
    receiver = deployment.receiver

    def told() -> list[str]:
        return [alarm["state"] for alarm in receiver.got if alarm["subject"] == sink]

    with ConnectClient(deployment.settings.require("connect_url")) as connect:
        connect.pause(sink)
        try:
            mirrored.eventually(lambda: told() == ["new"], "the alarm of a paused connector", _WITHIN)
            receiver.stop()
        finally:
            connect.resume(sink)
            connect.wait_running([sink])
    mirrored.eventually(lambda: sink in _waiting(deployment), "an alarm that waits for its receiver", _WITHIN)
    receiver.start()
    mirrored.eventually(lambda: told() == ["new", "recovered"], "the end of the problem", _WITHIN)

    first = next(alarm for alarm in receiver.got if alarm["subject"] == sink)
    assert "paused" in first["problem"]
    assert "resumes connectors" in first["next_step"]
    assert first["link"].endswith("/assets/kafka_connect/connectors?view=checks")
    assert len({alarm["id"] for alarm in receiver.got}) == len(receiver.got)


def _waiting(deployment: Deployment) -> set[str]:
    """Name what the alarms are about that the receiver did not take yet."""
    book = json.loads((deployment.home / NAME).read_text())
    return {alarm["subject"] for alarm in book["waiting"]}
