"""How is a remedy applied, and when again? What failed is tried again after longer and longer pauses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from retail_pipeline.backoff import Backoff
from retail_pipeline.healing import probes
from retail_pipeline.healing.health import Problem, Remedy
from retail_pipeline.mirror import write_lock
from retail_pipeline.replication import connectors, slot
from retail_pipeline.replication.connect import ConnectClient, redact
from retail_pipeline.settings import Settings

# Pauses in seconds. A restart shows within seconds whether it helped; a run needs most of a minute to come and go.
CONNECTORS = Backoff(initial=10, maximum=300, limit=5, reset_after=120)
RUNS = Backoff(initial=60, maximum=900, limit=4, reset_after=300)
BY_CONNECT = (Remedy.RESTART, Remedy.RESTART_WHOLE, Remedy.REGISTER)
BY_RUN = (Remedy.RESYNCHRONIZE, Remedy.REPAIR)
_CONNECT_TIMEOUT = 10.0
# Kafka's clients give a dead connection up after 10 s and go on, and while the worker waits for its own, it takes no
# restart. With what makes it overdue and the restart itself, documents move again within a minute.
_SILENT_FOR = 15.0


@dataclass(frozen=True)
class RetryState:
    """How often which remedies were tried: those of connectors, and those made by runs."""

    connectors: Backoff = CONNECTORS
    runs: Backoff = RUNS

    def _of(self, problem: Problem) -> Backoff:
        return self.runs if problem.remedy in BY_RUN else self.connectors

    @staticmethod
    def _name(problem: Problem) -> str:
        """Name what is tried. Each reason for a re-snapshot counts apart: one that was met says nothing of the next."""
        return problem.sentence if problem.remedy is Remedy.RESYNCHRONIZE else problem.subject

    def due(self, problems: Sequence[Problem], now: float, since: Mapping[str, float]) -> list[Problem]:
        """Choose the problems whose remedy is applied at `now`; `since` tells when each was first seen.

        Where a re-snapshot is needed no other remedy is applied, for it makes everything else again. A source that is
        silent is restarted only when it has been so for a while: one that has just started, or has lost its way to
        Kafka, may still speak.
        """
        applicable = [
            problem
            for problem in problems
            if problem.remedy in BY_CONNECT + BY_RUN
            and (problem.remedy is not Remedy.RESTART_WHOLE or now - since.get(problem.subject, now) >= _SILENT_FOR)
        ]
        needs_resnapshot = [problem for problem in applicable if problem.remedy is Remedy.RESYNCHRONIZE]
        return [one for one in needs_resnapshot or applicable if self._of(one).due([self._name(one)], now)]

    def tried(self, problems: Iterable[Problem], now: float) -> RetryState:
        """Return the state once the remedies of these were applied at `now`."""
        names = {True: [], False: []}  # type: dict[bool, list[str]]
        for problem in problems:
            names[problem.remedy in BY_RUN].append(self._name(problem))
        return replace(
            self, connectors=self.connectors.tried(names[False], now), runs=self.runs.tried(names[True], now)
        )

    def describe(self, problem: Problem, now: float, hindered: str = "") -> str:
        """Say what becomes of a problem, where no remedy is applied because it is `hindered` too."""
        if problem.remedy not in BY_CONNECT + BY_RUN:
            return problem.remedy.value
        if hindered:
            return hindered
        backoff, name = self._of(problem), self._name(problem)
        count = backoff.count(name)
        if not count:
            return problem.remedy.value
        tried = f"tried {count} times, again in {backoff.wait(name, now):.0f} s"
        return f"{tried}; look for the cause" if backoff.exhausted(name) else tried


def apply(settings: Settings, problems: Sequence[Problem]) -> dict[str, str]:
    """Restart and register connectors; return what was done, or why it could not be, by the subject of the problem.

    No error is raised, a mistake of ours neither: it was a try like any other, and the other remedies are applied.
    """
    done = {}
    for problem in problems:
        try:
            done[problem.subject] = _apply(settings, problem)
        except Exception as error:  # noqa: BLE001  whatever it is, it is tried again after its pause
            done[problem.subject] = f"{problem.subject}: not healed: {redact(probes.why(error))}"
    return done


def _apply(settings: Settings, problem: Problem) -> str:
    if problem.remedy is Remedy.REGISTER:
        # A snapshot takes connectors away for a while; one that came back in the middle would write old changes.
        with write_lock.try_hold(settings) as is_mine:
            if not is_mine:
                return f"{problem.target}: left to the run that is writing the collections"
            connectors.reregister(settings, [problem.target])
        return f"{problem.target}: registered as declared"
    only_failed = problem.remedy is Remedy.RESTART
    # A source that hangs may hold the slot by a connection that is dead, and its successor would wait for it.
    freed = not only_failed and slot.end_reader(probes.with_timeouts(settings))
    with ConnectClient(settings.require("connect_url"), _CONNECT_TIMEOUT) as client:
        client.restart(problem.target, only_failed=only_failed)
    how = " what had failed" if only_failed else ", its slot taken from it" if freed else ""
    return f"{problem.target}: restarted{how}"
