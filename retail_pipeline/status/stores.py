"""Do stores hold each other up? Who waits for a lock and for whom, who was shut out, and what was done lately."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg2

from retail_pipeline.errors import WarehouseError, first_line
from retail_pipeline.settings import SQL, Settings
from retail_pipeline.status.line import Line, asked
from retail_pipeline.warehouse import tenant_acts
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline.warehouse.tenant_acts import Summary

# What waits is asked while everything may be locked.
_TIMEOUTS = "set lock_timeout = '2s'; set statement_timeout = '5s'"
MOST = 10


@dataclass(frozen=True)
class Waiting:
    """A session that waits for a lock, for how many seconds, and the sessions that it waits for."""

    role_name: str
    pid: int
    seconds: float
    holders: str


def lines(settings: Settings) -> list[Line]:
    """Return who waits for a lock, and what the watch did."""
    found = [
        *asked("locks", lambda: of_waiting(_waiting(settings))),
        *asked("shut out", lambda: of_acts(tenant_acts.summary(settings))),
    ]
    return found or [Line("stores", ok=True, state="let in", detail="nobody waits for a lock, nobody is shut out")]


def of_waiting(found: list[Waiting]) -> list[Line]:
    """Return a problem for each session that waits for a lock."""
    return [
        Line(
            f"{one.role_name} (pid {one.pid})",
            ok=False,
            state="waits",
            detail=f"for a lock of {one.holders}, for {one.seconds:.0f} s",
            next_step="a store's session that keeps others waiting is ended within seconds; any other ends by "
            "`select pg_terminate_backend(pid)`, as the administrator",
        )
        for one in found[:MOST]
    ]


def of_acts(summary: Summary) -> list[Line]:
    """Return a problem for each store that is shut out, and the other acts of the last hour for information."""
    shut = [
        Line(f"store {act.store_id}", ok=False, state="shut out", detail=act.sentence, next_step=act.next_step)
        for act in summary.shut_out
    ]
    told = [Line(f"store {act.store_id}", ok=True, state="ended", detail=act.sentence) for act in summary.lately[:MOST]]
    return [*shut, *told]


def _waiting(settings: Settings) -> list[Waiting]:
    try:
        with connect_dsn(settings.require("postgres_dsn"), autocommit=True) as opened, opened.cursor() as cursor:
            cursor.execute(_TIMEOUTS)
            cursor.execute((SQL / "status" / "waiting.sql").read_text())
            return [Waiting(*row) for row in cursor.fetchall()]
    except psycopg2.Error as error:
        raise WarehouseError(
            f"PostgreSQL does not say who waits: {first_line(error)}.",
            "see its line among the servers",
        ) from error
