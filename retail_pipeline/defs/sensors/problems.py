"""Which problems are new, which persist, which are over? The versioned memory of a sensor."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

from retail_pipeline.backoff import Backoff
from retail_pipeline.healing.remedies import RetryState

VERSION = 2
# What is still so is written again after so many seconds.
TOLD_AGAIN = 300.0
_FIGURES = re.compile(r"[\d.,]+")
Event = dg.AssetObservation | dg.AssetMaterialization | dg.AssetCheckEvaluation


@dataclass(frozen=True)
class Told:
    """What a sensor's last events said, as a digest, and when they were written, in seconds since the epoch."""

    digest: str = ""
    at: float = 0.0

    def after(self, events: Sequence[Event], now: float) -> "tuple[list[Event], Told]":
        """Return which of a tick's events to write, all or none, and what is told then.

        Each write stays for weeks, and a tick comes every few seconds: what a check says counts, not its figures.
        """
        said = sorted(
            (str(one.asset_key), one.check_name or "", one.passed, _FIGURES.sub("", one.description or ""))
            for one in events
            if isinstance(one, dg.AssetCheckEvaluation)
        )
        digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
        if digest == self.digest and now - self.at < TOLD_AGAIN:
            return [], self
        return list(events), Told(digest, now)


@dataclass(frozen=True)
class Problems:
    """What a sensor found at a tick, beside what it knew: each problem by its subject, with a sentence."""

    current: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    persisting: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()

    def cursor(self, tries: RetryState | None = None, told: Told | None = None) -> str:
        """Return what to remember until the next tick: also how often which remedies were tried, and what was told."""
        known = tries or RetryState()
        tried = {"connectors": dict(known.connectors.tries), "runs": dict(known.runs.tries)}
        kept = {"told": [told.digest, told.at]} if told else {}
        return json.dumps({"version": VERSION, "since": dict(self.since), "tries": tried} | kept, sort_keys=True)

    def sentence(self, now: float) -> str:
        """One line for the operator."""
        parts = [f"new: {self.current[subject]}" for subject in self.new]
        parts += [f"for {now - self.since[subject]:.0f} s: {self.current[subject]}" for subject in self.persisting]
        parts += [f"recovered: {subject}" for subject in self.recovered]
        return "; ".join(parts) or "nothing is wrong"


def compare(cursor: str | None, current: Mapping[str, str], now: float, hidden: Collection[str] = ()) -> Problems:
    """Hold this tick's problems (subject to sentence) against the cursor of the last; `now` in seconds since the epoch.

    Of `hidden` subjects nobody can tell at this tick: what was known of them is kept and has not recovered. A cursor of
    another version or one that cannot be read counts as empty: then every problem is new.
    """
    known = since_of(cursor)
    kept = {subject: since for subject, since in known.items() if subject in hidden}
    return Problems(
        current=current,
        since=kept | {subject: known.get(subject, now) for subject in current},
        new=tuple(subject for subject in current if subject not in known),
        persisting=tuple(subject for subject in current if subject in known),
        recovered=tuple(subject for subject in known if subject not in {*current, *kept}),
    )


def tries_of(cursor: str | None) -> RetryState:
    """Return how often which remedies were tried; a cursor that cannot be read counts as none."""
    empty = RetryState()
    try:
        tried = _remembered(cursor)["tries"]
        return RetryState(_with(empty.connectors, tried["connectors"]), _with(empty.runs, tried["runs"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return empty


def told_of(cursor: str | None) -> Told:
    """Return what the last events said; a cursor that cannot be read counts as none."""
    try:
        digest, at = _remembered(cursor)["told"]
        return Told(str(digest), float(at))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Told()


def _with(backoff: Backoff, tried: Mapping[str, Any]) -> Backoff:
    return replace(backoff, tries={str(name): (int(count), float(last)) for name, (count, last) in tried.items()})


def since_of(cursor: str | None) -> dict[str, float]:
    """Return the problems of the last tick by subject, with their beginning; one that cannot be read counts as none."""
    try:
        return {str(subject): float(since) for subject, since in _remembered(cursor)["since"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _remembered(cursor: str | None) -> dict[str, Any]:
    remembered: dict[str, Any] = json.loads(cursor or "{}")
    return remembered if remembered.get("version") == VERSION else {}
