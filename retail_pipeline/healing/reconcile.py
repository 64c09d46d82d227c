"""What is done about the problems now? The one step of all who heal: choose, apply, remember, and say what comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retail_pipeline.healing import probes, remedies
from retail_pipeline.healing.health import Observation, Problem, Remedy
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.healing.remedies import BY_CONNECT, RetryState
from retail_pipeline.mirror.continuity import SnapshotState
from retail_pipeline.replication import progress
from retail_pipeline.settings import Settings

WAITS = {
    Remedy.REPAIR: "its table is repaired once the stream is on time and nobody else writes collections",
    Remedy.REGISTER: "it is registered once nobody else writes collections",
}


@dataclass(frozen=True)
class Step:
    """What a step did, and what it leaves to its caller; each mapping is by the subject of a problem.

    `done` says what Kafka Connect was made to do, or why it could not be. `runs` are the problems whose remedy writes
    collections: the caller asks for a run of each, or writes them itself. `waiting` says for what a remedy waits
    although it is due. `tries` is remembered until the next step. `states` says of every problem what becomes of it.
    """

    done: Mapping[str, str]
    runs: Sequence[Problem]
    waiting: Mapping[str, str]
    tries: RetryState
    states: Mapping[str, str]


def reconcile(
    settings: Settings,
    seen: Observation | None,
    found: Sequence[Problem],
    tries: RetryState,
    *,
    now: float,
    since: Mapping[str, float],
) -> Step:
    """Apply the remedies that are due at `now`, as far as Kafka Connect applies them; return all that follows.

    `seen` is None where the caller has itself seen that no server is unreachable and no table late. `since` says when
    each problem was first seen; times are in seconds of one clock.
    """
    hindered = _hindrance(settings, seen)
    due = [] if hindered else tries.due(found, now, since)
    kept = _waiting(settings, seen, due)
    applied = [problem for problem in due if problem not in kept]
    tries = tries.tried(applied, now)
    waiting = {problem.subject: WAITS[problem.remedy] for problem in kept}
    return Step(
        done=remedies.apply(settings, [problem for problem in applied if problem.remedy in BY_CONNECT]),
        runs=[problem for problem in applied if problem.remedy not in BY_CONNECT],
        waiting=waiting,
        tries=tries,
        states={one.subject: waiting.get(one.subject) or tries.describe(one, now, hindered) for one in found},
    )


def _hindrance(settings: Settings, seen: Observation | None) -> str:
    """Say why no remedy is applied now; empty where they are.

    While a server does not answer, that may be the cause of everything else, and a try would be in vain.
    """
    if not settings.heal:
        return "not healed: RETAIL_HEAL=0"
    return "waits until every server answers" if seen and seen.unreachable else ""


def _waiting(settings: Settings, seen: Observation | None, due: Sequence[Problem]) -> list[Problem]:
    """Choose what of these has to wait: what needs the collections for itself, and a repair of a table that is late.

    It would repair what is on its way, find still more of that when it compares again, and take the processor that the
    stream needs.
    """
    if seen is None:
        return []
    if isinstance(seen.snapshot, SnapshotState) and seen.snapshot.is_locked:
        return [problem for problem in due if problem.remedy in WAITS]
    repairs = [problem for problem in due if problem.remedy is Remedy.REPAIR]
    if not repairs:
        return []
    late = probes.ask({"stream": lambda: progress.late_tables(probes.with_timeouts(settings))})["stream"]
    return [problem for problem in repairs if isinstance(late, Unreachable) or problem.target in late]
