"""Which troubles are new, which persist, which are over? The versioned memory of a sensor, pure of Dagster."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = 1


@dataclass(frozen=True)
class Troubles:
    """What a sensor found at a tick, beside what it knew: each trouble by its subject, with a sentence."""

    current: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    persisting: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()

    def cursor(self) -> str:
        """Give what to remember until the next tick."""
        return json.dumps({"version": VERSION, "since": dict(self.since)}, sort_keys=True)

    def sentence(self, now: float) -> str:
        """One line for the operator."""
        parts = [f"new: {self.current[subject]}" for subject in self.new]
        parts += [f"for {now - self.since[subject]:.0f} s: {self.current[subject]}" for subject in self.persisting]
        parts += [f"recovered: {subject}" for subject in self.recovered]
        return "; ".join(parts) or "nothing is wrong"


def compare(cursor: str | None, current: Mapping[str, str], now: float) -> Troubles:
    """Hold this tick's troubles (subject to sentence) against the cursor of the last; `now` in seconds since the epoch.

    A cursor of another version or one that cannot be read counts as empty: then every trouble is new.
    """
    known = _since(cursor)
    return Troubles(
        current=current,
        since={subject: known.get(subject, now) for subject in current},
        new=tuple(subject for subject in current if subject not in known),
        persisting=tuple(subject for subject in current if subject in known),
        recovered=tuple(subject for subject in known if subject not in current),
    )


def _since(cursor: str | None) -> dict[str, float]:
    try:
        remembered = json.loads(cursor or "{}")
        if remembered.get("version") != VERSION:
            return {}
        return {str(subject): float(since) for subject, since in remembered["since"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
