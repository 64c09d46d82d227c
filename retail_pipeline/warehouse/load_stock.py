"""How does the stock follow a file? After its sales are committed, in small batches that no sale waits for long."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.errors import BlockedError, WarehouseError, first_line
from retail_pipeline.settings import SQL, Settings
from retail_pipeline.warehouse import connection, exclusion, limits, load_staging, lock_holders, locks
from retail_pipeline.warehouse.connection import one

SCRIPTS = SQL / "load"
# So many products are set in one transaction.
PRODUCTS = 2_000
# A sale waits for the rows of a batch that itself waits: shortly, for then all is released and tried again later. Less
# than deadlock_timeout, one second, after which PostgreSQL might end the sale instead.
LOCK_TIMEOUT = 0.5
# So long a store whose stock stays locked is come back to. After a while it is waited for long enough for the watch to
# end who locks it: only sales of that one store wait meanwhile.
TIMEOUT = 120.0
INSIST_AFTER, INSIST_TIMEOUT = 20.0, 2 * limits.WAIT
NEXT = "load the file again, which completes it; the next load of any file and `retail-pipeline up` do so too"
_PAUSE = (0.2, 1.0)
_SESSION = f"""
set search_path = pg_catalog, pg_temp;
set lock_timeout = '{round(LOCK_TIMEOUT * 1000)}ms';
set plan_cache_mode = force_custom_plan;
set session_replication_role = replica;
"""
_TABLES = ("inventory", "stock_movements", "products", "stores")
_PREPARED = ("stock_next", "stock_parents", "stock_lock", "stock_set")
_MOST = 2_147_483_647
_UNSET = "select file_id, name from retail.files where stock_to_set <> '{}' order by file_id"
_STORES = """
select store.store_id::integer, store.after::integer, (
    select count(*) from staging.stock_winner as winner
    where winner.store_id = store.store_id::integer and winner.product_id > store.after::integer
)
from retail.files cross join lateral jsonb_each_text(stock_to_set) as store (store_id, after)
where file_id = %s
order by 1
"""
_IS_MIGRATED = """
select exists (
    select from pg_attribute where attrelid = to_regclass('retail.files') and attname = 'stock_to_set'
)
"""


class _ComeMeanwhileError(Exception):
    """A product came to a store between the lock and the look, so that its stock is not locked."""


# Someone else is there: the batch is rolled back and done later.
_IN_THE_WAY = (
    pg_errors.LockNotAvailable,
    pg_errors.DeadlockDetected,
    pg_errors.UniqueViolation,
    _ComeMeanwhileError,
)


@dataclass
class _Part:
    """Stores whose stock is set together: small ones whole, or one, so many products at a time after the last."""

    stores: list[int]
    after: int = 0
    products: int = 0
    in_vain_since: float | None = None
    again_at: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What setting the stock of a file came to: the longest batch, and the stores that are left.

    Of each it is known who is in the way, or what PostgreSQL said against it.
    """

    longest: float = 0.0
    held: dict[int, list[lock_holders.Holder]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def left(self) -> dict[int, str]:
        """Return the reason of each store that is left."""
        held = {store: f"held by {lock_holders.named(holders)}" for store, holders in self.held.items()}
        return dict(sorted((held | self.faults).items()))

    def sentence(self, name: str) -> str:
        """Say which stores are left, or nothing."""
        if not self.left:
            return ""
        left = "; ".join(f"store {store}, {reason}" for store, reason in self.left.items())
        return f"The sales of {name} are loaded, and the stock is still to set of {left}."

    def raise_what_is_left(self, name: str) -> None:
        """Raise WarehouseError where stores are left, BlockedError where somebody is in the way of one."""
        if not self.left:
            return
        found = [holder for holders in self.held.values() for holder in holders]
        end = f"{found[0].next_step}; then " if found else ""
        kind = BlockedError if self.held else WarehouseError
        raise kind(self.sentence(name), f"{end}{NEXT}")


def unset(settings: Settings) -> list[str]:
    """Name the files whose sales are loaded and whose stock is not all set; none, where there is no ledger yet."""
    with connection.administer(settings, "The ledger could not be read") as session, session.cursor() as cursor:
        cursor.execute(_IS_MIGRATED)
        if not one(cursor)[0]:
            return []
        cursor.execute(_UNSET)
        return [name for _, name in cursor.fetchall()]


def complete(settings: Settings, report: Callable[[str], None] = lambda _: None, timeout: float = TIMEOUT) -> None:
    """Set what loads that were cut short left to set; BlockedError where somebody stays in the way.

    A load that is running does it itself, so beside one this does nothing.
    """
    with connection.connect(settings, connection.LOADER) as session, session.cursor() as cursor:
        if not exclusion.is_taken(session, locks.LOAD):
            report("a load is running, which sets the stock that another left to set")
            return
        outcomes = [(file[1], resume(settings, session, file, report, timeout)) for file in _unset(cursor)]
    for name, outcome in outcomes:
        outcome.raise_what_is_left(name)


def complete_others(settings: Settings, session: Connection, report: Callable[[str], None]) -> None:
    """Set what loads before this one left to set, as far as nobody is in the way; the caller holds the load's lock."""
    with session.cursor() as cursor:
        for file_id, name in _unset(cursor):
            outcome = resume(settings, session, (file_id, name), report, timeout=0.0)
            if outcome.left:
                report(outcome.sentence(name))


def resume(
    settings: Settings,
    session: Connection,
    file: tuple[int, str],
    report: Callable[[str], None],
    timeout: float = TIMEOUT,
) -> Outcome:
    """Go on with a file, by number and name, whose load was cut short: what is to set is found in the tables."""
    file_id, name = file
    report(f"completing the stock of {name}, whose load was cut short")
    with session.cursor() as cursor:
        cursor.execute("select set_config('load.file_id', %s, true)", (str(file_id),))
        cursor.execute("set local search_path = pg_catalog, pg_temp")
        load_staging.view_file_rows(cursor)
        cursor.execute((SCRIPTS / "stock_records.sql").read_text())
    session.commit()
    return set_all(settings, session, file_id, report, timeout)


def set_all(
    settings: Settings,
    session: Connection,
    file_id: int,
    report: Callable[[str], None],
    timeout: float = TIMEOUT,
) -> Outcome:
    """Set the stock that the ledger says is to set, by the records in `staging.stock_winner`, which is dropped then.

    A store that is locked is left for the others and come back to, for `timeout` seconds. Nothing is held meanwhile.
    """
    with session.cursor() as cursor:
        cursor.execute(_SESSION)
        for name in _PREPARED:
            cursor.execute((SCRIPTS / f"{name}.sql").read_text())
        waiting = deque(_parts(cursor, file_id))
        session.commit()
        longest, held, faults = 0.0, dict[int, list[lock_holders.Holder]](), dict[int, str]()
        while waiting:
            part = waiting.popleft()
            time.sleep(max(0.0, part.again_at - time.monotonic()))
            started = time.monotonic()
            more = _set_next(session, cursor, file_id, part, started)
            ended = time.monotonic()
            longest = max(longest, ended - started)
            if isinstance(more, Exception) and len(part.stores) > 1:
                # Only one of them may be in the way.
                waiting.extend(_Part([store]) for store in part.stores)
            elif isinstance(more, _IN_THE_WAY):
                store = part.stores[0]
                holders = _in_the_way_of(store, connection.holders(settings, LOCK_TIMEOUT, _TABLES))
                if part.in_vain_since is None:
                    part.in_vain_since = started
                    report(f"the stock of store {store} is held by {lock_holders.named(holders)}; trying again")
                if ended - part.in_vain_since >= timeout:
                    held[store] = holders
                    continue
                # Not in step with sales that come at a regular pace.
                part.again_at = ended + random.uniform(*_PAUSE)  # noqa: S311
                waiting.append(part)
            elif isinstance(more, Exception):
                faults[part.stores[0]] = first_line(more)
            elif more:
                part.in_vain_since = None
                waiting.appendleft(part)
        cursor.execute("drop table staging.stock_winner; deallocate all; reset all")
        session.commit()
    return Outcome(longest, held, faults)


def _set_next(session: Connection, cursor: Cursor, file_id: int, part: _Part, now: float) -> bool | Exception:
    """Set the next batch of a part and tell whether more of it follows; return why it could not be set."""
    try:
        if part.in_vain_since is not None and now - part.in_vain_since >= INSIST_AFTER:
            cursor.execute("set local lock_timeout = %s", (f"{INSIST_TIMEOUT}s",))
        more = _batch(cursor, file_id, part)
        session.commit()
    except (psycopg2.Error, _ComeMeanwhileError) as error:
        # One who is asked to stop stops, and without a session there is no other store to go on with.
        if session.closed or isinstance(error, pg_errors.QueryCanceled):
            raise
        session.rollback()
        return error
    return more


def _in_the_way_of(store: int, holders: Sequence[lock_holders.Holder]) -> list[lock_holders.Holder]:
    """Return who of these can hold a store's rows: no other store, unless it holds the whole table."""
    role = connection.store_role(store)
    return [one for one in holders if one.role == role or one.is_whole or not one.is_store]


def _batch(cursor: Cursor, file_id: int, part: _Part) -> bool:
    last, more = _MOST, False
    if len(part.stores) == 1:
        cursor.execute("execute stock_next (%s, %s, %s)", (part.stores[0], part.after, PRODUCTS - 1))
        if found := cursor.fetchone():
            (last,), more = found, True
    batch = (part.stores, part.after, last)
    cursor.execute("execute stock_parents (%s, %s, %s)", batch)
    _require_parents(*one(cursor))
    cursor.execute("execute stock_lock (%s, %s, %s)", batch)
    (locked,) = one(cursor)
    cursor.execute("execute stock_set (%s, %s, %s, %s, %s)", (*batch, file_id, more))
    stocked, broken, noted = one(cursor)
    if stocked != locked:
        raise _ComeMeanwhileError
    _require_parents(broken)
    if not noted:
        raise WarehouseError(f"File {file_id} left the ledger while its stock was being set.", "load it again")
    part.after = last
    return more


def _require_parents(broken: int) -> None:
    """Ask what the row triggers, which are off, would have asked."""
    if broken:
        raise WarehouseError(
            f"Stock would refer to what is not there: inventory -> stores, products ({broken} rows).",
            "load the file again, which completes it; if it stays, report it: it is a fault of the program",
        )


def _parts(cursor: Cursor, file_id: int) -> list[_Part]:
    """Divide what the ledger says is to set: a large store is a part, small ones that follow each other make one."""
    cursor.execute(_STORES, (file_id,))
    parts: list[_Part] = []
    for store_id, after, products in cursor.fetchall():
        last = parts[-1] if parts else None
        if last and not after and not last.after and last.products + products <= PRODUCTS:
            last.stores.append(store_id)
            last.products += products
        else:
            parts.append(_Part([store_id], after, products))
    return parts


def _unset(cursor: Cursor) -> list[tuple[int, str]]:
    cursor.execute(_UNSET)
    return cursor.fetchall()
