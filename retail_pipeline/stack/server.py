"""What all embedded servers share: start, wait until it answers, stop, and tell how it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from retail_pipeline.errors import RetailError, StackError
from retail_pipeline.settings import Settings
from retail_pipeline.stack import processes
from retail_pipeline.stack.processes import Process
from retail_pipeline.stack.state import State, is_free

Report = Callable[[str], None]


@dataclass(frozen=True)
class ServerHealth:
    """How one server is: `running`, `stopped` (on purpose), `dead` (not on purpose, or silent), `external` or `off`."""

    name: str
    state: str
    detail: str
    log: Path | None

    @property
    def ok(self) -> bool:
        """Whether it can be used, or need not run."""
        return self.state in ("running", "external", "off") and not self.detail.startswith("does not answer")


class Server(ABC):
    """One embedded server; a subclass says how it is prepared, started and asked whether it answers."""

    name: ClassVar[str]
    title: ClassVar[str]
    variable: ClassVar[str | None] = None
    ports: ClassVar[tuple[str, ...] | None] = None  # the names of its ports, where it has other than one
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_timeout: ClassVar[float] = 20
    start_timeout: ClassVar[float] = 300  # a busy machine is no reason to fail; one that died is seen at once
    answer_timeout: ClassVar[float] = 30  # with one that runs
    start_attempts: ClassVar[int] = 1  # more for one whose own recovery may need another start

    def __init__(self, settings: Settings, state: State, report: Report = print) -> None:
        self.settings = settings
        self.state = state
        self.report = report

    @property
    def folder(self) -> Path:
        """Where its data is."""
        return self.settings.home / self.name

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.settings.home / "logs" / f"{self.name}.log"

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1, chosen the first time it is asked for."""
        return self.state.port(self.name)

    @property
    def where(self) -> str:
        """Where it is, in words."""
        process = self.state.process(self.name)
        return f"on 127.0.0.1:{self.port}" if self.port_names else f"with pid {process.pid if process else '-'}"

    @property
    def port_names(self) -> tuple[str, ...]:
        """Under which names its ports are remembered."""
        return (self.name,) if self.ports is None else self.ports

    def password(self, user: str) -> str:
        """Return the password of one of its users."""
        return self.settings.credentials.password(f"{self.name}/{user}")

    @abstractmethod
    def configured_address(self) -> str | None:
        """Return the address from the settings, where one is set."""

    @abstractmethod
    def address(self) -> str:
        """Return the address of the embedded server."""

    @abstractmethod
    def host_port(self, address: str) -> str:
        """Return host:port of an address, which tells the embedded server from another."""

    @abstractmethod
    def prepare(self) -> None:
        """Make its folder and files, where they are not there yet."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line; it never holds a secret."""

    @abstractmethod
    def check(self, address: str) -> None:
        """Ask the server at `address` for a real answer; any exception means that there was none."""

    def listens(self, address: str) -> None:
        """Ask for the first sign of life after a start; it may come before `check` can succeed."""
        self.check(address)

    def complete(self) -> None:  # noqa: B027  most servers have nothing left to do
        """Do what is left to do once it answers: users, databases."""

    def environment(self) -> dict[str, str]:
        """Return the variables it starts with: none of ours, for a server needs no address and no password there."""
        # The last is Java's own, for whoever looks into Kafka or Connect: its memory, a log of its collections.
        kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "JDK_JAVA_OPTIONS")
        return {name: os.environ[name] for name in kept if name in os.environ} | {"LANG": "C.UTF-8", "TZ": "UTC"}

    @property
    def external(self) -> bool:
        """Whether the settings name another server than the embedded one.

        `retail-pipeline env` exports the embedded addresses too, so a variable that is set proves nothing by itself.
        """
        configured = self.configured_address()
        known = self.state.known_port(self.name)
        return configured is not None and (known is None or self.host_port(configured) != f"127.0.0.1:{known}")

    @property
    def died(self) -> bool:
        """Whether its process ended and nobody stopped it."""
        process = self.state.process(self.name)
        return process is not None and not self.lives(process)

    def lives(self, process: Process) -> bool:
        """Whether what was started still runs, and whatever it cannot do without."""
        return process.alive

    def choose_ports(self) -> None:
        """Fix the ports before anything starts, for others are told them."""
        for name in () if self.external else self.port_names:
            self.state.port(name)

    def current(self) -> str | None:
        """Return the address to use: that of the settings, else the embedded one where it was ever started."""
        if self.external:
            return self.configured_address()
        return self.address() if self.state.known_port(self.name) else None

    def up(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        begun = time.monotonic()
        if self.external:
            self._check_external()
            where = self.host_port(self.configured_address() or "")
            self.report(f"{self.title}: the one at {where}, which {self.variable} names")
            return
        process = self.state.process(self.name)
        if process and self.lives(process):
            if self._answers_within(self.answer_timeout, process, self.listens):
                self.complete()  # the command that started it may have been killed before
                self.report(f"{self.title}: running {self.where}")
                return
            self.report(f"{self.title}: runs but does not answer, is restarted; its log: {self.log}")
            processes.stop(process, self.stop_signal, self.stop_timeout)
        elif process:
            self.report(f"{self.title}: had died, is restarted; its log: {self.log}")
            processes.stop(process, self.stop_signal, 0)  # what it may have left behind
        self._start()
        self.report(f"{self.title}: ready {self.where} after {time.monotonic() - begun:.1f} s")

    def down(self) -> None:
        """Stop it and all it started."""
        process = self.state.process(self.name)
        if process is None:
            return
        begun = time.monotonic()
        willing = processes.stop(process, self.stop_signal, self.stop_timeout)
        self.state.forget(self.name)
        how = "stopped" if willing else "did not stop by itself and was killed"
        self.report(f"{self.title}: {how} after {time.monotonic() - begun:.1f} s")

    def health(self) -> ServerHealth:
        """Return how it is, now."""
        if self.external:
            return ServerHealth(
                self.name, "external", self._complaint(self.configured_address() or "") or "answers", None
            )
        process = self.state.process(self.name)
        if process is None:
            return ServerHealth(self.name, "stopped", "", self.log)
        if not self.lives(process):
            return ServerHealth(self.name, "dead", self.redact(processes.tail(self.log)), self.log)
        complaint = self._complaint(self.address())
        return ServerHealth(self.name, "dead" if complaint else "running", complaint or self.where, self.log)

    def redact(self, text: str) -> str:
        """Take every password of ours out of a text."""
        path = self.settings.home / "credentials.json"
        for secret in json.loads(path.read_text()).values() if path.exists() else ():
            text = text.replace(secret, "***")
        return text

    def _start(self) -> None:
        """Start it again and wait until it answers."""
        self.log.parent.mkdir(exist_ok=True, parents=True)
        for port in map(self.state.port, self.port_names):
            if not _freed(port):
                message = f"Port {port} of {self.title} is taken by another program."
                raise StackError(message, f"end that program (`ss -ltnp 'sport = :{port}'` names it) and try again")
        self.prepare()
        for left in reversed(range(self.start_attempts)):
            written = self.log.stat().st_size if self.log.exists() else 0
            process = processes.spawn(
                self.command(), self.environment(), self.log, lambda it: self.state.remember(self.name, it)
            )
            if self._answers_within(self.start_timeout, process, self.listens):
                break
            if process.alive or not left:
                what = "does not answer" if process.alive else "ended while starting"
                last = self.redact(processes.tail(self.log, written))
                raise StackError(f"{self.title} {what}. Its last word: {last or 'none'}", f"read {self.log}")
        self.complete()

    def _answers_within(self, timeout: float, process: Process, ask: Callable[[str], None] | None = None) -> bool:
        end = time.monotonic() + timeout
        pause = 0.05
        while process.alive:
            if not self._complaint(self.address(), ask):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        return False

    def _complaint(self, address: str, ask: Callable[[str], None] | None = None) -> str:
        """Return why it does not answer; empty when it does."""
        try:
            (ask or self.check)(address)
        except Exception as error:  # noqa: BLE001  each client has exceptions of its own; all mean the same here
            return self.redact(f"does not answer: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
        return ""

    def _check_external(self) -> None:
        """Raise where the server that the settings name does not answer."""
        try:
            self.check(self.configured_address() or "")
        except RetailError:
            raise
        except Exception as error:
            where = self.host_port(self.configured_address() or "")
            message = f"{self.title} at {where}, which {self.variable} names, does not answer: {type(error).__name__}."
            raise StackError(message, f"start that server, or unset {self.variable} to use the embedded one") from error


def _freed(port: int) -> bool:
    """Whether a port is free, or becomes so while the system buries who had it."""
    end = time.monotonic() + 5
    while not is_free(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def new_folder(place: Path) -> Path:
    """Make a folder beside `place`, to be renamed to it when complete; those of commands that were killed go."""
    for left in place.parent.glob(f"{place.name}.new-*"):
        processes.kill_those_naming(left)
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink()
    return Path(tempfile.mkdtemp(prefix=f"{place.name}.new-", dir=place.parent))
