"""What is wrong with the stream, and what remedies each problem? Servers are asked once; the judgement is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import Enum
from functools import partial
from typing import Any

from retail_pipeline.healing import dead_letters, probes
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.mirror import continuity
from retail_pipeline.mirror.continuity import SnapshotState
from retail_pipeline.replication import connect, connectors, lag, slot
from retail_pipeline.replication.connect import Configuration, ConnectClient, Status
from retail_pipeline.replication.slot import SlotHealth
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, SLOT

# Of the limit at which PostgreSQL gives the slot up.
WAL_WARNING, WAL_ALARM = 0.5, 0.8
# A heartbeat goes to Kafka each second. Some connectors hang without an error when their connection was cut.
HEARTBEAT_TIMEOUT = 15.0
SILENT_SOURCE = "silent source"
# What a sink is told of its table's columns, which change with a migration and this program.
_COLUMNS = frozenset({"key.converter.schema.content", "value.converter.schema.content"})
_MB = 1_048_576
_CONNECT_TIMEOUT = 5.0


class Remedy(Enum):
    """What is done about a problem."""

    WAIT = "wait: it is over once the other problems are"
    PERSON = "needs a person"
    RESTART = "what failed of the connector is restarted"
    RESTART_WHOLE = "the connector is restarted"
    REGISTER = "the connector is registered as declared"
    RESYNCHRONIZE = "a re-snapshot fills the streamed collections from a new slot"
    REPAIR = "a run compares the table with its collection and repairs what differs"


class Severity(Enum):
    """Whether a problem stops the stream or loses something now (an error), or may do so later (a warning)."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: where, what, and its remedy; `target` names the connector or table, where it has one."""

    subject: str
    sentence: str
    remedy: Remedy
    target: str = ""
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Observation:
    """What the servers said, each answer or the Unreachable in its place.

    `heartbeat_age` is the seconds since a heartbeat or another change went through PostgreSQL and Debezium into Kafka,
    None where none ever did; `dead` the dead letters that wait, by table, and `latest` the latest of each of those
    tables in a sentence.
    """

    snapshot: SnapshotState | Unreachable
    connectors: Mapping[str, tuple[Configuration, Status]] | Unreachable
    slot: SlotHealth | Unreachable | None
    heartbeat_age: float | Unreachable | None
    dead: Mapping[str, int] | Unreachable
    latest: Mapping[str, str]

    @property
    def unreachable(self) -> list[str]:
        """Return each reason for which something could not be told, once."""
        answers = (self.snapshot, self.connectors, self.slot, self.heartbeat_age, self.dead)
        return list(dict.fromkeys(answer.sentence for answer in answers if isinstance(answer, Unreachable)))

    @property
    def is_moving(self) -> bool:
        """Whether a run takes the snapshot, which also makes everything else again."""
        made = self.snapshot
        return isinstance(made, SnapshotState) and made.is_locked and made.state == continuity.LOADING

    @property
    def is_streaming(self) -> bool:
        """Whether there is anything of a stream: its slot, or a connector of ours."""
        registered = {} if isinstance(self.connectors, Unreachable) else self.connectors
        return isinstance(self.slot, SlotHealth) or bool(registered)

    @property
    def is_whole(self) -> bool:
        """Whether a problem that was not found is over."""
        return not self.unreachable and not self.is_moving

    def hidden(self, known: Iterable[str]) -> set[str]:
        """Return the subjects, of those that had a problem before, that may be so still although nothing was found.

        A source that was silent is none: for how long it is so counts only while it can be seen.
        """
        return set() if self.is_whole else set(known) - {SILENT_SOURCE}


def observe(settings: Settings) -> Observation:
    """Ask everything once, for at most about 20 seconds, also where a server hangs."""
    bounded = probes.with_timeouts(settings)
    ask_slot = probes.once(lambda: slot.health(bounded))
    found = probes.ask(
        {
            "initial snapshot": lambda: continuity.look(bounded, ask_slot),
            "Kafka Connect": lambda: _survey(settings),
            "slot": ask_slot,
            "heartbeat": lambda: lag.heartbeat_age(settings),
            "dead letters": lambda: dead_letters.waiting(bounded),
        }
    )
    dead = found["dead letters"]
    latest = {} if isinstance(dead, Unreachable) else _latest(settings, dead)
    return Observation(
        found["initial snapshot"], found["Kafka Connect"], found["slot"], found["heartbeat"], dead, latest
    )


def _survey(settings: Settings) -> dict[str, tuple[Configuration, Status]]:
    with ConnectClient(settings.require("connect_url"), _CONNECT_TIMEOUT) as client:
        return client.survey()


