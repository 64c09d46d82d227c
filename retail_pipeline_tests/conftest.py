"""The servers of the test run: its own, in a home of its own, so that a demo beside it is never touched."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Its plugin imports it at the end otherwise. CPython 3.11 loses count of its depth where two threads parse at once.
import hypothesis as _  # noqa: F401
import psutil
import pytest

from retail_pipeline import stack
from retail_pipeline.settings import Settings
from retail_pipeline_tests import order

_PREFIX = "retail-test-"


def pytest_configure() -> None:
    """Let what tests start hear every signal, also under nohup: a process inherits which ones are ignored.

    Their servers live for minutes, in which Java would not earn back what it spends on its best compiler.
    """
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run a group of tests in one go, in whatever order: what they share is up no longer than for them."""
    first: dict[str, int] = {}
    for number, item in enumerate(items):
        first.setdefault(order.group(item.nodeid), number)
    items.sort(key=lambda item: (order.place(item.nodeid), first[order.group(item.nodeid)]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.InGroups:
    """Distribute groups of tests, for the servers of a group are its worker's own."""
    return order.InGroups(config, log)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep how the run ended for `.ci/run`: where it broke off, there are tests that never ran."""
    if getattr(session.config, "cache", None) and not hasattr(session.config, "workerinput"):
        session.config.cache.set("retail/exit_status", int(exitstatus))


@pytest.fixture(scope="session")
def test_home() -> Iterator[Path]:
    """A state folder that any user may enter, removed at the end with its servers stopped."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)) and os.access(left, os.W_OK):
            _remove(left)  # of a test run that was killed
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    home.chmod(0o755)
    yield home
    _remove(home)


@pytest.fixture(scope="session")
def postgres_settings(test_home: Path) -> Settings:
    """PostgreSQL alone, with the databases `walmart` and `dagster`."""
    settings = Settings.from_environment({"RETAIL_HOME": str(test_home)})
    stack.up(settings, print, dagster=False, only=("postgres",))
    return Settings.from_environment(stack.environment(settings))


@pytest.fixture(scope="session")
def stack_settings(postgres_settings: Settings) -> Settings:
    """Every server but Dagster's; PostgreSQL is that of `postgres_settings`."""
    settings = Settings.from_environment({"RETAIL_HOME": str(postgres_settings.home)})
    stack.up(settings, print, dagster=False)
    return Settings.from_environment(stack.environment(settings))


def _remove(home: Path) -> None:
    stack.down(Settings.from_environment({"RETAIL_HOME": str(home)}), print, wipe=True)
    shutil.rmtree(home, ignore_errors=True)
