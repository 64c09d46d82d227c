"""Heal the stream in this process: the sensors' judgement and cures, without waiting for Dagster to start a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from retail_pipeline.healing import cures, dead_letters, health, probes
from retail_pipeline.healing.cures import BY_CONNECT, RetryState
from retail_pipeline.healing.health import Cure, Observation, Trouble
from retail_pipeline.mirror import initial
from retail_pipeline.replication import connectors
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME

Say = Callable[[str], None]


class Healer:
    """Looks and treats, and remembers what it saw and tried.

    The sensors of Dagster may do the same at the same time: a restart of what runs, a registration of what is
    registered and a resynchronization of what is complete change nothing, and runs exclude each other by a lock.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._tries = RetryState()
        self._known: dict[str, Trouble] = {}
        self._since: dict[str, float] = {}
        self._waiting: set[str] = set()

    def look(self) -> None:
        """Look once: say what is new and what is over, and treat what is due."""
        seen = health.observe(self._settings)
        found = health.troubles(seen, connectors.configurations(self._settings))
        now = time.time()
        due, waiting = cures.choose(self._settings, seen, found, self._tries, now=now, since=self._since)
        self._tell({trouble.subject: trouble for trouble in found}, seen)
        self._since = {subject: self._since.get(subject, now) for subject in self._known}
        self._tell_waiting({trouble.subject: cures.WAITS[trouble.cure] for trouble in waiting})
        # Counted before anything can go wrong, so that what fails in a new way has its pauses too.
        self._tries = self._tries.tried(due, now)
        by_connect = [trouble for trouble in due if trouble.cure in BY_CONNECT]
        for sentence in cures.treat(self._settings, by_connect).values():
            self._say(f"healing: {sentence}")
        for trouble in due:
            if trouble.cure not in BY_CONNECT:
                self._say(f"healing: {self._write(trouble)}")

    def _tell(self, current: dict[str, Trouble], seen: Observation) -> None:
        """Say what is new and what is worse; and what is over, where the whole could be seen."""
        for subject, trouble in current.items():
            before = self._known.get(subject)
            if before is None:
                self._say(f"new: {trouble.sentence}")
            elif trouble.grave and not before.grave:
                self._say(f"worse: {trouble.sentence}")
        if seen.is_whole:
            for subject in self._known.keys() - current.keys():
                self._say(f"recovered: {subject}")
        self._known = {subject: self._known[subject] for subject in seen.hidden(self._known)} | current

    def _tell_waiting(self, reasons: dict[str, str]) -> None:
        for subject in sorted(reasons.keys() - self._waiting):
            self._say(f"healing: {subject}: {reasons[subject]}")
        self._waiting = set(reasons)

    def _write(self, trouble: Trouble) -> str:
        """Write collections, as the runs do that the sensors ask for; say what was done, or why it was not."""
        try:
            return self._resynchronize() if trouble.cure is Cure.RESYNCHRONIZE else self._repair(trouble.target)
        except probes.FAILURES as error:
            return f"{trouble.subject}: not healed: {probes.why(error)}"

    def _resynchronize(self) -> str:
        done = initial.load(self._settings, report=self._say)
        return f"found: {done.reason}; wrote {sum(done.rows.values()):,} documents in {done.seconds:.1f} s"

    def _repair(self, name: str) -> str:
        done = dead_letters.make_good(self._settings, [BY_NAME[name]], report=self._say)
        return f"{name}: {done.written.get(name, 0):,} documents rewritten; {done.after.as_text()}"
