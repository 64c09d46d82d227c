"""What was done to stores for what they did: written by the watch, read by operators, lifted by `store enable`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from psycopg2.extras import execute_values

from retail_pipeline.warehouse import limits
from retail_pipeline.warehouse.connection import READER, connect

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from retail_pipeline.settings import Settings

SHUT_OUT = "shut_out"
# What counts towards a shut-out: what a store did to others. The other kinds are limits of its own; and behind a
# snapshot any other store can use up the transactions that vacuum then cannot clean up after.
HARMFUL = frozenset({"blocking", "notifications", "stream", "memory"})


@dataclass(frozen=True)
class Act:
    """What was done to a store: since when it had done what it was ended for, and what that was, as a sentence.

    One that is not proven was done on a suspicion, and does not count towards a shut-out.
    """

    store_id: int
    kind: str
    since: datetime
    what: str
    acted_at: datetime | None = None
    proven: bool = True

    @property
    def harmed_others(self) -> bool:
        """Whether it counts towards a shut-out."""
        return self.proven and self.kind in HARMFUL

    @property
    def next_step(self) -> str:
        """What an operator does next."""
        if self.kind == SHUT_OUT:
            return f"ask the store what it runs, then `retail-pipeline store enable {self.store_id}`"
        if self.harmed_others:
            minutes = limits.SHUT_OUT_WINDOW // 60
            return f"nothing; {limits.SHUT_OUT_AFTER} such acts within {minutes} minutes shut the store out"
        if not self.proven:
            return "nothing; it does not count towards a shut-out"
        return "nothing; the store has to ask for less at a time"

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        return f"store {self.store_id}: {self.what} (since {self.since.isoformat(timespec='seconds')})"


@dataclass(frozen=True)
class Summary:
    """What an operator should know: the stores that are shut out, and what was done within the last hour."""

    shut_out: tuple[Act, ...]
    lately: tuple[Act, ...]


def record(cursor: Cursor, acts: Sequence[Act]) -> None:
    """Keep the acts of one look, which all have the same moment."""
    execute_values(
        cursor,
        "insert into retail.tenant_acts (store_id, kind, harmed_others, since, what) values %s",
        [(act.store_id, act.kind, act.harmed_others, act.since, act.what) for act in acts],
        page_size=1000,
    )


def to_shut_out(cursor: Cursor) -> dict[int, datetime]:
    """Return the stores that harmed others too often and are not shut out yet, with the moment of the first act.

    What was found at one look counts once, however many sessions it was.
    """
    cursor.execute(
        "select a.store_id, min(a.acted_at) from retail.tenant_acts as a "
        "where a.harmed_others and a.lifted_at is null and a.acted_at > now() - %s * interval '1 s' "
        "and not exists (select from retail.tenant_acts as o "
        "    where o.store_id = a.store_id and o.kind = 'shut_out' and o.lifted_at is null) "
        "group by a.store_id having count(distinct a.acted_at) >= %s",
        (limits.SHUT_OUT_WINDOW, limits.SHUT_OUT_AFTER),
    )
    return dict(cursor.fetchall())


def shut_out(cursor: Cursor) -> set[int]:
    """Return the stores that are shut out until an operator lets them in."""
    if not are_kept(cursor):
        return set()
    cursor.execute("select store_id from retail.tenant_acts where kind = 'shut_out' and lifted_at is null")
    return {store_id for (store_id,) in cursor.fetchall()}


def lift(cursor: Cursor, store_id: int) -> None:
    """Clear a store's record: nothing that it did before counts any longer."""
    if are_kept(cursor):
        cursor.execute(
            "update retail.tenant_acts set lifted_at = now() where store_id = %s and lifted_at is null", (store_id,)
        )


def are_kept(cursor: Cursor) -> bool:
    """Return whether the schema has come so far."""
    cursor.execute("select to_regclass('retail.tenant_acts') is not null")
    ((kept,),) = cursor.fetchall()
    return bool(kept)


def summary(settings: Settings) -> Summary:
    """Return who is shut out by the watch, not by an operator, and the acts of the last hour, the latest first."""
    with connect(settings, READER) as connection, connection.cursor() as cursor:
        if not are_kept(cursor):
            return Summary((), ())
        cursor.execute(
            "select store_id, kind, since, what, acted_at, harmed_others or kind <> all(%s), "
            "kind = 'shut_out' and lifted_at is null "
            "from retail.tenant_acts "
            "where acted_at > now() - interval '1 h' or kind = 'shut_out' and lifted_at is null order by act_id desc",
            (list(HARMFUL),),
        )
        found = [(Act(*fields), stands) for *fields, stands in cursor.fetchall()]
    return Summary(
        tuple(act for act, stands in found if stands),
        tuple(act for act, _ in found if act.kind != SHUT_OUT),
    )
