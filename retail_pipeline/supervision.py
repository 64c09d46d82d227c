"""The supervisor's process: a thread for each server looks every second whether it died, and restarts it.

Another thread looks every few seconds whether the stream is well, and heals it at once: Dagster's sensors would do the
same, but a busy machine takes most of a minute to start a run, and Dagster's own storage may be what died. One
more looks whether a store holds up what all share, and ends it. With RETAIL_ALERT_URL two more tell of problems.

Started by `up` as `python -m retail_pipeline.supervision HOME`; its output is the log.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from retail_pipeline import stack
from retail_pipeline.alarms import watch
from retail_pipeline.alarms.book import Book, on_duty
from retail_pipeline.alarms.sending import deliver_forever
from retail_pipeline.backoff import Backoff
from retail_pipeline.errors import RetailError, first_line
from retail_pipeline.healing import guard
from retail_pipeline.healing.healer import Healer
from retail_pipeline.settings import Settings
from retail_pipeline.stack import processes
from retail_pipeline.stack.server import Server
from retail_pipeline.stack.state import State, unless_commanded
from retail_pipeline.stack.supervisor import BACKOFF, DIED, FAILED, RESTARTED, Journal, Supervisor

_PAUSE = 1.0
_HEAL_PAUSE = 5.0
_GUARD_PAUSE = 2.0
_ADDRESSES = ("postgres_dsn", "mongo_uri", "kafka_bootstrap", "connect_url")


def _say(line: str) -> None:
    # A full disk takes no line, and what it stops has to be restarted once there is room.
    with suppress(OSError):
        print(f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}", flush=True)


def look(server: Server, backoff: Backoff, journal: Journal) -> Backoff:
    """Restart the server where it died and its next try is due; note both, and return what is known of its tries."""
    if not (server.died and backoff.due([server.name], time.monotonic())):
        return backoff
    # A command that starts or stops servers knows better. Held while the server starts, so that `up` waits for it.
    with unless_commanded(server.settings.home) as free:
        if not (free and server.died):
            return backoff
        _say(journal.note(server.name, DIED).text)
        complaint = _restart(server)
        backoff = backoff.tried([server.name], time.monotonic())
        if backoff.exhausted(server.name):
            complaint = f"{complaint} Died {backoff.count(server.name)} times in a row: remove the cause.".strip()
        _say(journal.note(server.name, FAILED if complaint else RESTARTED, complaint).text)
    return backoff


def _restart(server: Server) -> str:
    """Restart it; return why that could not be done, empty where it was."""
    try:
        server.up()
    except RetailError as error:
        return error.message
    except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
        return server.redact(f"{type(error).__name__}: {error}")
    return ""


def _watch(server: Server, journal: Journal) -> None:
    backoff = BACKOFF
    while True:
        try:
            backoff = look(server, backoff, journal)
        except Exception as error:  # noqa: BLE001  whatever it is, it is looked again
            _say(server.redact(f"{server.title} could not be looked at: {type(error).__name__}: {error}"))
        time.sleep(_PAUSE)


def _heal(healer: Healer, redact: Callable[[str], str]) -> None:
    while True:
        try:
            healer.look()
        except Exception as error:  # noqa: BLE001  whatever it is, it is looked again
            why = first_line(error)
            _say(redact(f"the stream could not be looked at: {type(error).__name__}: {why}"))
        time.sleep(_HEAL_PAUSE)


def _guard(settings: Settings, redact: Callable[[str], str]) -> None:
    said = ""
    while True:
        try:
            with guard.on_duty(settings, lambda line: _say(redact(line)), time.monotonic) as watching:
                while watching is not None:
                    watching.look()
                    said = ""
                    time.sleep(watching.pause)
        except Exception as error:  # noqa: BLE001  whatever it is, it is looked again
            why = first_line(error)
            if why != said:
                _say(redact(f"what stores do could not be looked at: {type(error).__name__}: {why}"))
            said = why
        time.sleep(_GUARD_PAUSE)


def _alarm(settings: Settings, url: str, redact: Callable[[str], str]) -> None:
    with _on_duty(settings.home) as book:
        threading.Thread(target=deliver_forever, args=(book, url, _say), name="receiver", daemon=True).start()
        _look(settings, book, redact)


@contextmanager
def _on_duty(home: Path) -> Iterator[Book]:
    """Wait until the process before this one, or a tick of a sensor, has put the book down."""
    while True:
        with on_duty(home) as book:
            if book is not None:
                yield book
                return
        time.sleep(_PAUSE)


def _look(settings: Settings, book: Book, redact: Callable[[str], str]) -> None:
    while True:
        try:
            for alarm in watch.look(settings, book, time.time()):
                _say(redact(f"alarm, {alarm.state}: {alarm.subject}: {alarm.problem}"))
        except Exception as error:  # noqa: BLE001  whatever it is, it is looked again
            why = first_line(error)
            _say(redact(f"what to tell could not be looked at: {type(error).__name__}: {why}"))
        time.sleep(watch.PAUSE)


def main(home: Path) -> None:
    """Watch the servers of a home until somebody ends this process."""
    settings = replace(Settings.from_environment(), home=home)
    state, journal = State(home), Journal(home)
    itself = Supervisor(settings, state, _say)
    threads = [
        threading.Thread(target=_watch, args=(server, journal), name=server.name, daemon=True)
        for server in stack.watched(settings, state, _say)
    ]
    if settings.heal and all(getattr(settings, name) for name in _ADDRESSES):
        healer = Healer(settings, _say)
        threads.append(threading.Thread(target=_heal, args=(healer, itself.redact), name="stream", daemon=True))
    if settings.postgres_dsn:
        threads.append(threading.Thread(target=_guard, args=(settings, itself.redact), name="stores", daemon=True))
    if settings.alert_url:
        arguments = (settings, settings.alert_url, itself.redact)
        threads.append(threading.Thread(target=_alarm, args=arguments, name="alarms", daemon=True))
    for thread in threads:
        thread.start()
    while all(thread.is_alive() for thread in threads):
        with suppress(OSError):
            itself.heartbeat.touch()
        for log in itself.log.parent.glob("*.log"):
            with suppress(OSError):
                processes.shorten(log)
        time.sleep(_PAUSE)
    sys.exit("a watch ended; see above")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
