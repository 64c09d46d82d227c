"""What dies is back within seconds; with the supervisor off it stays dead."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_pipeline import stack
from retail_pipeline.settings import Settings
from retail_pipeline.stack.state import State
from retail_pipeline.stack.supervisor import DIED, RESTARTED, Journal, Supervisor

SERVERS = ("postgres", "mongo", "kafka", "connect")


@pytest.fixture(name="settings", scope="module")
def _settings() -> Iterator[Settings]:
    """Return a home of its own with every server but Dagster's, and a supervisor."""
    home = Path(tempfile.mkdtemp(prefix=f"retail-test-{os.getpid()}-"))
    home.chmod(0o755)
    settings = Settings.from_environment({"RETAIL_HOME": str(home)})
    yield settings
    stack.down(settings, print, wipe=True)
    shutil.rmtree(home, ignore_errors=True)


def _up(settings: Settings, *, supervise: bool | None) -> list[str]:
    lines: list[str] = []
    stack.up(settings, lines.append, dagster=False, supervise=supervise)
    return lines


def _kill(settings: Settings, name: str) -> int:
    process = State(settings.home).process(name)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    _until(lambda: not process.alive)
    return process.pid


def _until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end, "not within two minutes"
        time.sleep(0.1)


def _health(settings: Settings, name: str) -> stack.ServerHealth:
    return next(server for server in stack.health(settings) if server.name == name)


def _events(settings: Settings, name: str) -> list[str]:
    return [note.event for note in Journal(settings.home).read() if note.server == name]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_was_killed_is_restarted_and_the_status_says_so(settings: Settings, name: str) -> None:
    _up(settings, supervise=True)
    killed = _kill(settings, name)

    _until(lambda: _events(settings, name) == [DIED, RESTARTED])

    assert _health(settings, name).ok
    assert State(settings.home).process(name).pid != killed  # type: ignore[union-attr]
    assert f"{name} 1" in _health(settings, Supervisor.name).detail
    assert name in stack.restarted(settings)
    assert any(f"{name} {RESTARTED}" in line for line in _up(settings, supervise=True)), "the next start tells of it"


def test_without_a_supervisor_a_server_that_was_killed_stays_dead(settings: Settings) -> None:
    _up(settings, supervise=True)
    _up(settings, supervise=False)
    assert _health(settings, Supervisor.name).state == "off"
    _kill(settings, "mongo")
    # Longer than any restart above took to be noticed.
    time.sleep(5)

    assert _health(settings, "mongo").state == "dead"
    _up(settings, supervise=None)
    assert _health(settings, "mongo").ok


def test_a_stop_ends_the_supervisor_first_so_that_nothing_comes_back(settings: Settings) -> None:
    _up(settings, supervise=True)
    process = State(settings.home).process(Supervisor.name)
    _kill(settings, "mongo")
    lines: list[str] = []

    stack.down(settings, lines.append)

    assert process is not None
    assert not process.alive
    time.sleep(3)
    assert {server.state for server in stack.health(settings)} == {"stopped"}
