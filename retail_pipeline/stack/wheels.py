"""Where a wheel keeps its programs, found without importing its code."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from retail_pipeline.errors import StackError


def folder(package: str, wheel: str, holds: str) -> Path:
    """Return the folder of an installed package, or raise StackError naming the wheel that is missing."""
    try:
        found = find_spec(package)
    except ModuleNotFoundError:
        found = None
    if found is None or not found.submodule_search_locations:
        message = f"The wheel {wheel}, which holds {holds}, is not installed."
        raise StackError(message, "`make install`, or set the server's variable to use a server of yours")
    return Path(next(iter(found.submodule_search_locations)))