def _latest(settings: Settings, dead: Mapping[str, int]) -> dict[str, str]:
    if not dead:
        return {}
    found = probes.ask({name: partial(dead_letters.last, settings, BY_NAME[name]) for name in dead}, 6.0)
    return {
        name: letters[-1].sentence
        for name, letters in found.items()
        if not isinstance(letters, Unreachable) and letters
    }


def problems(seen: Observation, wanted: Mapping[str, Configuration]) -> list[Problem]:
    """Judge what was seen, with the configurations that the connectors should have; the most severe causes come first.

    Before the initial snapshot there is no stream that could be ill, and while somebody makes one all of it is moving.
    Where MongoDB knows of none and there is a stream all the same, it has lost its state, and a re-snapshot follows.
    Who writes collections beside a stream that goes on, as the batch does, hides nothing.
    """
    found = [Problem(sentence, sentence, Remedy.WAIT) for sentence in seen.unreachable]
    if isinstance(seen.snapshot, SnapshotState):
        if seen.is_moving:
            return [
                *found,
                Problem("initial snapshot", "a run is writing the collections", Remedy.WAIT, severity=Severity.WARNING),
            ]
        if seen.snapshot.state == continuity.NONE and not seen.is_streaming:
            return found
        if seen.snapshot.reason:
            sentence = f"the stream cannot go on: {seen.snapshot.reason}"
            found.append(Problem("initial snapshot", sentence, Remedy.RESYNCHRONIZE))
    if not isinstance(seen.slot, Unreachable):
        found += of_slot(seen.slot)
    if not isinstance(seen.connectors, Unreachable):
        found += of_connectors(seen.connectors, wanted)
        found += of_heartbeat(seen.heartbeat_age, seen.connectors)
    if not isinstance(seen.dead, Unreachable):
        found += of_dead_letters(seen.dead, seen.latest)
    return found


def of_slot(health: SlotHealth | None) -> Iterator[Problem]:
    """Judge the slot; what makes a re-snapshot necessary is told by the initial snapshot, whose remedy that is."""
    if health is None:
        yield Problem("slot", f"slot {SLOT} does not exist", Remedy.WAIT)
        return
    if not health.usable:
        why = f" ({health.invalidation_reason})" if health.invalidation_reason else ""
        yield Problem("slot", f"slot {SLOT} is {health.state}{why}", Remedy.WAIT)
    elif not health.active:
        since = f" since {health.inactive_since.astimezone(UTC):%H:%M:%S} UTC" if health.inactive_since else ""
        yield Problem("slot reader", f"nobody reads slot {SLOT}{since}", Remedy.WAIT)
    if health.limit_bytes is None:
        yield Problem(
            "WAL limit",
            "max_slot_wal_keep_size is not set, so a stream that stands still fills the disk of PostgreSQL",
            Remedy.PERSON,
            severity=Severity.WARNING,
        )
    elif health.usable and (health.in_danger or health.share >= WAL_WARNING):
        yield Problem(
            "WAL",
            f"{health.retained_bytes / _MB:,.0f} MB of WAL are retained, {health.share:.0%} of the limit at which the"
            f" slot is lost (WAL status {health.wal_status}): let the stream go on, or raise max_slot_wal_keep_size",
            Remedy.WAIT,
            severity=Severity.ERROR if health.in_danger or health.share >= WAL_ALARM else Severity.WARNING,
        )


def of_connectors(
    found: Mapping[str, tuple[Configuration, Status]], wanted: Mapping[str, Configuration]
) -> Iterator[Problem]:
    """Judge each connector: whether it is there, as declared, and all of it runs."""
    for name, configuration in wanted.items():
        if name not in found:
            yield Problem(name, f"connector {name} is not registered", Remedy.REGISTER, name)
            continue
        present, status = found[name]
        if connectors.fingerprint(present) != connectors.fingerprint(configuration):
            changed = drift(present, configuration)
            told = f"connector {name} is not configured as declared: {', '.join(changed)}"
            if _COLUMNS.intersection(changed):
                # Two programs with different declarations would take each other's back for ever.
                yield Problem(name, f"{told}; `retail-pipeline up`, then the job initial_load", Remedy.PERSON, name)
            else:
                yield Problem(name, told, Remedy.REGISTER, name)
            continue
        states = connect.states(status)
        if connect.FAILED in states:
            reason = connect.trace(status).partition("\n")[0]
            count = f"{states.count(connect.FAILED)} of {len(states)} parts"
            yield Problem(name, f"connector {name} failed ({count}): {reason}", Remedy.RESTART, name)
        elif {connect.STOPPED, connect.PAUSED} & set(states):
            state = states[0].lower()
            yield Problem(name, f"connector {name} is {state}: somebody has to resume it", Remedy.PERSON, name)
        elif not connect.is_running(status):
            rest = ", ".join(sorted({state.lower() for state in states[1:]})) or "no task yet"
            yield Problem(name, f"connector {name} is {states[0].lower()}, its tasks: {rest}", Remedy.WAIT, name)


