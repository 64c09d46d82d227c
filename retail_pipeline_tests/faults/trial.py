"""What does a fault do? It is injected under a running writer; after it both databases and the journal are compared.

A trial with healing must end in equality within `WITHIN` seconds of the moment at which what was hit answers again.
A trial without must not: it stays unequal for longer than healing takes, and something is seen that no wait repairs.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg2

from retail_pipeline.errors import RetailError
from retail_pipeline.mirror import continuity
from retail_pipeline.replication import connect, connectors, lag, slot
from retail_pipeline_tests.faults import evidence
from retail_pipeline_tests.faults.faults import Fault
from retail_pipeline_tests.faults.testbed import BACK_WITHIN, SERVERS, Testbed, until

WITHIN = 60.0
# So many changes are made after the fault too, by which what does not move is seen.
_AFTERWARDS = 20
_PAUSE = 0.5
# Who has written collections says so when the lock is free again, which is when everything runs.
_TOLD_WITHIN = 10.0


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: whether all was equal in the end, after how many seconds, and what was compared.

    `changes` were committed since the injection; `seen` says what differs, or what does not work; `was_resnapshotted`,
    whether the stream is another one than before; `told`, what the supervisor and the sensors said that they did;
    `healed_by`, which of them healed, empty where that was not looked for.
    """

    equal: bool
    seconds: float
    rows: int
    changes: int
    seen: str
    was_resnapshotted: bool = False
    told: tuple[str, ...] = ()
    healed_by: str = ""


def healed(testbed: Testbed, fault: Fault) -> Outcome:
    """Inject with everything healing; wait for equality for as long as it may take, and a while more to know it."""
    fault.prepare(testbed)
    lsn, told_before = continuity.state(testbed.settings)["lsn"], set(testbed.told())
    before = _inject(testbed, fault, recovery_disabled=False)
    until(lambda: all(map(testbed.answers, fault.back)), f"{', '.join(fault.back)} answers again", BACK_WITHIN)
    since = time.monotonic()
    testbed.more_changes(_AFTERWARDS)
    testbed.writers.end()
    outcome = _watch(testbed, since, WITHIN + BACK_WITHIN, before)
    fault.restore(testbed)
    # Equal documents may come before the run that repaired them has ended.
    if outcome.equal:
        until(lambda: is_well(testbed), "everything runs", BACK_WITHIN)
    was_resnapshotted = continuity.state(testbed.settings)["lsn"] != lsn

    def told() -> tuple[str, ...]:
        return tuple(line for line in testbed.told() if line not in told_before)

    if outcome.equal and fault.is_ours:
        with suppress(AssertionError):
            until(lambda: evidence.healed_by(told()) != evidence.ITSELF, "somebody said that it healed", _TOLD_WITHIN)
    healed_by = evidence.healed_by(told()) if outcome.equal else ""
    return replace(outcome, was_resnapshotted=was_resnapshotted, told=told(), healed_by=healed_by)


def unhealed(testbed: Testbed, fault: Fault) -> Outcome:
    """Inject with the healer switched off; watch that it does not become equal."""
    fault.prepare(testbed)
    before = _inject(testbed, fault, recovery_disabled=True)
    # Where PostgreSQL is dead, no change can be made.
    if testbed.answers("postgres"):
        testbed.more_changes(_AFTERWARDS)
    since = time.monotonic()
    testbed.writers.end(kill=not testbed.answers("postgres"))
    outcome = _watch(testbed, since, fault.unhealed_for, before)
    fault.restore(testbed)
    return outcome


def _inject(testbed: Testbed, fault: Fault, *, recovery_disabled: bool) -> int:
    testbed.begin_writer()
    before = testbed.writers.changes()
    fault.run(testbed, recovery_disabled=recovery_disabled)
    return before


def _watch(testbed: Testbed, since: float, seconds: float, before: int) -> Outcome:
    """Compare until all is equal; at most for so many seconds from `since`."""
    try:
        expected, journal = testbed.expected()
    except psycopg2.OperationalError:
        time.sleep(max(0.0, since + seconds - time.monotonic()))
        return Outcome(equal=False, seconds=seconds, rows=0, changes=0, seen="; ".join(complaints(testbed)))
    while True:
        looked = time.monotonic() - since
        found = testbed.compare(expected, journal)
        if found.equal or looked > seconds:
            break
        time.sleep(_PAUSE)
    # A row is no rumour: what is equal must be so a second time, after what may still have been on its way.
    again = testbed.compare(expected, journal) if found.equal else found
    seen = (
        again.sentence()
        if again.equal
        else "; ".join([*(complaints(testbed) or [_all_runs(testbed)]), again.sentence()])
    )
    return Outcome(again.equal, looked, again.rows, journal.changes - before, seen)


def complaints(testbed: Testbed) -> list[str]:
    """Say what does not work now: servers, connectors, the slot."""
    found = [f"{name} does not answer" for name in SERVERS if not testbed.answers(name)]
    with suppress(RetailError), testbed.connect() as client:
        present = client.survey()
        for name in connectors.names():
            if name not in present:
                found.append(f"{name} is not registered")
            elif not connect.is_running(present[name][1]):
                found.append(f"{name}: {', '.join(sorted(set(connect.states(present[name][1])))).lower()}")
    with suppress(RetailError):
        health = slot.health(testbed.settings)
        if health is None or not health.usable:
            found.append(f"the slot is {health.state if health else 'gone'}")
    return found


def is_well(testbed: Testbed) -> bool:
    """Whether everything runs, and no run is repairing any more."""
    return not complaints(testbed) and not continuity.look(testbed.settings).is_locked


def _all_runs(testbed: Testbed) -> str:
    with suppress(RetailError):
        behind = sum(one.lag or 0 for one in lag.positions(testbed.settings))
        return f"everything runs, {behind} records on their way"
    return "everything runs"
