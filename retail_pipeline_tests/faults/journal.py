"""What did the writer commit? Its own record, a line of JSON for each step of a change, on disk before the next step.

A change is noted as `intended`, with the rows as they will be, before COMMIT; and as `committed` or `refused` after
it. Each change also puts a row with its id into a table of its own, in the same transaction. So where the connection
died during COMMIT, or the writer between two lines, the database can still be asked what became of the change.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from psycopg2.extensions import connection as Connection  # noqa: N812

INTENDED, COMMITTED, REFUSED = "intended", "committed", "refused"

# Who asks for an outcome takes the id where it is free. Where its transaction still works, that waits until it ended.
SCHEMA = """
create schema if not exists fault_suite;
create table if not exists fault_suite.changes (
    change_id uuid primary key,
    is_void boolean not null default false
);
grant usage on schema fault_suite to store_user, retail_admin;
grant select, insert on fault_suite.changes to store_user, retail_admin;
"""
MARK = "insert into fault_suite.changes (change_id) values (%s)"
_TAKE = "insert into fault_suite.changes (change_id, is_void) values (%s, true) on conflict do nothing"
_LOOK = "select is_void from fault_suite.changes where change_id = %s"

# A key's values as text, in the order of the key; the row as COPY writes it, None where it is no more.
Key = tuple[str, ...]
Rows = dict[tuple[str, Key], tuple[str, ...] | None]


@dataclass(frozen=True)
class Change:
    """One transaction of the writer: its id, what it did, and each row that it touched as it was at COMMIT."""

    id: str
    kind: str
    rows: Rows = field(default_factory=dict)


@dataclass
class Committed:
    """What journals say was committed: how many changes of each kind, and each row as the last of them left it.

    `touched` counts a row for each change that touched it.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    rows: Rows = field(default_factory=dict)
    touched: int = 0

    @property
    def changes(self) -> int:
        """Count the changes."""
        return self.kinds.total()

    def add(self, change: Change) -> None:
        """Take one more, made after those before."""
        self.kinds[change.kind] += 1
        self.rows.update(change.rows)
        self.touched += len(change.rows)


class Journal:
    """The file. Written by one process at a time; a line that a kill cut short is none.

    `unknown` are the changes whose outcome is not noted, the oldest first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unknown = dict.fromkeys(open_changes(path)) if path.exists() else {}
        self._file = path.open("a+b")
        if self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            if self._file.read() != b"\n":
                self._file.write(b"\n")

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def intend(self, change: Change) -> None:
        """Note a change before its COMMIT."""
        rows = [[table, list(key), None if row is None else list(row)] for (table, key), row in change.rows.items()]
        self.unknown[change.id] = None
        self._write({"event": INTENDED, "id": change.id, "kind": change.kind, "rows": rows})

    def conclude(self, change_id: str, *, committed: bool) -> None:
        """Note what became of it."""
        self._write({"event": COMMITTED if committed else REFUSED, "id": change_id})
        self.unknown.pop(change_id, None)

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                continue  # cut short by a kill, so the step after it was never taken


def open_changes(path: Path) -> list[str]:
    """Name the changes whose outcome nobody noted, the oldest first."""
    found: dict[str, None] = {}
    for line in _lines(path):
        if line["event"] == INTENDED:
            found[line["id"]] = None
        else:
            found.pop(line["id"], None)
    return list(found)


def changes_of(path: Path) -> Iterator[Change]:
    """Return the changes that are known to be committed, in the order in which they were; the writer may go on."""
    intended: dict[str, dict[str, Any]] = {}
    for line in _lines(path):
        if line["event"] == INTENDED:
            intended[line["id"]] = line
        elif (made := intended.pop(line["id"], None)) and line["event"] == COMMITTED:
            yield Change(
                made["id"],
                made["kind"],
                {(t, tuple(key)): None if row is None else tuple(row) for t, key, row in made["rows"]},
            )


def committed(*paths: Path) -> Committed:
    """Sum up what was committed, from journals of writers that touched no row in common.

    Raises ValueError where the outcome of a change is not known.
    """
    found = Committed()
    for path in paths:
        if unknown := open_changes(path):
            message = f"the outcome of {', '.join(unknown)} is not known"
            raise ValueError(message)
        for change in changes_of(path):
            found.add(change)
    return found


def resolve(journal: Journal, connection: Connection) -> int:
    """Ask the database for the outcome of every change that has none; return their number."""
    unknown = list(journal.unknown)
    for change_id in unknown:
        with connection, connection.cursor() as cursor:
            cursor.execute(_TAKE, (change_id,))
            cursor.execute(_LOOK, (change_id,))
            row = cursor.fetchone()
        journal.conclude(change_id, committed=row == (False,))
    return len(unknown)
