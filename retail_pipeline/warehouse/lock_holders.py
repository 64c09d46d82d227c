"""Who holds what somebody waited for in vain? Named with the next step, and never with what the session asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.errors import BlockedError

_SHOWN = 3
_STORE = re.compile(r"^store_user_(\d+)$")
# Every change, and every lock of a row, keeps a lock of its table until its transaction ends. Who has held one for as
# long as the other waited is who was waited for; it alone, where it holds a whole table.
_HOLDERS = """
select a.pid, a.usename, coalesce(a.application_name, ''), a.xact_start, coalesce(a.state, ''),
    array_agg(distinct c.relname::text),
    bool_or(l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) as whole
from pg_locks as l
inner join pg_stat_activity as a on a.pid = l.pid
inner join pg_class as c on c.oid = l.relation
where l.locktype = 'relation' and l.granted and l.mode <> 'AccessShareLock'
    and (
        l.database = 0 -- the catalog of the logins is of all databases
        or (
            l.database = (select d.oid from pg_database as d where d.datname = current_database())
            and c.relnamespace = to_regnamespace('retail') and c.relkind = 'r'
        )
    )
    and c.relname = any(coalesce(%s, array[c.relname::text]))
    and a.pid <> pg_backend_pid() and a.xact_start <= clock_timestamp() - make_interval(secs => %s)
group by a.pid, a.usename, a.application_name, a.xact_start, a.state
order by a.xact_start
"""
_ADVISORY = """
select a.pid, a.usename, coalesce(a.application_name, ''), coalesce(a.xact_start, a.state_change, a.backend_start),
    coalesce(a.state, ''), '{}'::text[], false
from pg_locks as l
inner join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.database = (
    select d.oid from pg_database as d where d.datname = current_database()
) and (l.classid::bigint << 32) + l.objid::bigint = %s
"""


@dataclass(frozen=True)
class Holder:
    """A session that holds what others wait for; `is_whole`: a whole table, from all who would change it."""

    pid: int
    role: str
    application: str
    since: datetime
    state: str
    tables: tuple[str, ...]
    is_whole: bool = False

    def __str__(self) -> str:
        """Say who it is, since when, and of what; never what it asked, which may hold a secret."""
        of = f" on {', '.join(self.tables)}" if self.tables else ""
        named = f" ({self.application})" if self.application else ""
        return (
            f"{self.role}{named}, process {self.pid}, {self.state}, since {self.since.astimezone(UTC):%H:%M:%S} UTC{of}"
        )

    @property
    def is_store(self) -> bool:
        """Return whether it is a store's login."""
        return _STORE.match(self.role) is not None

    @property
    def next_step(self) -> str:
        """Say how the session is ended."""
        end = f"as the administrator: select pg_terminate_backend({self.pid})"
        store = _STORE.match(self.role)
        return f"`retail-pipeline store disable {store[1]}` keeps it out, or {end}" if store else f"end it {end}"


def holders(cursor: Cursor, waited: float, tables: Sequence[str] | None = None) -> list[Holder]:
    """Find who has held locks of these tables, or of any, for `waited` seconds.

    The cursor is the administrator's, for nobody else sees every session.
    """
    cursor.execute(_HOLDERS, (None if tables is None else list(tables), waited))
    found = cursor.fetchall()
    whole = [row for row in found if row[-1]]
    return [_holder(row) for row in whole or found]


def advisory_holders(cursor: Cursor, lock: int) -> list[Holder]:
    """Find who holds an advisory lock."""
    cursor.execute(_ADVISORY, (lock,))
    return [_holder(row) for row in cursor.fetchall()]


def _holder(row: tuple[Any, ...]) -> Holder:
    pid, role, application, since, state, tables, is_whole = row
    return Holder(pid, role, application, since, state, tuple(tables), is_whole)


def named(found: Sequence[Holder]) -> str:
    """Name the holders in a phrase, the first of them where they are many."""
    if not found:
        return "somebody who has gone since"
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(map(str, found[:_SHOWN])) + more


def blocked(what: str, waited: float, found: Sequence[Holder], then: str = "run it again") -> BlockedError:
    """Make the error for what was not to be had in time: who holds it, and how that is ended."""
    return BlockedError(
        f"{what}: waited {waited:.0f} s for a lock that is held by {named(found)}.",
        f"{found[0].next_step}; then {then}" if found else then,
    )
