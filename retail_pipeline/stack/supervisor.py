"""Who restarts an embedded server that died? One small process beside them; elsewhere that is systemd's work."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import ClassVar

from retail_pipeline.backoff import Backoff
from retail_pipeline.stack import processes
from retail_pipeline.stack.addresses import variables
from retail_pipeline.stack.server import Server, ServerHealth

# A server that lived for a minute was restarted with success, so one that is unlucky once an hour never waits.
BACKOFF = Backoff(initial=2, maximum=300, limit=5, reset_after=60)
DIED, RESTARTED, FAILED = "died", "restarted", "failed"
# It looks each second; a busy machine may let it wait.
_SILENT_AFTER = 30.0
_NAME = "supervisor"


@dataclass(frozen=True)
class Note:
    """What the supervisor saw of a server or did with it: DIED, RESTARTED or FAILED, and when in UTC."""

    at: str
    server: str
    event: str
    detail: str = ""

    @property
    def text(self) -> str:
        """Say it in a line."""
        return f"{self.server} {self.event}{f': {self.detail}' if self.detail else ''}"

    @property
    def sentence(self) -> str:
        """Say it in a line, with the time."""
        return f"{self.at} {self.text}"


class Journal:
    """The supervisor's notes since the last `up`, a line of JSON each."""

    def __init__(self, home: Path) -> None:
        self.path = home / _NAME / "journal.jsonl"

    def begin(self) -> None:
        """Start a new one; the one before is kept beside it."""
        self.path.parent.mkdir(exist_ok=True, parents=True)
        if self.path.exists():
            self.path.replace(self.path.with_suffix(".before.jsonl"))

    def note(self, server: str, event: str, detail: str = "") -> Note:
        """Add a note."""
        made = Note(datetime.now(UTC).isoformat(timespec="seconds"), server, event, detail)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(made)) + "\n")
        return made

    def read(self) -> list[Note]:
        """Return the notes, the oldest first."""
        try:
            lines = self.path.read_text().splitlines()
        except OSError:
            return []
        return [Note(**json.loads(line)) for line in lines]


class Supervisor(Server):
    """The process that watches the others; `up` starts it last and always again, `down` stops it first."""

    name: ClassVar[str] = _NAME
    title: ClassVar[str] = "Supervisor"
    ports: ClassVar[tuple[str, ...] | None] = ()

    @property
    def heartbeat(self) -> Path:
        """The file that it touches each time it has looked."""
        return self.folder / "beat"

    def configured_address(self) -> str | None:
        """Return None: it has no address."""
        return None

    def address(self) -> str:
        """Return None: it has no address."""
        return ""

    def host_port(self, address: str) -> str:
        """Return None: it has no address."""
        return address

    def prepare(self) -> None:
        """Begin a new journal, and forget how often it restarted what."""
        Journal(self.settings.home).begin()
        self.heartbeat.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "retail_pipeline.supervision", str(self.settings.home)]

    def environment(self) -> dict[str, str]:
        """Return the variables of the command that starts it: what it restarts must start as it did then."""
        kept = {name: os.environ[name] for name in ("JAVA_HOME", "M2_REPO") if name in os.environ}
        return super().environment() | self.settings.choices() | kept | variables(self.settings)

    def check(self, address: str) -> None:
        """See that it looked lately."""
        del address
        if time() - self.heartbeat.stat().st_mtime > _SILENT_AFTER:
            message = f"it has not looked at the servers for {_SILENT_AFTER:.0f} s"
            raise TimeoutError(message)

    def up(self) -> None:
        """Start it again, and say what the one before did."""
        for note in Journal(self.settings.home).read():
            self.report(f"{self.title}, since the last start: {note.sentence}")
        self.halt()
        self._start()
        self.report(f"{self.title}: watches, {self.where}")

    def halt(self) -> None:
        """End it and nothing that it started."""
        process = self.state.process(self.name)
        if process:
            processes.stop(process, self.stop_signal, self.stop_timeout, family=False)

    def down(self) -> None:
        """End it and nothing that it started, on purpose."""
        if self.state.process(self.name):
            self.halt()
            self.state.forget(self.name)
            self.report(f"{self.title}: stopped")

    def health(self) -> ServerHealth:
        """Return how it is; switched off is no fault, but somebody should know."""
        found = super().health()
        if found.state == "stopped" and self._others_run():
            return ServerHealth(self.name, "off", "nothing restarts a server that dies", None)
        if found.state != "running":
            return found
        notes = Journal(self.settings.home).read()
        restarts = Counter(note.server for note in notes if note.event == RESTARTED)
        told = ", ".join(f"{server} {count}" for server, count in sorted(restarts.items()))
        broken = [note for note in {note.server: note for note in notes}.values() if note.event == FAILED]
        lines = [f"restarts since the last start: {told or 'none'}", *(note.sentence for note in broken)]
        return ServerHealth(self.name, "running", "; ".join(lines), self.log)

    def _others_run(self) -> bool:
        return any(name != self.name for name in self.state.remembered())


def died(notes: Collection[Note]) -> list[str]:
    """Name the servers that died since the last start."""
    return list(dict.fromkeys(note.server for note in notes if note.event == DIED))
