"""Which troubles are treated now, and how? What failed is tried again after longer and longer pauses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from retail_pipeline.backoff import Backoff
from retail_pipeline.healing import probes
from retail_pipeline.healing.health import Cure, Observation, Trouble
from retail_pipeline.healing.probes import Silence
from retail_pipeline.mirror import snapshot
from retail_pipeline.mirror.initial import HandOver
from retail_pipeline.replication import connectors, progress, slot
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.settings import Settings

# Pauses in seconds. A restart shows within seconds whether it helped; a run needs most of a minute to come and go.
CONNECTORS = Backoff(initial=10, maximum=300, limit=5, reset_after=120)
RUNS = Backoff(initial=60, maximum=900, limit=4, reset_after=300)
BY_CONNECT = (Cure.RESTART, Cure.RESTART_WHOLE, Cure.REGISTER)
BY_RUN = (Cure.RESYNCHRONIZE, Cure.REPAIR)
WAITS = {
    Cure.REPAIR: "its table is repaired once the stream is on time and nobody else writes collections",
    Cure.REGISTER: "it is registered once nobody else writes collections",
}
_CONNECT_TIMEOUT = 10.0
# Kafka's clients give a dead connection up after 10 s and go on, and while the worker waits for its own, it takes no
# restart. With what makes it overdue and the restart itself, documents move again within a minute.
_SILENT_FOR = 15.0


@dataclass(frozen=True)
class RetryState:
    """How often which cures were tried: those of connectors, and those made by runs."""

    connectors: Backoff = CONNECTORS
    runs: Backoff = RUNS

    def _of(self, trouble: Trouble) -> Backoff:
        return self.runs if trouble.cure in BY_RUN else self.connectors

    @staticmethod
    def _name(trouble: Trouble) -> str:
        """Name what is tried: each reason to begin anew by itself, for that one was cured makes the next none worse."""
        return trouble.sentence if trouble.cure is Cure.RESYNCHRONIZE else trouble.subject

    def due(self, troubles: Sequence[Trouble], now: float, since: Mapping[str, float]) -> list[Trouble]:
        """Choose the troubles to treat at `now`; `since` tells when those that were there before were first seen.

        Where the stream has to begin anew, nothing else is treated, for everything else is made anew with it. A source
        that is silent is restarted only when it has been so for a while: one that has just started, or has lost its
        way to Kafka, may still speak.
        """
        treated = [
            trouble
            for trouble in troubles
            if trouble.cure in BY_CONNECT + BY_RUN
            and (trouble.cure is not Cure.RESTART_WHOLE or now - since.get(trouble.subject, now) >= _SILENT_FOR)
        ]
        begins_anew = [trouble for trouble in treated if trouble.cure is Cure.RESYNCHRONIZE]
        return [one for one in begins_anew or treated if self._of(one).due([self._name(one)], now)]

    def tried(self, troubles: Iterable[Trouble], now: float) -> RetryState:
        """Give what is known once these were treated at `now`."""
        names = {True: [], False: []}  # type: dict[bool, list[str]]
        for trouble in troubles:
            names[trouble.cure in BY_RUN].append(self._name(trouble))
        return replace(
            self, connectors=self.connectors.tried(names[False], now), runs=self.runs.tried(names[True], now)
        )

    def describe(self, trouble: Trouble, now: float, hindered: str = "") -> str:
        """Say what becomes of a trouble, where nothing is treated because it is `hindered` too."""
        if trouble.cure not in BY_CONNECT + BY_RUN:
            return trouble.cure.value
        if hindered:
            return hindered
        backoff, name = self._of(trouble), self._name(trouble)
        count = backoff.count(name)
        if not count:
            return trouble.cure.value
        tried = f"tried {count} times, again in {backoff.wait(name, now):.0f} s"
        return f"{tried}; look for the cause" if backoff.exhausted(name) else tried


def hindrance(settings: Settings, seen: Observation) -> str:
    """Say why nothing is treated now, empty where it is.

    While a server does not answer, that may be the cause of everything else, and a try would be in vain.
    """
    if not settings.heal:
        return "not treated, for RETAIL_HEAL=0"
    return "treated once every server answers" if seen.silences else ""


def choose(
    settings: Settings,
    seen: Observation,
    found: Sequence[Trouble],
    tries: RetryState,
    *,
    now: float,
    since: Mapping[str, float],
) -> tuple[list[Trouble], list[Trouble]]:
    """Choose of what was found what is treated at `now`, and what has to wait although it is due."""
    if hindrance(settings, seen):
        return [], []
    due = tries.due(found, now, since)
    kept = _waiting(settings, seen, due)
    return [trouble for trouble in due if trouble not in kept], kept


def _waiting(settings: Settings, seen: Observation, due: Sequence[Trouble]) -> list[Trouble]:
    """Choose what of these has to wait: what needs the collections for itself, and a repair of a table that is late.

    It would mend what is on its way, find still more of that when it compares again, and take the processor that the
    stream needs.
    """
    if isinstance(seen.hand_over, HandOver) and seen.hand_over.busy:
        return [trouble for trouble in due if trouble.cure in WAITS]
    repairs = [trouble for trouble in due if trouble.cure is Cure.REPAIR]
    if not repairs:
        return []
    late = probes.ask({"stream": lambda: progress.late(probes.hurried(settings))})["stream"]
    return [trouble for trouble in repairs if isinstance(late, Silence) or trouble.target in late]


def treat(settings: Settings, troubles: Sequence[Trouble]) -> dict[str, str]:
    """Restart and register connectors; give what was done, or why it could not be, by the subject of the trouble."""
    done = {}
    for trouble in troubles:
        try:
            done[trouble.subject] = _treat(settings, trouble)
        except probes.FAILURES as error:
            done[trouble.subject] = f"{trouble.subject}: not healed: {probes.why(error)}"
    return done


def _treat(settings: Settings, trouble: Trouble) -> str:
    if trouble.cure is Cure.REGISTER:
        # A hand-over takes connectors away for a while; one that came back in the middle would write old changes.
        with snapshot.alone_now(settings) as alone:
            if not alone:
                return f"{trouble.target}: left to the run that is writing the collections"
            connectors.mend(settings, [trouble.target])
        return f"{trouble.target}: registered as declared"
    only_failed = trouble.cure is Cure.RESTART
    # A source that hangs may hold the slot by a connection that is dead, and its successor would wait for it.
    freed = not only_failed and slot.end_reader(probes.hurried(settings))
    with ConnectClient(settings.require("connect_url"), _CONNECT_TIMEOUT) as client:
        client.restart(trouble.target, only_failed=only_failed)
    how = " what had failed" if only_failed else ", its slot taken from it" if freed else ""
    return f"{trouble.target}: restarted{how}"
