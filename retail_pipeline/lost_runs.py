"""Which runs has everybody left? The judgement over runs that Dagster takes for being executed; pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from retail_pipeline.lifeline import Look

VERSION = 1
STARTING, STARTED, CANCELING = "STARTING", "STARTED", "CANCELING"
# A process takes its run's lock a moment after the run has started, and takes it again after the server's restart.
YOUNG_SECONDS = SERVER_YOUNG_SECONDS = 30.0
# The code server that ended may leave a process behind that starts the run yet, which a busy machine does in a minute.
STARTS_WITHIN = 180.0
NEXT = "Run it again: what it did not finish left nothing half done."


@dataclass(frozen=True)
class Run:
    """An unfinished run as Dagster has it; `since` is when it came to this status or earlier, by the same clock."""

    run_id: str
    job: str
    status: str
    since: float
    executed_by: str = ""


@dataclass(frozen=True)
class Verdict:
    """Runs that are lost, each with the reason, and what to remember until the next look."""

    lost: tuple[tuple[Run, str], ...]
    cursor: str


def judge(
    runs: Sequence[Run], seen: Look, now: float, cursor: str | None = None, server_since: float | None = None
) -> Verdict:
    """Judge unfinished runs: one is lost whose lock nobody holds at two looks in a row.

    A run that starts has no lock yet. It is lost where the code server that was to start it, the one that asks and
    lives since `server_since`, is another one than then. Nothing is lost while the database server is young, for its
    restart took every lock.
    """
    if seen.server_seconds < SERVER_YOUNG_SECONDS:
        return Verdict((), _cursor(()))
    unheld = [run for run in runs if run.status in (STARTED, CANCELING) and run.run_id not in seen.held]
    before = _remembered(cursor)
    lost = [
        (run, _gone(run)) for run in unheld if run.run_id in before and now - run.since >= YOUNG_SECONDS
    ]  # fmt: skip
    if server_since is not None:
        lost += [
            (run, f"The code server that was to start it ended before it did. {NEXT}")
            for run in runs
            if run.status == STARTING and run.since < server_since and now - run.since >= STARTS_WITHIN
        ]
    return Verdict(tuple(lost), _cursor([run.run_id for run in unheld]))


def left_here(runs: Sequence[Run], seen: Look, now: float, gone: Collection[str]) -> list[tuple[Run, str]]:
    """Return the runs that are lost at the first look: their processes were of this host and are `gone`."""
    return [
        (run, _gone(run))
        for run in runs
        if run.status in (STARTED, CANCELING)
        and run.run_id not in seen.held
        and run.executed_by in gone
        and now - run.since >= YOUNG_SECONDS
    ]


def _gone(run: Run) -> str:
    return f"Its process ({run.executed_by or 'of unknown place'}) is gone. {NEXT}"


def _cursor(unheld: Iterable[str]) -> str:
    return json.dumps({"version": VERSION, "unheld": sorted(unheld)})


def _remembered(cursor: str | None) -> frozenset[str]:
    """Return the runs without a lock at the last look; a cursor that cannot be read counts as none."""
    try:
        remembered = json.loads(cursor or "{}")
        return frozenset(map(str, remembered["unheld"])) if remembered.get("version") == VERSION else frozenset()
    except (ValueError, TypeError, KeyError, AttributeError):
        return frozenset()
