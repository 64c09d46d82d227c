"""Does a store hold up what all share? Judged from one query, and ended, whatever limits the store has set itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

from retail_pipeline.settings import SQL
from retail_pipeline.warehouse import limits, locks, roles, tenant_acts
from retail_pipeline.warehouse.connection import connect_dsn, store_role
from retail_pipeline.warehouse.tenant_acts import Act

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from retail_pipeline.settings import Settings

_SOON = 0.1
_TRIES = 3
# A session that was told to end is asked for so often, in seconds, and for so long.
_INSTANT, _UNTIL_GONE = 0.002, 1.0
_NOTIFICATIONS = "notifications"
_QUERY = SQL / "watch" / "sessions.sql"
# What the watch itself asks must not wait for those whom it watches.
_TIMEOUTS = "set lock_timeout = '1s'; set statement_timeout = '10s'; set idle_session_timeout = 0"


@dataclass(frozen=True)
class Session:
    """A session that waits for a lock, or one of a store that is in a transaction; times are in seconds.

    `waited` is None where it waits for no lock, `statement_age` where it runs none. `whole_table` says that it waits
    for a lock which admits no writer, so that all who come later wait behind it, or holds one while it waits for
    another. `horizon` is in transactions.
    """

    pid: int
    store_id: int | None
    role_name: str
    place: str | None
    began: datetime
    transaction_age: float | None = None
    statement_age: float | None = None
    wrote: bool = False
    horizon: int = 0
    waited: float | None = None
    whole_table: bool = False
    blockers: tuple[int, ...] = ()

    @property
    def wishes_too_much(self) -> bool:
        """Whether a store waits for a whole table, or keeps one while it waits."""
        return self.whole_table and self.store_id is not None

    @property
    def title(self) -> str:
        """Name it for a person."""
        return f"session {self.pid} of {self.role_name}{f' from {self.place}' if self.place else ''}"


@dataclass(frozen=True)
class Queue:
    """How full the queue of notifications is, and for how many seconds it has been over its limit and grown no shorter.

    It cannot become shorter while a session holds its tail. Where it does, a listener has read on, and nobody is to
    blame, although another transaction may be old by then.
    """

    share: float = 0.0
    seconds: float = 0.0

    def later(self, share: float, seconds: float) -> Queue:
        """Return what is known when it is looked at again so many seconds later."""
        is_held = share >= self.share > limits.QUEUE_SHARE
        return Queue(share, self.seconds + seconds if is_held else 0.0)


@dataclass(frozen=True)
class Verdict:
    """A session to end, the limit that it went over, for how many seconds, and what it did as a sentence."""

    session: Session
    kind: str
    seconds: float
    what: str


def judge(sessions: Sequence[Session], queue: Queue) -> list[Verdict]:
    """Return which sessions of stores are to be ended, each for the most severe of its reasons."""
    found: dict[int, Verdict] = {}
    for verdict in (*_blocking(sessions), *_holding(sessions, queue), *_too_long(sessions)):
        found.setdefault(verdict.session.pid, verdict)
    return list(found.values())


def culprits(waiter: Session, by_pid: dict[int, Session]) -> list[Session]:
    """Return the sessions of other stores at the end of the chain of those that a session waits for.

    One that itself waits for a third is no culprit but a victim, unless it is a store that wishes for a whole table: no
    store has to. The others wait behind its wish and not for the third, and who keeps it waiting is right to. Nor is it
    a victim where it waits for a service that waits for it: the server has looked for that circle before it was one.
    """
    found: list[Session] = []
    seen, waiting = {waiter.pid}, [] if waiter.wishes_too_much else list(waiter.blockers)
    while waiting:
        pid = waiting.pop()
        if pid in seen or pid not in by_pid:
            continue
        seen.add(pid)
        session = by_pid[pid]
        if not session.wishes_too_much:
            waiting += session.blockers
        is_other = session.store_id not in (None, waiter.store_id)
        in_circle = waiter.store_id is None and waiter.pid in session.blockers
        if is_other and (session.waited is None or session.wishes_too_much or in_circle):
            found.append(session)
    return found


def pause(sessions: Sequence[Session], *, acted: bool) -> float:
    """Return the seconds until the next look: until who waits has waited too long, and soon after something was done.

    Behind who was ended may stand another, and those who wait have waited already.
    """
    if acted:
        return _SOON
    left = [limits.WAIT - session.waited + _SOON for session in sessions if session.waited is not None]
    return min([limits.PAUSE, *(seconds for seconds in left if seconds > 0)])


def _blocking(sessions: Sequence[Session]) -> Iterator[Verdict]:
    by_pid = {session.pid: session for session in sessions}
    held: dict[int, list[tuple[float, str]]] = {}
    for waiter in sessions:
        for culprit in culprits(waiter, by_pid):
            # Many short transactions one after the other may keep somebody waiting, and none of them is to blame.
            seconds = min(waiter.waited or 0.0, culprit.transaction_age or 0.0)
            if seconds > limits.WAIT:
                held.setdefault(culprit.pid, []).append((seconds, waiter.role_name))
    for pid, waiters in held.items():
        seconds, role = max(waiters)
        others = f" and {len(waiters) - 1:,} more" if len(waiters) > 1 else ""
        yield Verdict(by_pid[pid], "blocking", seconds, f"kept {role}{others} waiting for {seconds:.1f} s")


def _holding(sessions: Sequence[Session], queue: Queue) -> Iterator[Verdict]:
    """Find who holds back what all share although nobody waits for a lock of theirs."""
    if queue.share > limits.QUEUE_SHARE and queue.seconds > limits.QUEUE_HOLDER:
        old = [one for one in _of_stores(sessions) if (one.transaction_age or 0.0) > limits.QUEUE_HOLDER]
        # Nobody can see who listens, so the oldest goes first; the next look sees whether it was the one.
        for one in sorted(old, key=lambda one: one.transaction_age or 0.0)[-1:]:
            seconds = one.transaction_age or 0.0
            full = f"while the queue of notifications was {queue.share:.0%} full"
            what = f"kept a transaction open for {seconds:.0f} s {full}"
            yield Verdict(one, _NOTIFICATIONS, seconds, what)
    for one in _of_stores(sessions):
        seconds = one.transaction_age or 0.0
        if one.wrote and seconds > limits.WRITE_TRANSACTION:
            yield Verdict(one, "stream", seconds, f"kept the stream waiting for what it wrote {seconds:.0f} s ago")
        elif one.horizon > limits.HORIZON and seconds > limits.HORIZON_SECONDS:
            what = f"kept vacuum from cleaning up after {one.horizon:,} transactions"
            yield Verdict(one, "vacuum", seconds, what)


def _too_long(sessions: Sequence[Session]) -> Iterator[Verdict]:
    for one in _of_stores(sessions):
        if (one.transaction_age or 0.0) > limits.TRANSACTION:
            seconds = one.transaction_age or 0.0
            yield Verdict(one, "transaction", seconds, f"kept a transaction open for {seconds:.0f} s")
        elif (one.statement_age or 0.0) > limits.STATEMENT:
            seconds = one.statement_age or 0.0
            yield Verdict(one, "statement", seconds, f"ran a statement for {seconds:.0f} s")


def _of_stores(sessions: Sequence[Session]) -> list[Session]:
    return [session for session in sessions if session.store_id is not None]


def _session(row: dict[str, Any]) -> Session:
    return Session(**row | {"blockers": tuple(row["blockers"])})


class Watch:
    """Looks and acts on one connection that stays."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._query = _QUERY.read_text()
        self._ended: set[tuple[int, datetime]] = set()
        # What the one before did not come to.
        self._unfinished = True
        # Seconds until the next look.
        self.pause = limits.PAUSE
        self.queue = Queue()
        self._looked_at = time.monotonic()

    def look(self) -> list[Act]:
        """Look once and end what is over a limit; shut out who was ended too often. Return what was done."""
        with self._connection.cursor() as cursor:
            if not tenant_acts.are_kept(cursor):
                return []
            self._look_at_queue(cursor)
            cursor.execute(self._query)
            names = [column.name for column in cursor.description or ()]
            sessions = [_session(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
        self._ended &= {(session.pid, session.began) for session in sessions}
        # Who may hold the queue goes first: it is to be seen whether that is what makes the queue shorter.
        verdicts = sorted(judge(sessions, self.queue), key=lambda verdict: verdict.kind != _NOTIFICATIONS)
        acts = [self._end(verdict) for verdict in verdicts if self._is_new(verdict.session)]
        done = [act for act in acts if act is not None]
        self.record(done)
        self.pause = pause(sessions, acted=bool(done))
        return done + self.shut_out()

    def record(self, acts: Sequence[Act]) -> None:
        """Keep what was done, here or in MongoDB."""
        if acts:
            self._unfinished = True
            with self._connection.cursor() as cursor:
                tenant_acts.record(cursor, acts)

    def shut_out(self) -> list[Act]:
        """Let nobody in who was ended too often for what it did to others; who resists is for the next look.

        It never fails, not even where the connection is lost: what was done before is to be told.
        """
        if not self._unfinished:
            return []
        try:
            with self._connection.cursor() as cursor:
                to_shut_out = tenant_acts.to_shut_out(cursor)
        except psycopg2.Error:
            return []
        done = []
        self._unfinished = False
        for store_id, since in to_shut_out.items():
            try:
                done.append(self._close(store_id, since))
            except psycopg2.Error:
                self._unfinished = True
        return done

    def _close(self, store_id: int, since: datetime) -> Act:
        """Close a store's login. Its sessions end first, for one that changes the login keeps it from being closed."""
        role = store_role(store_id)
        closing = sql.SQL("alter role {} nologin").format(sql.Identifier(role))
        with self._connection.cursor() as cursor:
            for tries_left in reversed(range(_TRIES)):
                roles.end_sessions(cursor, role, wait=0)
                try:
                    cursor.execute(closing)
                    break
                except psycopg2.Error:
                    if not tries_left:
                        raise
            what = f"{role} cannot log in: it was ended {limits.SHUT_OUT_AFTER} times for what it did to others"
            act = Act(store_id, tenant_acts.SHUT_OUT, since, what)
            tenant_acts.record(cursor, [act])
            # Who came in before the login was closed.
            roles.end_sessions(cursor, role, wait=0)
        return act

    def stores_shut_out(self) -> set[int]:
        """Return the stores that nobody has let in again."""
        with self._connection.cursor() as cursor:
            return tenant_acts.shut_out(cursor)

    def _is_new(self, session: Session) -> bool:
        """Return whether a session was not ended yet: a busy machine may take a while to do it."""
        return (session.pid, session.began) not in self._ended

    def _look_at_queue(self, cursor: Cursor) -> None:
        now = time.monotonic()
        self.queue = self.queue.later(_queue_share(cursor), now - self._looked_at)
        self._looked_at = now

    def _end(self, verdict: Verdict) -> Act | None:
        session, proven = verdict.session, True
        is_suspicion = verdict.kind == _NOTIFICATIONS
        with self._connection.cursor() as cursor:
            share = _queue_share(cursor) if is_suspicion else 0.0
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid = %s and backend_start = %s",
                (session.pid, session.began),
            )
            if (True,) not in cursor.fetchall():
                return None
            if is_suspicion:
                proven = _held_the_queue(cursor, session, share)
        self._ended.add((session.pid, session.began))
        since = datetime.now(UTC) - timedelta(seconds=verdict.seconds)
        what = f"{session.title} {verdict.what}; the session was ended{'' if proven else ', and was not the one'}"
        return Act(session.store_id or 0, verdict.kind, since, what, proven=proven)


def _queue_share(cursor: Cursor) -> float:
    """Return how full the queue of notifications is.

    Asking moves its tail past what everybody has read, which nothing else does.
    """
    cursor.execute("select pg_notification_queue_usage()")
    ((share,),) = cursor.fetchall()
    return float(share)


def _held_the_queue(cursor: Cursor, session: Session, share: float) -> bool:
    """Return whether the queue becomes shorter at the moment at which a session that was told to end is gone.

    Nobody can see who listens. At the next look it were too late to ask: the store that did hold the queue could let go
    of it when it sees that the session of another is gone, and that one would be to blame.
    """
    end = time.monotonic() + _UNTIL_GONE
    while time.monotonic() < end:
        cursor.execute(
            "select exists (select from pg_stat_activity where pid = %s and backend_start = %s)",
            (session.pid, session.began),
        )
        if (False,) in cursor.fetchall():
            return _queue_share(cursor) < share
        time.sleep(_INSTANT)
    return False


@contextmanager
def watching(settings: Settings) -> Iterator[Watch | None]:
    """Return the one watch of this database, or None where another has it already."""
    with connect_dsn(settings.require("postgres_dsn"), autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute(_TIMEOUTS)
            cursor.execute("select set_config('retail.watch_wait', %s, false)", (str(limits.WAIT),))
            cursor.execute("select pg_try_advisory_lock(%s)", (locks.WATCH,))
            ((mine,),) = cursor.fetchall()
        yield Watch(connection) if mine else None
