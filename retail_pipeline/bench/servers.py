"""Where are stream and mirror measured? On embedded servers of the bench's own, in a home that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from retail_pipeline import stack
from retail_pipeline.bench.result import Report
from retail_pipeline.settings import Settings

_PREFIX = "retail-bench-servers-"


@contextmanager
def own(say: Report, *names: str) -> Iterator[Settings]:
    """Start servers, all but Dagster's unless some are named; stop them and remove their data at the end.

    Slot, topics, connectors and collections have one name each, so a bench of them cannot stand beside a stream.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)) and os.access(left, os.W_OK):
            _remove(left, say)  # of a bench that was killed
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    home.chmod(0o755)  # as root, PostgreSQL runs as another user
    settings = Settings.from_environment({"RETAIL_HOME": str(home)})
    try:
        stack.up(settings, say, dagster=False, only=names or None)
        yield Settings.from_environment(stack.environment(settings))
    finally:
        _remove(home, say)


def _remove(home: Path, say: Report) -> None:
    stack.down(Settings.from_environment({"RETAIL_HOME": str(home)}), say, wipe=True)
    shutil.rmtree(home, ignore_errors=True)
