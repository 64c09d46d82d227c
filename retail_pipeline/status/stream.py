"""How is the stream? What is wrong with it is judged where the sensors and the supervisor have it judged, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from retail_pipeline.errors import RetailError
from retail_pipeline.healing import health
from retail_pipeline.healing.health import SILENT_SOURCE, Observation, Problem, Remedy
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.mirror.continuity import NONE, SnapshotState
from retail_pipeline.replication import connect, connectors, lag
from retail_pipeline.replication.backlog import pending
from retail_pipeline.replication.connect import Configuration
from retail_pipeline.replication.connect import Status as State
from retail_pipeline.replication.slot import SlotHealth
from retail_pipeline.settings import Settings
from retail_pipeline.status.line import Line, asked
from retail_pipeline.tables import RED, SLOT

SNAPSHOT, _SLOT, _HEARTBEAT, _LETTERS = "initial snapshot", f"slot {SLOT}", "heartbeat", "dead letters"
_LOAD = "`retail-pipeline load CSV`, also with a file that is loaded already: its job makes what is missing"
_WELL = ("caught up", "behind")
_READ = "see that every server and connector above runs; then it goes on by itself"
_NEXT: Mapping[Remedy, str] = {
    Remedy.WAIT: Remedy.WAIT.value,
    Remedy.PERSON: "do what the line says; `retail-pipeline load` with a loaded file resumes connectors",
    Remedy.RESTART: "it is restarted by itself; where that does not help, remove the cause that its trace names",
    Remedy.RESTART_WHOLE: "it is restarted by itself; where that does not help, read Kafka Connect's log",
    Remedy.REGISTER: "it is registered as declared by itself; with RETAIL_HEAL=0, run `retail-pipeline load CSV`",
    Remedy.RESYNCHRONIZE: _LOAD,
    Remedy.REPAIR: "`retail-pipeline repair`",
}


def lines(settings: Settings) -> list[Line]:
    """Ask everything once; what does not answer is a line that says so, never an exception."""
    return [*asked("stream", lambda: _judged(settings)), *asked("consumer groups", lambda: _groups(settings))]


def _judged(settings: Settings) -> list[Line]:
    wanted = connectors.configurations(settings)
    seen = health.observe(settings)
    return render(seen, health.problems(seen, wanted), wanted)


def render(seen: Observation, found: Sequence[Problem], wanted: Iterable[str]) -> list[Line]:
    """Return a line for each part of the stream: its state where it is well, else each of its problems."""
    problems: dict[str, list[Problem]] = {}
    for problem in found:
        problems.setdefault(_part(problem), []).append(problem)
    states = {line.name: line for line in _states(seen, wanted)}
    lines = [line for name, line in states.items() if name not in problems]
    for name, own in problems.items():
        state = states[name].state if name in states else ""
        lines += [
            Line(name, False, state, one.sentence, _NEXT[one.remedy], severity=one.severity.value)  # noqa: FBT003
            for one in own
        ]
    return sorted(lines, key=lambda line: _order(line.name, states))


def _part(problem: Problem) -> str:
    """Name the line that a problem belongs to; one of its own where there is none."""
    if problem.subject in ("slot", "slot reader", "WAL", "WAL limit"):
        return _SLOT
    if problem.subject == SILENT_SOURCE:
        return _HEARTBEAT
    return _LETTERS if problem.remedy is Remedy.REPAIR else problem.subject


def _order(name: str, states: Mapping[str, Line]) -> int:
    return list(states).index(name) if name in states else -1


def _states(seen: Observation, wanted: Iterable[str]) -> Iterator[Line]:
    """Yield how each part is, apart from what is wrong with it; before the first load there is nothing to be wrong."""
    made = seen.snapshot
    if isinstance(made, SnapshotState):
        is_made = made.state != NONE
        yield Line(SNAPSHOT, is_made, made.state, made.reason, "" if is_made else _LOAD)
    if not isinstance(seen.connectors, Unreachable):
        for name in wanted:
            yield _connector(name, seen.connectors.get(name))
    if not isinstance(seen.slot, Unreachable):
        yield _slot(seen.slot)
    if not isinstance(seen.heartbeat_age, Unreachable):
        age = seen.heartbeat_age
        told = "none has come through to Kafka" if age is None else "from PostgreSQL through Debezium into Kafka"
        yield Line(_HEARTBEAT, ok=True, state="none" if age is None else f"{age:.0f} s ago", detail=told)
    if not isinstance(seen.dead, Unreachable):
        yield Line(_LETTERS, ok=True, state="waiting" if seen.dead else "none")


def _connector(name: str, found: tuple[Configuration, State] | None) -> Line:
    if found is None:
        return Line(name, ok=True, state="missing")
    state, *tasks = connect.states(found[1]) or ["unknown"]
    return Line(name, ok=True, state=state.lower(), detail=f"{len(tasks)} task{'' if len(tasks) == 1 else 's'}")


def _slot(found: SlotHealth | None) -> Line:
    if found is None:
        return Line(_SLOT, ok=True, state="missing")
    limit = f"{found.share:.1%} of the limit" if found.limit_bytes else "without a limit"
    detail = (
        f"{found.retained_bytes / 1_048_576:.1f} MB of WAL retained, {limit}, WAL status {found.wal_status},"
        f" confirmed up to {found.confirmed_lsn}"
    )
    return Line(_SLOT, ok=True, state="active" if found.active else "inactive", detail=detail)


def _oldest(partitions: list[lag.PartitionLag]) -> str:
    age = lag.oldest(partitions)
    return f", the oldest change waits since {age:.0f} s" if age else ""


def _groups(settings: Settings) -> list[Line]:
    partitions = lag.measure(settings)
    # Without an answer from the ledger no file is known that would explain anything.
    backlog = None
    with suppress(RetailError):
        backlog = pending(settings)
    problems = lag.problems(partitions, explained=backlog is not None)
    found = []
    for table in RED:
        own = [partition for partition in partitions if partition.topic == table.topic]
        missing = sum(partition.lag is None for partition in own)
        behind = sum(partition.lag or 0 for partition in own)
        if not own or missing:
            state, detail = "unknown", f"no offset yet for {missing} of {len(own)} partitions" if own else "no topic"
        else:
            state = "late" if table.topic in problems else "behind" if behind else "caught up"
            detail = f"{behind:,} records behind{_oldest(own)}"
            detail += f", {backlog.sentence}" if backlog and behind else ""
        found.append(Line(f"group {connectors.group(table)}", state in _WELL, state, detail, _READ))
    return found
