"""What became of each file of the landing folder? Kept in SQLite between ticks.

It is a memory, not the truth: that is the ledger, which knows each loaded file by its content, and Dagster, which makes
one run for a run key. Where the memory is lost, of another version or damaged, it starts empty, and nothing is loaded
twice or forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from retail_pipeline.errors import SettingError
from retail_pipeline.landing.folder import Mark

NAME = "landing.sqlite"
_VERSION = 1
_TIMEOUT_SECONDS = 5.0
_SCHEMA = """
create table files (
    name blob primary key, size integer not null, changed integer not null, status_changed integer not null,
    inode integer not null, state text not null, since real not null, arrived real not null, reason text not null,
    fingerprint text, tries integer not null, due real not null
) without rowid
"""
_COLUMNS = 12
# Not a database, a damaged one, or one without the table; anything else, such as a lock, goes by.
# What SQLite tells is an extended code, whose last byte is one of these.
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)
# What a row raises that no version of this wrote.
_UNREADABLE = (ValueError, TypeError)


class State(StrEnum):
    """Where a file is on its way."""

    ARRIVING = "arriving"  # seen once as it is now: it may still be written
    READY = "ready"  # it rests, and waits for its turn
    ASKED = "asked"  # a run was asked for
    LOADED = "loaded"
    REFUSED = "refused"  # nothing is asked for until it changes
    IGNORED = "ignored"  # no CSV


@dataclass(frozen=True)
class File:
    """A file as it is now, its state since when, and why.

    `arrived` is when it was first seen as it is now, or when the ledger was found to have lost it. `fingerprint` is its
    SHA-256, empty where it is too large to read before its run, None until it was looked into. `tries` runs failed for
    what is not its own fault, or were lost by the ledger; the next is asked for at `due`, in seconds since the epoch as
    all times.
    """

    name: bytes
    mark: Mark
    state: State
    since: float
    arrived: float
    reason: str = ""
    fingerprint: str | None = None
    tries: int = 0
    due: float = 0.0

    @property
    def run_key(self) -> str:
        """The key by which Dagster knows the run of this try: another for each file, each change and each try."""
        what = b"\0".join([self.name, *(str(part).encode() for part in self.mark)])
        return f"landing-{sha256(what).hexdigest()[:32]}-{self.tries + 1}"


class Memory:
    """The memory, open: what it holds, and the one write with which a tick ends."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        rows = database.execute("select * from files").fetchall()
        self.files: Mapping[bytes, File] = {row[0]: _file(row) for row in rows}

    def keep(self, files: Mapping[bytes, File]) -> None:
        """Hold these files and no others from now on; whole or not at all."""
        changed = [_row(file) for name, file in files.items() if self.files.get(name) != file]
        gone = [(name,) for name in self.files if name not in files]
        with self._database:
            self._database.executemany(f"replace into files values ({', '.join('?' * _COLUMNS)})", changed)  # noqa: S608
            self._database.executemany("delete from files where name = ?", gone)
        self.files = dict(files)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


@contextmanager
def open_memory(path: Path) -> Iterator[Memory]:
    """Open the memory; a damaged one is put away and re-created. Raises SettingError where it cannot be kept."""
    try:
        with closing(_open(path)) as memory:
            yield memory
    except sqlite3.Error as error:
        message = f"What became of the files in the landing folder cannot be kept in {path}: {error}."
        raise SettingError(message, "see that the state folder can be written and its disk has room") from error


def recall(path: Path) -> list[File]:
    """Return what the memory holds, for who only reads; nothing, where none of this version was begun.

    Raises SettingError where it cannot be read, for nobody can tell then whether anything waits.
    """
    try:
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_SECONDS)) as database:
            return list(Memory(database).files.values()) if _version(database) == _VERSION else []
    except (sqlite3.Error, OSError, *_UNREADABLE) as error:
        message = f"What became of the files in the landing folder cannot be read in {path}: {error}."
        step = "see that you may read it and that `landing_sensor` runs: its next tick re-creates a damaged one"
        raise SettingError(message, step) from error


def _open(path: Path) -> Memory:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connect(path)
    except (sqlite3.DatabaseError, *_UNREADABLE) as error:
        if not _is_damage(error):
            raise
        path.unlink()
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        return _connect(path)


def _is_damage(error: Exception) -> bool:
    # What Python itself finds wrong has no code, such as a text that is no UTF-8.
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGED


def _connect(path: Path) -> Memory:
    database = sqlite3.connect(path, timeout=_TIMEOUT_SECONDS)
    try:
        database.execute("pragma synchronous = full")
        if _version(database) != _VERSION:
            with database:
                database.execute("drop table if exists files")
                database.execute(_SCHEMA)
                database.execute(f"pragma user_version = {_VERSION}")
        return Memory(database)  # which reads all of it, so that damage shows now
    except BaseException:
        database.close()
        raise


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("pragma user_version").fetchone()
    return int(version)


def _row(file: File) -> tuple[object, ...]:
    return (
        file.name, *file.mark, file.state.value, file.since, file.arrived, file.reason, file.fingerprint, file.tries,
        file.due,
    )  # fmt: skip


def _file(row: tuple[object, ...]) -> File:
    name, size, changed, status_changed, inode, state, *rest = row
    return File(name, Mark(size, changed, status_changed, inode), State(state), *rest)  # type: ignore[arg-type]
