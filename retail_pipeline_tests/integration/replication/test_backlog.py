"""A large file keeps the stream busy: that is told beforehand, known to the sensors, and over when MongoDB is equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline.mirror import fidelity
from retail_pipeline.replication import backlog, connectors, lag
from retail_pipeline.replication.connect import PAUSED, ConnectClient, states
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.tables import RED
from retail_pipeline.warehouse import load_account
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.load import files


def test_the_lag_of_a_loaded_file_is_expected_until_mongodb_is_equal(
    streaming: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A sink tells nothing of a partition that never had a record, and what it then does not read counts as a problem.
    load_file(streaming, SAMPLE, accept=True)
    mirrored.eventually(lambda: all(it.end_offset and it.lag == 0 for it in lag.measure(streaming)), "a first file")
    later = files.copy_of_sample(tmp_path, "later.csv", 1_000_000)

    monkeypatch.setattr(lag, "TOLERATED", 100)
    # A slow machine has longer to get there than the file would explain.
    monkeypatch.setattr(backlog, "_GRACE_SECONDS", 300.0)
    sinks = [connectors.sink(table) for table in RED]
    ends = sum(partition.end_offset for partition in lag.measure(streaming))
    told: list[str] = []
    with ConnectClient(streaming.require("connect_url")) as worker:
        for sink in sinks:
            worker.pause(sink)
        mirrored.eventually(lambda: all(set(states(worker.status(one) or {})) == {PAUSED} for one in sinks), "a pause")
        report = load_file(streaming, later, accept=True, report=told.append)
        mirrored.eventually(
            lambda: sum(partition.end_offset for partition in lag.measure(streaming)) == ends + report.streamed_changes,
            "every change that was announced in Kafka",
        )

        behind = lag.measure(streaming)
        assert backlog.pending(streaming)
        assert lag.problems(behind, explained=True) == {}
        assert lag.problems(behind) != {}

        for sink in sinks:
            worker.resume(sink)
    assert report.expected_lag_seconds == load_account.streaming_seconds(report.streamed_changes) > 0
    assert any(f"{report.streamed_changes:,} changes to carry" in line for line in told)
    waited: list[str] = []
    backlog.drain(streaming, waited.append)
    assert "later.csv brought" in waited[0]
    assert fidelity.verify(streaming, RED).equal
    assert not any(partition.lag for partition in lag.measure(streaming))

    found = backlog.pending(streaming)
    assert found is not None
    # A file explains nothing for longer than it can take.
    assert backlog.pending(streaming, now=found.over_by + 1) is None
