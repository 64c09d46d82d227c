"""How is everything? Servers, connectors, the replication slot and the consumer groups, at one look."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from retail_pipeline import stack
from retail_pipeline.errors import RetailError
from retail_pipeline.healing import dead_letters
from retail_pipeline.healing.health import BEAT_OVERDUE, WAL_WARNING
from retail_pipeline.mirror import initial
from retail_pipeline.replication import connectors, lag, slot
from retail_pipeline.replication.backlog import pending
from retail_pipeline.replication.connect import ConnectClient, is_running, trace
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, RED, SLOT


@dataclass(frozen=True)
class Line:
    """How one thing is: its name, whether it is as it should be, its state in a word, and the rest in a sentence."""

    name: str
    ok: bool
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Status:
    """How everything is."""

    servers: tuple[Line, ...]
    stream: tuple[Line, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return all(line.ok for line in (*self.servers, *self.stream))

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {"healthy": self.healthy, **dataclasses.asdict(self)}

    def as_text(self) -> str:
        """Give it as lines for a person."""
        lines = []
        for title, part in (("Servers", self.servers), ("Stream", self.stream)):
            lines.append(title)
            lines += [f"  {'' if one.ok else '! '}{one.name:<36} {one.state:<10} {one.detail}".rstrip() for one in part]
        lines.append("All is well." if self.healthy else "Something is wrong: see the lines with `!`.")
        return "\n".join(lines)


def measure(settings: Settings) -> Status:
    """Ask everything once; what does not answer is a line that says so, never an exception."""
    servers = tuple(Line(one.name, one.ok, one.state, one.detail) for one in stack.health(settings))
    return Status(
        servers,
        (
            *_asked("initial load", lambda: [_hand_over(settings)]),
            *_asked("connectors", lambda: _connectors(settings)),
            *_asked("replication slot", lambda: [_slot(settings)]),
            *_asked("heartbeat", lambda: [_heartbeat(settings)]),
            *_asked("consumer groups", lambda: _groups(settings)),
            *_asked("dead letters", lambda: [_dead_letters(settings)]),
        ),
    )


def _asked(name: str, ask: Callable[[], list[Line]]) -> list[Line]:
    try:
        return ask()
    except RetailError as error:
        return [Line(name, ok=False, state="unknown", detail=error.message)]


def _hand_over(settings: Settings) -> Line:
    seen = initial.look(settings)
    return Line("initial load", not seen.reason, seen.state, seen.reason)


def _connectors(settings: Settings) -> list[Line]:
    lines = []
    with ConnectClient(settings.require("connect_url")) as client:
        for name in connectors.names():
            status = client.status(name)
            if status is None:
                lines.append(Line(name, ok=False, state="missing", detail="the job initial_load registers it"))
                continue
            runs = is_running(status)
            tasks = len(status["tasks"])
            detail = f"{tasks} task{'' if tasks == 1 else 's'}" if runs else trace(status)
            lines.append(Line(name, runs, str(status["connector"]["state"]).lower(), detail))
    return lines


def _slot(settings: Settings) -> Line:
    health = slot.health(settings)
    name = f"slot {SLOT}"
    if health is None:
        return Line(name, ok=False, state="missing", detail="the job initial_load makes it")
    limit = f"{health.share:.1%} of the limit" if health.limit_bytes else "without a limit"
    detail = (
        f"{health.retained_bytes / 1_048_576:.1f} MB of WAL retained, {limit}, WAL status {health.wal_status},"
        f" confirmed up to {health.confirmed_lsn}"
    )
    ok = health.usable and health.active and health.share < WAL_WARNING
    state = health.state if not health.usable else "active" if health.active else "inactive"
    return Line(name, ok, state, detail)


def _heartbeat(settings: Settings) -> Line:
    age = lag.beat_age(settings)
    if age is None:
        return Line("heartbeat", ok=False, state="none", detail="none has ever come through to Kafka")
    return Line("heartbeat", age < BEAT_OVERDUE, f"{age:.0f} s ago", "from PostgreSQL through Debezium into Kafka")


def _dead_letters(settings: Settings) -> Line:
    waiting = dead_letters.waiting(settings)
    if not waiting:
        return Line("dead letters", ok=True, state="none")
    told = [
        f"{count:,} of {name}, the latest: {letter.sentence}"
        for name, count in waiting.items()
        for letter in dead_letters.last(settings, BY_NAME[name])
    ]
    return Line("dead letters", ok=False, state="waiting", detail="; ".join(told))


def _oldest(partitions: list[lag.PartitionLag]) -> str:
    age = lag.oldest(partitions)
    return f", the oldest change waits since {age:.0f} s" if age else ""


def _groups(settings: Settings) -> list[Line]:
    partitions = lag.measure(settings)
    # Without an answer from the ledger no file is known that would explain anything.
    backlog = None
    with suppress(RetailError):
        backlog = pending(settings)
    troubles = lag.troubles(partitions, explained=backlog is not None)
    lines = []
    for table in RED:
        own = [partition for partition in partitions if partition.topic == table.topic]
        missing = sum(partition.lag is None for partition in own)
        behind = sum(partition.lag or 0 for partition in own)
        if not own or missing:
            state, detail = "unknown", f"no offset yet for {missing} of {len(own)} partitions" if own else "no topic"
        else:
            state, detail = "late" if table.topic in troubles else "known", f"{behind:,} records behind{_oldest(own)}"
            detail += f", {backlog.sentence}" if backlog and behind else ""
        lines.append(Line(f"group {connectors.group(table)}", state == "known", state, detail))
    return lines
