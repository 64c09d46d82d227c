"""What was told, and what is still to be delivered? Kept in one file, whole at every moment."""

from __future__ import annotations

import fcntl
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from retail_pipeline.alarms.standing import Alarm, Finding, Known, Standing
from retail_pipeline.settings import write_private

NAME = "alarms.json"
_VERSION = 1


@dataclass(frozen=True)
class _Page:
    """What the file holds: each problem by its key, and what waits to be delivered, the oldest first."""

    standing: dict[str, Standing] = field(default_factory=dict)
    waiting: tuple[dict[str, Any], ...] = ()


class Book:
    """Problems and undelivered alarms, for one thread that looks and one that delivers.

    A file that cannot be read counts as empty: then each problem that stands is told as new.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._lock = threading.Lock()
        self._page = _read(self._path)

    @property
    def standing(self) -> Known:
        """What is known of each problem."""
        return self._page.standing

    def keep(self, standing: dict[str, Standing], alarms: Sequence[Alarm]) -> None:
        """Remember what is known now, and what is to be delivered; each gets an id, the same however often it is sent.

        Only when a problem was last seen is not worth a write.
        """
        added = tuple(one.as_dict() | {"id": str(uuid.uuid4())} for one in alarms)
        with self._lock:
            before, self._page = self._page, _Page(standing, (*self._page.waiting, *added))
            if added or _told(before.standing) != _told(standing):
                self._write()

    def next(self) -> dict[str, Any] | None:
        """Return the oldest that waits."""
        with self._lock:
            return self._page.waiting[0] if self._page.waiting else None

    def delivered(self, alarm: dict[str, Any]) -> None:
        """Forget what was delivered."""
        with self._lock:
            self._page = replace(self._page, waiting=tuple(one for one in self._page.waiting if one is not alarm))
            self._write()

    def _write(self) -> None:
        standing = {key: asdict(one) for key, one in self._page.standing.items()}
        page = {"version": _VERSION, "standing": standing, "waiting": self._page.waiting}
        write_private(self._path, json.dumps(page))


@contextmanager
def on_duty(home: Path) -> Iterator[Book | None]:
    """Return the book for as long as the block lasts, or None where another process has it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / NAME).with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield Book(home)


def _told(standing: Known) -> dict[str, Standing]:
    return {key: replace(one, seen_at=0.0) for key, one in standing.items() if one.times or one.told_at is not None}


def _read(path: Path) -> _Page:
    try:
        kept = json.loads(path.read_text())
        if kept["version"] != _VERSION:
            return _Page()
        standing = {
            key: Standing(**one | {"finding": Finding(**one["finding"])}) for key, one in kept["standing"].items()
        }
        return _Page(standing, tuple(kept["waiting"]))
    except (OSError, ValueError, TypeError, KeyError):
        return _Page()
