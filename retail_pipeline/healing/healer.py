"""Heal the stream in this process: the sensors' judgement and remedies, without waiting for Dagster to start a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from retail_pipeline.healing import dead_letters, health, probes, reconcile
from retail_pipeline.healing.health import Observation, Problem, Remedy, Severity
from retail_pipeline.healing.remedies import RetryState
from retail_pipeline.mirror import initial_snapshot
from retail_pipeline.replication import connectors
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME

Say = Callable[[str], None]


class Healer:
    """Looks and applies remedies, and remembers what it saw and tried.

    The sensors of Dagster may do the same at the same time: a restart of what runs, a registration of what is
    registered and a resynchronization of what is complete change nothing, and runs exclude each other by a lock.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._tries = RetryState()
        self._known: dict[str, Problem] = {}
        self._since: dict[str, float] = {}
        self._waiting: set[str] = set()

    def look(self) -> None:
        """Look once: say what is new and what is over, and apply the remedies that are due."""
        seen = health.observe(self._settings)
        found = health.problems(seen, connectors.configurations(self._settings))
        now = time.time()
        self._tell({problem.subject: problem for problem in found}, seen)
        self._since = {subject: self._since.get(subject, now) for subject in self._known}
        step = reconcile.reconcile(self._settings, seen, found, self._tries, now=now, since=self._since)
        # Remembered before anything else can go wrong, so that what fails in a new way has its pauses too.
        self._tries = step.tries
        self._tell_waiting(step.waiting)
        for sentence in step.done.values():
            self._say(f"healing: {sentence}")
        for problem in step.runs:
            self._say(f"healing: {self._write(problem)}")

    def _tell(self, current: dict[str, Problem], seen: Observation) -> None:
        """Say what is new and what is worse; and what is over, where the whole could be seen."""
        for subject, problem in current.items():
            before = self._known.get(subject)
            if before is None:
                self._say(f"new: {problem.sentence}")
            elif (before.severity, problem.severity) == (Severity.WARNING, Severity.ERROR):
                self._say(f"worse: {problem.sentence}")
        if seen.is_whole:
            for subject in self._known.keys() - current.keys():
                self._say(f"recovered: {subject}")
        self._known = {subject: self._known[subject] for subject in seen.hidden(self._known)} | current

    def _tell_waiting(self, reasons: Mapping[str, str]) -> None:
        for subject in sorted(reasons.keys() - self._waiting):
            self._say(f"healing: {subject}: {reasons[subject]}")
        self._waiting = set(reasons)

    def _write(self, problem: Problem) -> str:
        """Write collections, as the runs do that the sensors ask for; say what was done, or why it was not."""
        try:
            return self._resynchronize() if problem.remedy is Remedy.RESYNCHRONIZE else self._repair(problem.target)
        except probes.FAILURES as error:
            return f"{problem.subject}: not healed: {probes.why(error)}"

    def _resynchronize(self) -> str:
        return initial_snapshot.take(self._settings, report=self._say).as_text()

    def _repair(self, name: str) -> str:
        done = dead_letters.repair_and_acknowledge(self._settings, [BY_NAME[name]], report=self._say)
        return f"{name}: {done.as_text()}"
