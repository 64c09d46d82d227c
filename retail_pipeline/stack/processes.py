"""One process of ours: started so that it outlives us, recognised without mistake, stopped with all it started."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# The child waits for one line before it becomes the server, and ends where its parent died before writing it:
# so there is never a server that nobody remembers.
_GATE = 'umask 077; read -r go && exec "$@" </dev/null'
_ROTATE_ABOVE = 10_000_000
# While a server runs.
_SHORTEN_ABOVE, _SHORTEN_TO = 50_000_000, 5_000_000
_TAIL = 65_536
_TELLING = re.compile(r"FATAL|ERROR|PANIC|Exception|Error\b|error:|cannot|could not|\"s\":\"[FE]\"")
_STATE, _STARTED = 0, 19  # fields of /proc/PID/stat, counted after the name


@dataclass(frozen=True)
class Process:
    """A process by its id and the moment it started, so that a recycled id is never mistaken for it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Recognise a living process."""
        return cls(pid, _started(pid) or "")

    @property
    def alive(self) -> bool:
        """Whether it still runs; an ended child of ours is buried on the way.

        That comes last: a child that ends between the two would stay unburied, and PostgreSQL take it for alive.
        """
        found = bool(self.started) and _started(self.pid) == self.started
        if not found:
            with suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
        return found


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    remember: Callable[[Process], None],
) -> Process:
    """Start `command` in a session of its own, its output appended to `log`; it runs once `remember` has returned."""
    if log.exists() and log.stat().st_size > _ROTATE_ABOVE:
        log.replace(log.with_suffix(".log.1"))
    reader, writer = os.pipe()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _GATE, "sh", *command],
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reader, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE],
        )
        process = Process.of(pid)
        remember(process)
        os.write(writer, b"go\n")
    finally:
        for descriptor in (reader, writer, output):
            os.close(descriptor)
    return process


def shorten(log: Path, above: int = _SHORTEN_ABOVE, keep: int = _SHORTEN_TO) -> bool:
    """Empty a log that has grown above a size, while it is written to; its end is kept beside it. Tell whether it had.

    Who writes has the file open to append, so it goes on at the new end. What it writes between the copy and the cut
    is lost: the log of a server that writes so much is no record.
    """
    if log.stat().st_size <= above:
        return False
    with log.open("r+b") as file:
        file.seek(-keep, os.SEEK_END)
        end = file.read(keep)
        kept = log.with_suffix(".log.1")
        # Over what was kept before, even on a disk that is full.
        kept.unlink(missing_ok=True)
        file.truncate(0)
        kept.touch(mode=0o600)
        kept.write_bytes(end.partition(b"\n")[2])
    return True


def stop(process: Process, how: signal.Signals, timeout: float, *, family: bool = True) -> bool:
    """End a process, with `family` all it started; return whether it went by itself within `timeout` seconds."""
    relatives = _session(process) if family else []
    willing = True
    if process.alive:
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)
        willing = _gone([process], timeout)
    relatives += _session(process) if family else []
    rest = [member for member in {process, *relatives} if member.alive]
    for member in rest:
        with suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
    _gone(rest, 10)
    return willing


def kill_those_naming(path: Path) -> None:
    """End what a killed command left working on a path that no other command can know."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(path) in word for word in process.info["cmdline"] or ()) and _ours(process.pid):
            with suppress(psutil.Error):
                process.kill()
                process.wait(10)


def tail(log: Path, start: int = 0) -> str:
    """Return the last telling line of a log after byte `start`: the last that speaks of an error, else the last one."""
    try:
        size = log.stat().st_size
        with log.open("rb") as file:
            file.seek(max(start if start <= size else 0, size - _TAIL))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or [""])[-1][:500]


def _started(pid: int) -> str | None:
    """Return what is unique of a living process: this boot and the clock tick it started at."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[_STATE] in "ZX" else f"{boot} {fields[_STARTED]}"


def _session(process: Process) -> list[Process]:
    """Find what a process started and what is left of its session, itself excepted."""
    living = _started(process.pid)
    if living not in (None, process.started):
        return []  # the id belongs to a stranger by now
    found: set[int] = set()
    if living:
        with suppress(psutil.Error):
            found = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getsid(pid) == process.pid and _ours(pid):
                found.add(pid)
    return [Process.of(pid) for pid in found - {process.pid}]


def _ours(pid: int) -> bool:
    """Whether a process runs for the same user as we do."""
    with suppress(psutil.Error):
        return psutil.Process(pid).uids().real == os.getuid()
    return False


def _gone(processes: list[Process], timeout: float) -> bool:
    """Wait until all of them ended."""
    end = time.monotonic() + timeout
    while any(process.alive for process in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