def of_heartbeat(
    age: float | Unreachable | None, found: Mapping[str, tuple[Configuration, Status]]
) -> Iterator[Problem]:
    """Judge whether changes reach Kafka: a connector may say that it runs and hang."""
    if age is None or isinstance(age, Unreachable) or age < HEARTBEAT_TIMEOUT:
        return
    told = f"no heartbeat has reached Kafka for {age:.0f} s"
    if connectors.SOURCE in found and connect.is_running(found[connectors.SOURCE][1]):
        sentence = f"{told}, although its connector says that it runs"
        yield Problem(SILENT_SOURCE, sentence, Remedy.RESTART_WHOLE, connectors.SOURCE)
    else:
        yield Problem("heartbeat", told, Remedy.WAIT, connectors.SOURCE)


def of_dead_letters(dead: Mapping[str, int], latest: Mapping[str, str]) -> Iterator[Problem]:
    """Judge the dead letters: each is a change that MongoDB may lack, so its table is compared and repaired."""
    for table, count in dead.items():
        told = f", the latest: {latest[table]}" if table in latest else ""
        yield Problem(
            f"dead letters of {table}",
            f"{count:,} records of {table} could not be written and lie in its dead letters{told}",
            Remedy.REPAIR,
            table,
        )


def drift(present: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Name the settings that differ."""
    names = (set(present) | set(wanted)) - {"name"}
    return sorted(name for name in names if present.get(name) != wanted.get(name))


def figures(seen: Observation) -> dict[str, float]:
    """Return what was seen as numbers, which can be plotted; what nobody could tell is left out."""
    told: dict[str, float] = {}
    if not isinstance(seen.connectors, Unreachable):
        states = [state for _, status in seen.connectors.values() for state in connect.states(status)[1:]]
        told["failed_tasks"] = states.count(connect.FAILED)
        told["running_tasks"] = states.count(connect.RUNNING)
    if isinstance(seen.slot, SlotHealth):
        told["retained_wal_megabytes"] = round(seen.slot.retained_bytes / _MB, 1)
        if seen.slot.limit_bytes:
            told["retained_wal_percent_of_limit"] = round(100 * seen.slot.share, 2)
    if not isinstance(seen.dead, Unreachable):
        told["dead_letters"] = sum(seen.dead.values())
    if not isinstance(seen.heartbeat_age, Unreachable) and seen.heartbeat_age is not None:
        told["heartbeat_age_seconds"] = round(seen.heartbeat_age, 1)
    return told


def as_json(seen: Observation) -> dict[str, Any]:
    """Return what was seen as an operator reads it: each connector's state, tasks and trace; the slot; the rest."""
    told: dict[str, Any] = {}
    if not isinstance(seen.connectors, Unreachable):
        told["connectors"] = {name: _connector(status) for name, (_, status) in sorted(seen.connectors.items())}
    if isinstance(seen.slot, SlotHealth):
        told["slot"] = {
            "active": seen.slot.active,
            "wal_status": seen.slot.wal_status,
            "invalidation_reason": seen.slot.invalidation_reason,
            "retained_bytes": seen.slot.retained_bytes,
            "limit_bytes": seen.slot.limit_bytes,
            "safe_bytes": seen.slot.safe_bytes,
            "confirmed_lsn": seen.slot.confirmed_lsn,
        }
    if not isinstance(seen.dead, Unreachable):
        told["dead_letters"] = dict(seen.dead)
    if not isinstance(seen.heartbeat_age, Unreachable):
        told["heartbeat_age_seconds"] = None if seen.heartbeat_age is None else round(seen.heartbeat_age, 1)
    if isinstance(seen.snapshot, SnapshotState):
        told["initial_snapshot"] = seen.snapshot.state
    return told


def _connector(status: Status) -> dict[str, Any]:
    states: Sequence[str] = connect.states(status)
    told: dict[str, Any] = {"state": states[0] if states else "UNKNOWN", "tasks": list(states[1:])}
    if connect.FAILED in states:
        told["trace"] = connect.trace(status)
    return told
