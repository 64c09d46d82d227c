"""What the embedded stack remembers between two commands: its ports, which never change, and its processes."""

from __future__ import annotations

import fcntl
import json
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retail_pipeline.errors import StackError
from retail_pipeline.stack.processes import Process

# Below the range from which Linux takes the ports of outgoing connections, so none of those can sit on ours.
_PORTS = range(17_000, 32_000)


class State:
    """The file state.json of one home; every change is written whole, so that a reader never sees half of it."""

    def __init__(self, home: Path) -> None:
        self._path = home / "state.json"
        self._lock = threading.Lock()

    def port(self, name: str) -> int:
        """Return the port of `name`, choosing a free one the first time."""
        with self._lock:
            known = self._read()
            ports = known.setdefault("ports", {})
            if name not in ports:
                ports[name] = _free_port(set(ports.values()))
                self._write(known)
            return int(ports[name])

    def known_port(self, name: str) -> int | None:
        """Return the port of `name` where one was chosen already."""
        port = self._read().get("ports", {}).get(name)
        return None if port is None else int(port)

    def process(self, name: str) -> Process | None:
        """Return the process last started as `name`, whether it still lives or not."""
        found = self._read().get("processes", {}).get(name)
        return Process(int(found["pid"]), str(found["started"])) if found else None

    def remembered(self) -> list[str]:
        """Name what was started and not stopped on purpose."""
        return list(self._read().get("processes", {}))

    def remember(self, name: str, process: Process) -> None:
        """Note the process that is `name` from now on."""
        with self._lock:
            known = self._read()
            known.setdefault("processes", {})[name] = {"pid": process.pid, "started": process.started}
            self._write(known)

    def forget(self, name: str) -> None:
        """Note that `name` was stopped on purpose."""
        with self._lock:
            known = self._read()
            if known.get("processes", {}).pop(name, None):
                self._write(known)

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            message = f"The state of the embedded servers in {self._path} cannot be read: {error}."
            raise StackError(message, "give the file back to its owner, or `make clean` and start again") from error

    def _write(self, known: dict[str, Any]) -> None:
        temporary = self._path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(known, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


@contextmanager
def exclusively(home: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Let one command at a time change the servers of a home; the system frees the lock of one that was killed."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = (home / "stack.lock").open("w")
    except OSError as error:
        message = f"The state folder {home} cannot be written: {error.strerror}."
        raise StackError(message, "set RETAIL_HOME to a folder of yours") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"Another command is starting or stopping the servers in {home}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def unless_commanded(home: Path) -> Iterator[bool]:
    """Return whether no command changes the servers of a home; where none does, commands wait until the block ends."""
    with (home / "stack.lock").open("r") as file:
        try:
            # Shared: several servers may be restarted side by side.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(taken: set[int]) -> int:
    """Choose at random, so that two homes that choose at the same moment do not choose alike."""
    for port in random.sample(_PORTS, k=len(_PORTS)):
        if port not in taken and is_free(port):
            return port
    message = f"No free port between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1."
    raise StackError(message)
