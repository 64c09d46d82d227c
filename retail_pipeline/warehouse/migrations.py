"""Which state is the schema in? The files of sql/migrations once each, those of sql/repeatable when they changed."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import errors as pg_errors

from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import SQL
from retail_pipeline.tables import RED, Table
from retail_pipeline.warehouse import locks
from retail_pipeline.warehouse.connection import connect_dsn

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

# Sales queue behind whoever waits for a table, so a script waits shortly and tries again: less than deadlock_timeout,
# one second, after which PostgreSQL might end the sale instead. See docs of lock_timeout.
_LOCK_TIMEOUT, _TRIES = "500ms", 60
# What repeatable files read of the declared tables.
_STREAMED = "retail.streamed"
_NUMBERED = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")


@dataclass(frozen=True)
class Script:
    """A file of SQL as it is now."""

    name: str
    text: str
    streamed: str = ""

    @property
    def sha256(self) -> str:
        """Return what identifies its text and what it reads of the declared tables."""
        return hashlib.sha256((self.text + self.streamed).encode()).hexdigest()


def migrate(dsn: str, folder: Path = SQL, streamed: Sequence[Table] = RED) -> list[str]:
    """Bring the database at `dsn`, an address of a superuser, to the state of the files; name those that were run.

    Each file is one transaction with its line in the ledger, under a lock that a second caller waits for. A repeatable
    file that reads the setting `retail.streamed`, the names of the streamed tables, is run again when these are others.
    """
    numbered = _scripts(folder / "migrations")
    repeatable = [
        replace(script, streamed=",".join(table.name for table in streamed)) if _STREAMED in script.text else script
        for script in _scripts(folder / "repeatable")
    ]
    ran: list[str] = []
    with connect_dsn(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (locks.MIGRATION,))
        connection.commit()
        _run(cursor, Script("bootstrap.sql", (folder / "bootstrap.sql").read_text()))
        connection.commit()
        applied = _applied(cursor)
        _refuse_rewritten_history(applied, numbered)
        pending = [script for script in numbered if script.name not in applied]
        pending += [script for script in repeatable if applied.get(script.name) != script.sha256 or pending]
        for script in pending:
            _run(cursor, script)
            cursor.execute(
                "insert into retail.schema_migrations (name, sha256, applied_at) values (%s, %s, now()) "
                "on conflict (name) do update set sha256 = excluded.sha256, applied_at = excluded.applied_at",
                (script.name, script.sha256),
            )
            connection.commit()
            ran.append(script.name)
    return ran


def _scripts(folder: Path) -> list[Script]:
    """Read the files of a folder in the order of their names."""
    scripts = [Script(path.name, path.read_text()) for path in sorted(folder.glob("*.sql"))]
    misnamed = [script.name for script in scripts if folder.name == "migrations" and not _NUMBERED.match(script.name)]
    if misnamed:
        raise WarehouseError(
            f"{', '.join(misnamed)} in {folder} has no place in the order.", "name it NNNN_what_it_does.sql"
        )
    return scripts


def _applied(cursor: Cursor) -> dict[str, str]:
    cursor.execute("select name, sha256 from retail.schema_migrations")
    return dict(cursor.fetchall())


def _refuse_rewritten_history(applied: dict[str, str], numbered: list[Script]) -> None:
    """Raise where a numbered file that was applied is now another, or gone, or would come before one that was."""
    now = {script.name: script.sha256 for script in numbered}
    past = sorted(name for name in applied if _NUMBERED.match(name))
    for name in past:
        if name not in now:
            raise WarehouseError(
                f"Migration {name} was applied to this database and is missing from the files.",
                "bring the file back; the database may belong to a newer version",
            )
        if now[name] != applied[name]:
            raise WarehouseError(
                f"Migration {name} was applied to this database and has been edited since.",
                "undo the edit, and write a new migration for what should change",
            )
    late = [script.name for script in numbered if past and script.name not in applied and script.name < past[-1]]
    if late:
        raise WarehouseError(
            f"Migration {late[0]} comes before {past[-1]}, which was applied already.",
            "give it a number after the last one",
        )


def _run(cursor: Cursor, script: Script) -> None:
    """Run a script in the transaction that begins with it; again where it would have held up the sales."""
    for tries_left in range(_TRIES, 0, -1):
        try:
            cursor.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
            cursor.execute("select set_config(%s, %s, true)", (_STREAMED, script.streamed))
            cursor.execute(script.text)
            cursor.execute("reset role")
        except (pg_errors.LockNotAvailable, pg_errors.DeadlockDetected) as error:
            cursor.connection.rollback()
            if tries_left == 1:
                raise WarehouseError(
                    f"{script.name} found no moment in which its tables were free: {str(error).strip()}.",
                    "end the sessions that keep them (see pg_stat_activity), then run it again",
                ) from error
            # Not in step with sales that come at a regular pace.
            time.sleep(random.uniform(0.1, 1.0))  # noqa: S311
        except psycopg2.Error as error:
            raise WarehouseError(f"{script.name} failed, and nothing of it was kept: {str(error).strip()}") from error
        else:
            return
