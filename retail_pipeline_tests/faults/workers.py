"""A second Kafka Connect worker, which joins the first, takes tasks of its and dies."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from retail_pipeline.replication import connectors, topics
from retail_pipeline.stack import java
from retail_pipeline.tables import RED
from retail_pipeline_tests.faults.testbed import Testbed, until

_JOINS_WITHIN = 120.0
_PORT = "connect_second"


class SecondWorker:
    """The process, with the settings of the first but for its address."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed
        self._port = testbed.state.port(_PORT)
        self._folder = tempfile.TemporaryDirectory(prefix="worker-", dir=testbed.home)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        first = self._testbed.home / "connect"
        settings = Path(self._folder.name) / "worker.properties"
        settings.touch(mode=0o600)
        address = f"listeners=http://127.0.0.1:{self._port}\n"
        settings.write_text((first / "worker.properties").read_text() + address)
        with (self._testbed.home / "logs" / "second_worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(java.program()),
                    f"@{first / 'java.options'}",
                    "org.apache.kafka.connect.cli.ConnectDistributed",
                    str(settings),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """See that it is gone."""
        with suppress(ProcessLookupError):
            self.kill()
        self._folder.cleanup()

    def join(self) -> None:
        """Wait until sinks run on it, and their consumers have partitions."""
        until(lambda: self._sink_tasks() > 0 and self._all_read(), "the second worker has tasks", _JOINS_WITHIN)

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def _sink_tasks(self) -> int:
        own = f"127.0.0.1:{self._port}"
        with self._testbed.connect() as client:
            found = [status for name, (_, status) in client.survey().items() if name != connectors.SOURCE]
        return sum(task["worker_id"] == own and task["state"] == "RUNNING" for it in found for task in it["tasks"])

    def _all_read(self) -> bool:
        groups = [connectors.group(table) for table in RED]
        with topics.administrator(self._testbed.settings) as kafka:
            found = kafka.describe_groups(groups)
        return all(
            found[group]["group_state"] == "Stable" and len(found[group]["members"]) == topics.PARTITIONS
            for group in groups
        )
