"""How does a signal end what this process does? At once: also where it waits for a statement of PostgreSQL.

Python runs a signal's handler only when the call that the main thread is in returns, and psycopg2 waits in C for as
long as the statement takes. So a thread hears of the signal by `signal.set_wakeup_fd` and cancels what is running.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_ACTIVE

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 0.5  # a signal may come just before a statement is sent
_TELLS_WITHIN = 10.0
_HOW = {signal.SIGINT: "by hand", signal.SIGTERM: "by SIGTERM", signal.SIGHUP: "when its terminal was closed"}
_connections: weakref.WeakSet[Connection] = weakref.WeakSet()
_guard = threading.Lock()


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        self.number = number
        super().__init__(f"stopped {_HOW.get(signal.Signals(number), 'by a signal')}")


def register(connection: Connection) -> None:
    """Let a signal cancel what this connection waits for, until it is closed."""
    with _guard:
        _connections.add(connection)


@contextmanager
def raising() -> Iterator[None]:
    """Let each signal to stop raise Stopped, but for those that this process was started to ignore, as by nohup."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    ours = [number for number, handler in before.items() if handler in (signal.SIG_DFL, signal.default_int_handler)]
    for number in ours:
        signal.signal(number, _on_hangup if number == signal.SIGHUP else _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


class Listener:
    """A thread that hears each signal to stop, tells `then` of the first, and cancels this process's statements."""

    def __init__(self, then: Callable[[int], None]) -> None:
        self._then = then
        self.heard: int | None = None
        self._told = threading.Event()
        self._reading = threading.Lock()
        self._signals, self._writer = os.pipe()
        self._end, self._ender = os.pipe()
        os.set_blocking(self._writer, False)
        self._thread = threading.Thread(target=self._listen, name="interruption", daemon=True)

    def start(self) -> None:
        """Begin to listen; from the main thread alone."""
        # Where the pipe is full of signals nothing is lost: one is enough.
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        signal.set_wakeup_fd(self._before)
        os.close(self._ender)
        self._thread.join()
        for descriptor in (self._signals, self._writer, self._end):
            os.close(descriptor)

    def wait_for_then(self) -> None:
        """Wait until `then` has returned, where a signal came: its handler runs beside this thread and may be first."""
        with self._reading:
            came = self.heard is not None or bool(select.select([self._signals], [], [], 0)[0])
        if came:
            self._told.wait(_TELLS_WITHIN)

    def _listen(self) -> None:
        while True:
            waits = None if self.heard is None else _AGAIN
            ready, _, _ = select.select([self._signals, self._end], [], [], waits)
            if self._signals in ready:
                self._read()
            elif self._end in ready:
                return
            if self.heard is not None:
                _cancel()

    def _read(self) -> None:
        with self._reading:
            numbers = [number for number in os.read(self._signals, 64) if number in STOPPING]
            is_first = bool(numbers) and self.heard is None
            if is_first:
                self.heard = numbers[0]
        if is_first and self.heard is not None:
            # Before the first statement is cancelled, so that whoever sees it fail knows why.
            with suppress(Exception):
                self._then(self.heard)
            self._told.set()


_listening: list[Listener] = []


@contextmanager
def cancelling(then: Callable[[int], None] = lambda _: None) -> Iterator[Listener | None]:
    """While the block runs, a signal to stop cancels the statements of this process, once `then` knows of the signal.

    Within another such block this one does nothing: the other listens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield None
    elif _listening:
        yield _listening[0]
    else:
        listener = Listener(then)
        _listening.append(listener)
        listener.start()
        try:
            yield listener
        finally:
            _listening.clear()
            listener.wait_for_then()
            listener.stop()


def wait_for_then() -> None:
    """Wait until the `then` of the block around this one has returned, where a signal came."""
    for listener in _listening:
        listener.wait_for_then()


def _raise(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


def _on_hangup(number: int, frame: FrameType | None) -> None:
    """Do what SIGINT does now: Dagster puts a handler of its own there while it runs, and knows of no SIGHUP."""
    handler: Any = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(number, frame)
    else:
        _raise(number, frame)


def _cancel() -> None:
    with _guard:
        opened = list(_connections)
    for connection in opened:
        with suppress(psycopg2.Error):
            if not connection.closed and connection.info.transaction_status == TRANSACTION_STATUS_ACTIVE:
                connection.cancel()
