"""Which problems are told, and when? Those that stand, again while they persist, and when they are over; pure.

All times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

# What is healed within seconds wakes nobody. One that comes and goes has to stand twice as long each time.
SETTLED, LONGEST_SETTLED = 30.0, 900.0
# A told problem is told again after the first, then after each of the second.
PERSISTS, AGAIN = 900.0, 3600.0
# So many of one state at one look; the rest is one alarm.
MOST = 10
NEW, PERSISTING, RECOVERED = "new", "persisting", "recovered"
ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """A problem at one look: of which part of the whole, of which thing in it, and what is wrong.

    `settles` is for how many seconds it has to stand before it is told the first time.
    """

    part: str
    subject: str
    problem: str
    severity: str
    next_step: str
    link: str
    settles: float = SETTLED

    @property
    def key(self) -> str:
        """What stays the same while the problem stands."""
        return f"{self.part}/{self.subject}"


@dataclass(frozen=True)
class Standing:
    """What is known of a problem: since when it stands, when it was last seen and last told, and how often told anew.

    `told_at` is None before it is told, `over_at` while it stands; `repeats` counts how often it was told since.
    """

    finding: Finding
    since: float
    seen_at: float
    told_at: float | None = None
    over_at: float | None = None
    times: int = 0
    repeats: int = 0

    @property
    def settles(self) -> float:
        """For how many seconds it has to stand before it is told."""
        return float(min(self.finding.settles * 2.0**self.times, LONGEST_SETTLED))

    def is_due(self, now: float) -> bool:
        """Whether it is to be told again, having been told."""
        return self.told_at is not None and now - self.told_at >= (AGAIN if self.repeats else PERSISTS)


@dataclass(frozen=True)
class Alarm:
    """What is told of a problem; as JSON it is the body of the request."""

    state: str
    subject: str
    problem: str
    severity: str
    since: str
    next_step: str
    link: str

    @classmethod
    def of(cls, state: str, one: Standing) -> Alarm:
        """Tell of a problem."""
        since = datetime.fromtimestamp(one.since, UTC).isoformat(timespec="seconds")
        found = one.finding
        return cls(state, found.subject, found.problem, found.severity, since, found.next_step, found.link)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


Known = Mapping[str, Standing]


def step(
    known: Known, found: Sequence[Finding], now: float, hidden: Collection[str] = ()
) -> tuple[dict[str, Standing], list[Alarm]]:
    """Return what is known after a look that found these problems, and what is to be told.

    Of what is in a `hidden` part nobody could tell: it has not recovered.
    """
    current = _merged(found)
    after: dict[str, Standing] = {}
    told: list[tuple[str, Standing]] = []
    one: Standing | None
    for key in [*known, *(key for key in current if key not in known)]:
        if key in current:
            one, state = _seen(known.get(key), current[key], now)
        elif known[key].finding.part in hidden and known[key].over_at is None:
            one, state = replace(known[key], seen_at=now), ""
        else:
            one, state = _unseen(known[key], now)
        if one is not None:
            after[key] = one
            if state:
                told.append((state, one))
    return after, list(_grouped(told))


def _merged(found: Sequence[Finding]) -> dict[str, Finding]:
    """Return one problem a subject: where several are found, their sentences and the most severe of them."""
    merged: dict[str, Finding] = {}
    for one in found:
        before = merged.get(one.key)
        if before is None:
            merged[one.key] = one
        else:
            worst = one if one.severity == ERROR != before.severity else before
            merged[one.key] = replace(worst, problem=f"{before.problem}; {one.problem}")
    return merged


def _seen(before: Standing | None, finding: Finding, now: float) -> tuple[Standing, str]:
    if before is None:
        return Standing(finding, now, now), ""
    if before.over_at is not None:
        return Standing(finding, now, now, times=before.times), ""
    is_worse = finding.severity == ERROR != before.finding.severity
    one = replace(before, finding=finding, seen_at=now)
    if one.told_at is None:
        if now - one.since < one.settles:
            return one, ""
        return replace(one, told_at=now, times=one.times + 1), NEW
    if is_worse or one.is_due(now):
        return replace(one, told_at=now, repeats=one.repeats + 1), PERSISTING
    return one, ""


def _unseen(one: Standing, now: float) -> tuple[Standing | None, str]:
    if one.over_at is not None:
        return (one if now - one.over_at < AGAIN else None), ""
    if one.told_at is None:
        # One that never stood long enough is forgotten, unless it was told before.
        return (replace(one, over_at=now) if one.times else None), ""
    if now - one.seen_at < SETTLED:
        return one, ""
    return replace(one, told_at=None, over_at=now, repeats=0), RECOVERED


def _grouped(told: Sequence[tuple[str, Standing]]) -> Iterator[Alarm]:
    """Yield an alarm each; of a heap the first, and one for the rest."""
    for state in (NEW, PERSISTING, RECOVERED):
        own = [one for its, one in told if its == state]
        yield from (Alarm.of(state, one) for one in own[:MOST])
        if rest := own[MOST:]:
            severity = ERROR if any(one.finding.severity == ERROR for one in rest) else WARNING
            names = ", ".join(one.finding.subject for one in rest[:MOST])
            first = min(rest, key=lambda one: one.since)
            yield replace(
                Alarm.of(state, first),
                subject=f"{len(rest)} more",
                problem=f"{names}{' and others' if len(rest) > MOST else ''}",
                severity=severity,
                next_step="`retail-pipeline status` names them all",
            )
