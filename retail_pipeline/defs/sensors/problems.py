"""Which problems are new, which persist, which are over? The versioned memory of a sensor, pure of Dagster."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from retail_pipeline.backoff import Backoff
from retail_pipeline.healing.remedies import RetryState

VERSION = 2


@dataclass(frozen=True)
class Problems:
    """What a sensor found at a tick, beside what it knew: each problem by its subject, with a sentence."""

    current: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    persisting: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()

    def cursor(self, tries: RetryState | None = None) -> str:
        """Return what to remember until the next tick, with how often which remedies were tried."""
        known = tries or RetryState()
        tried = {"connectors": dict(known.connectors.tries), "runs": dict(known.runs.tries)}
        return json.dumps({"version": VERSION, "since": dict(self.since), "tries": tried}, sort_keys=True)

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
