"""In which order do the tests run, and which of them on the same worker? What shares servers stays together."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

_UNIT = "retail_pipeline_tests/unit/"
_INTEGRATION = "retail_pipeline_tests/integration"
# Each of these groups shares servers that take a minute to start. What takes longest begins first, so that no worker
# is left with it in the end; every other file is a group of its own.
GROUPS: tuple[tuple[str, ...], ...] = (
    (f"{_INTEGRATION}/deployment/test_runs.py", f"{_INTEGRATION}/deployment/test_landing.py"),
    (f"{_INTEGRATION}/deployment/",),
    (f"{_INTEGRATION}/replication/",),
    (f"{_INTEGRATION}/mirror/", f"{_INTEGRATION}/tenants/", f"{_INTEGRATION}/analytics/", f"{_INTEGRATION}/bench/"),
)


def place(nodeid: str) -> int:
    """Return the place in the run of a test: that of its group, after all groups, or last for what has no server."""
    last = len(GROUPS) + nodeid.startswith(_UNIT)
    return next((number for number, files in enumerate(GROUPS) if nodeid.startswith(files)), last)


def group(nodeid: str) -> str:
    """Return what of the tests runs in one go, on one worker: the first part of a group's name, or the file's."""
    number = place(nodeid)
    return GROUPS[number][0] if number < len(GROUPS) else nodeid.partition("::")[0]


class InGroups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Give a worker a group of tests at a time, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
