"""Which file is asked for now, and what follows from how its run ended? Pure: from what is known to what is known."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from retail_pipeline.backoff import Backoff
from retail_pipeline.landing.content import LARGEST
from retail_pipeline.landing.folder import Entry
from retail_pipeline.landing.memory import File, State

# Runs that were asked for and have not ended: enough to keep the queue busy, so few that a fresh file is soon next.
AT_ONCE = 6
# What Dagster does for each run that is asked for counts to the tick.
A_TICK = 3
# Of files that rest, a tick looks into so many, and stops after so many bytes; the first is looked into in any case.
MOST_FILES = 500
MOST_BYTES = 64 * 1024 * 1024
# Of contents that are loaded, a tick asks the ledger for so many: of 5,000 each is asked for about once in five ticks.
MOST_AGAIN = 1_000
# Half an hour for what passes by itself; then a person should know.
_BACKOFF = Backoff(initial=60.0, maximum=1800.0, limit=6, reset_after=math.inf)

Files = Mapping[bytes, File]


class Ended(Enum):
    """How a run ended."""

    NOT_YET = auto()
    WELL = auto()
    BY_THE_FILE = auto()  # the file cannot be loaded as it is
    OTHERWISE = auto()  # a server was away, the process was killed: another try may succeed


@dataclass(frozen=True)
class Outcome:
    """How a run ended, why, and the SHA-256 of the file that it read, empty where it does not tell."""

    ended: Ended
    reason: str = ""
    fingerprint: str = ""


def seen(known: Files, entries: Iterable[Entry], now: float) -> dict[bytes, File]:
    """Return what is known once these entries were seen; what changed is new, and what did not has come to rest."""
    return {entry.name: _seen(known.get(entry.name), entry, now) for entry in entries}


def _seen(before: File | None, entry: Entry, now: float) -> File:
    fault = before.reason if before and before.state is State.IGNORED else ""
    if before is None or before.mark != entry.mark or fault != entry.fault:
        state = State.IGNORED if entry.fault else State.ARRIVING
        return File(entry.name, entry.mark, state, now, now, entry.fault)
    return replace(before, state=State.READY, since=now) if before.state is State.ARRIVING else before


def to_look_into(files: Files, now: float) -> Iterator[File]:
    """Name the files whose content nobody knows yet, the latest arrivals first, as many as one tick takes."""
    waiting = [file for file in _latest(files) if file.fingerprint is None and file.due <= now]
    volume = 0
    for file in waiting[:MOST_FILES]:
        size = file.mark.size if file.mark.size <= LARGEST else 0
        if volume and volume + size > MOST_BYTES:
            return
        yield file
        volume += size


def turn(files: Files, now: float) -> list[File]:
    """Name the files that a run is asked for: the latest arrivals first where room is short, else in order of time."""
    asked = sum(file.state is State.ASKED for file in files.values())
    due = [file for file in _latest(files) if file.fingerprint is not None and file.due <= now]
    return sorted(due[: max(0, min(A_TICK, AT_ONCE - asked))], key=lambda file: (file.mark.changed, file.name))


def _latest(files: Files) -> list[File]:
    ready = [file for file in files.values() if file.state is State.READY]
    return sorted(ready, key=lambda file: (file.arrived, file.mark.changed, file.name), reverse=True)


def to_doubt(files: Files) -> list[File]:
    """Name files that are loaded as far as is known: the ledger may have lost them, as by a restore of its database.

    It is another handful at each look, by chance: that needs no memory of whose turn it is, and leaves nobody out.
    """
    known = {file.fingerprint for file in files.values() if file.state is State.LOADED and file.fingerprint}
    some = set(random.sample(sorted(known), min(MOST_AGAIN, len(known))))
    return [file for file in files.values() if file.state is State.LOADED and file.fingerprint in some]


def identified(file: File, outcome: Outcome | None) -> File:
    """Return a file with the fingerprint that its run found, where it was too large to read before."""
    return replace(file, fingerprint=file.fingerprint or outcome.fingerprint) if outcome else file


def concluded(file: File, outcome: Outcome, ledger: Collection[str], now: float) -> File:
    """Return what a file is after its run; what the ledger has is loaded, whatever became of the run.

    A run that ended well counts alone only where nobody knows the fingerprint, by which the ledger could be asked.
    """
    if file.fingerprint in ledger or (outcome.ended is Ended.WELL and not file.fingerprint):
        return loaded(file, now)
    if outcome.ended is Ended.WELL:
        return failed(file, "its run ended well, and the ledger does not know the file", now)
    if outcome.ended is Ended.BY_THE_FILE:
        return refused(file, outcome.reason, now)
    return failed(file, outcome.reason, now) if outcome.ended is Ended.OTHERWISE else file


def loaded(file: File, now: float) -> File:
    """Return a file that is in the tables."""
    return replace(file, state=State.LOADED, since=now, reason="")


def forgotten(file: File, now: float) -> File:
    """Return a file that was loaded and that the ledger no longer knows: it waits from now on, for another run."""
    reason = "it was loaded, and the ledger no longer knows it"
    return replace(file, state=State.READY, since=now, arrived=now, reason=reason, tries=file.tries + 1, due=now)


def refused(file: File, reason: str, now: float) -> File:
    """Return a file that nothing is asked for until it changes."""
    return replace(file, state=State.REFUSED, since=now, reason=reason)


def failed(file: File, reason: str, now: float) -> File:
    """Return a file whose try failed for what may pass: it is tried again after a pause, a handful of times."""
    tries = file.tries + 1
    backoff = replace(_BACKOFF, tries={"": (tries, now)})
    if backoff.exhausted(""):
        return replace(refused(file, f"{reason} ({tries} tries)", now), tries=tries)
    due = now + backoff.wait("", now)
    return replace(file, state=State.READY, since=now, reason=reason, tries=tries, due=due)
