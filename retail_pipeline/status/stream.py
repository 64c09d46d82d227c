"""How is the stream? The initial load, connectors, the replication slot, the consumer groups and the dead letters."""

from __future__ import annotations

from contextlib import suppress

from retail_pipeline.errors import RetailError
from retail_pipeline.healing import dead_letters
from retail_pipeline.healing.health import HEARTBEAT_TIMEOUT, WAL_WARNING
from retail_pipeline.mirror import initial_snapshot
from retail_pipeline.replication import connectors, lag, slot
from retail_pipeline.replication.backlog import pending
from retail_pipeline.replication.connect import ConnectClient, is_running, trace
from retail_pipeline.settings import Settings
from retail_pipeline.status.line import Line, asked
from retail_pipeline.tables import BY_NAME, RED, SLOT

_LOAD = "`retail-pipeline load CSV`, also with a file that is loaded already: its job makes what is missing"
_RESTARTED = "it is restarted by itself; where that does not help, remove the cause that its trace names"
_RESUME = "resume it, or run `retail-pipeline load` with a file that is loaded already"
_READ = "see that every server and connector above runs; then it goes on by itself"


def lines(settings: Settings) -> list[Line]:
    """Ask everything once; what does not answer is a line that says so, never an exception."""
    return [
        *asked("initial load", lambda: [_initial_snapshot(settings)]),
        *asked("connectors", lambda: _connectors(settings)),
        *asked("replication slot", lambda: [_slot(settings)]),
        *asked("heartbeat", lambda: [_heartbeat(settings)]),
        *asked("consumer groups", lambda: _groups(settings)),
        *asked("dead letters", lambda: [_dead_letters(settings)]),
    ]


def _initial_snapshot(settings: Settings) -> Line:
    seen = initial_snapshot.look(settings)
    return Line("initial load", not seen.reason, seen.state, seen.reason, _LOAD)


def _connectors(settings: Settings) -> list[Line]:
    found = []
    with ConnectClient(settings.require("connect_url")) as client:
        for name in connectors.names():
            status = client.status(name)
            if status is None:
                found.append(Line(name, ok=False, state="missing", next_step=_LOAD))
                continue
            runs = is_running(status)
            tasks = len(status["tasks"])
            detail = f"{tasks} task{'' if tasks == 1 else 's'}" if runs else trace(status)
            state = str(status["connector"]["state"]).lower()
            found.append(Line(name, runs, state, detail, _RESUME if state in ("paused", "stopped") else _RESTARTED))
    return found


def _slot(settings: Settings) -> Line:
    health = slot.health(settings)
    name = f"slot {SLOT}"
    if health is None:
        return Line(name, ok=False, state="missing", next_step=_LOAD)
    limit = f"{health.share:.1%} of the limit" if health.limit_bytes else "without a limit"
    detail = (
        f"{health.retained_bytes / 1_048_576:.1f} MB of WAL retained, {limit}, WAL status {health.wal_status},"
        f" confirmed up to {health.confirmed_lsn}"
    )
    ok = health.usable and health.active and health.share < WAL_WARNING
    state = health.state if not health.usable else "active" if health.active else "inactive"
    return Line(name, ok, state, detail, _READ)


def _heartbeat(settings: Settings) -> Line:
    age = lag.heartbeat_age(settings)
    if age is None:
        return Line("heartbeat", ok=False, state="none", detail="none has ever come through to Kafka", next_step=_LOAD)
    told = "from PostgreSQL through Debezium into Kafka"
    return Line("heartbeat", age < HEARTBEAT_TIMEOUT, f"{age:.0f} s ago", told, _RESTARTED)


def _dead_letters(settings: Settings) -> Line:
    waiting = dead_letters.waiting(settings)
    if not waiting:
        return Line("dead letters", ok=True, state="none")
    told = [
        f"{count:,} of {name}, the latest: {letter.sentence}"
        for name, count in waiting.items()
        for letter in dead_letters.last(settings, BY_NAME[name])
    ]
    return Line("dead letters", ok=False, state="waiting", detail="; ".join(told), next_step="`retail-pipeline repair`")


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
            state, detail = "late" if table.topic in problems else "known", f"{behind:,} records behind{_oldest(own)}"
            detail += f", {backlog.sentence}" if backlog and behind else ""
        found.append(Line(f"group {connectors.group(table)}", state == "known", state, detail, _READ))
    return found
