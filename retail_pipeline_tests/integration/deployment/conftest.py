"""A deployment of its own, made by the demo on the real file where that stands beside the checkout, else the sample."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from retail_pipeline import stack
from retail_pipeline.settings import PROJECT, SAMPLE, Settings
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.receiver import Receiver

REAL = PROJECT.parent / "shared" / "data" / "Walmart.csv"
# The tests find these schedules switched off, and `status` says so.
STOPPED = ("green_schedule", "repair_schedule")
_OURS = ("RETAIL_", "DAGSTER_")


@dataclass(frozen=True)
class Deployment:
    """A state folder and the command run on it; `first` is the demo, `status` what was said of it before any test.

    `receiver` gets its alarms; `alarms` are those that had come before any test.
    """

    home: Path
    csv: Path
    receiver: Receiver
    first: subprocess.CompletedProcess[str] | None = field(default=None)
    status: subprocess.CompletedProcess[str] | None = field(default=None)
    alarms: tuple[dict[str, Any], ...] = ()

    def environment(self) -> dict[str, str]:
        """Return an environment that names this deployment and none other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {"RETAIL_HOME": str(self.home), "RETAIL_ALERT_URL": self.receiver.url, "PATH": path}

    def run(self, *words: str, expected: int = 0, extra: Mapping[str, str] | None = None) -> str:
        """Run a command and return what it printed; the exit code must be the expected one."""
        done = self.attempt(*words, extra=extra)
        assert done.returncode == expected, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def attempt(self, *words: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever comes of it."""
        environment = self.environment() | dict(extra or {})
        return subprocess.run(
            words, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=500
        )

    @property
    def settings(self) -> Settings:
        """Return the addresses of the deployment's servers."""
        return Settings.from_environment(stack.environment(Settings.from_environment({"RETAIL_HOME": str(self.home)})))


@pytest.fixture(scope="package")
def deployment() -> Iterator[Deployment]:
    """Set everything up by `retail-pipeline demo`, once for these tests; stop and remove it after them."""
    home = Path(tempfile.mkdtemp(prefix=f"retail-test-{os.getpid()}-demo-"))
    home.chmod(0o755)
    csv = REAL if REAL.exists() else SAMPLE
    receiver = Receiver()
    receiver.start()
    bare = Deployment(home, csv, receiver)
    try:
        made = replace(bare, first=bare.attempt("retail-pipeline", "demo", str(csv)))
        if made.first is not None and made.first.returncode == 0:
            made = replace(made, status=_status(made), alarms=tuple(receiver.got))
            # What runs by the clock would repair what a test has just damaged.
            workspace = str(home / "dagster_code_server" / "workspace.yaml")
            for schedule in STOPPED:
                made.run(
                    *("dagster", "schedule", "stop", schedule, "-w", workspace), extra=stack.variables(made.settings)
                )
        yield made
    finally:
        bare.attempt("retail-pipeline", "down", "--wipe")
        receiver.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(name="instance")
def _instance(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Open the deployment's own Dagster instance."""
    for name, value in stack.environment(deployment.settings).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(deployment.settings.dagster_home)) as instance:
        yield instance


def _status(made: Deployment) -> subprocess.CompletedProcess[str]:
    """Return the status that is well, or the last one where it stays unwell: a group may have yet to commit."""
    tries: list[subprocess.CompletedProcess[str]] = []

    def well() -> bool:
        tries.append(made.attempt("retail-pipeline", "status", "--json"))
        return tries[-1].returncode == 0

    with suppress(AssertionError):
        mirrored.eventually(well, "health")
    return tries[-1]
