"""From where does the stream read? The logical slot: made with a snapshot of the same moment, watched, dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2.extensions import make_dsn
from psycopg2.extras import LogicalReplicationConnection
from psycopg2.sql import SQL, Identifier

from retail_pipeline.errors import ReplicationError, first_line
from retail_pipeline.settings import Settings
from retail_pipeline.tables import SLOT
from retail_pipeline.warehouse import connection

# How long a reader that was told to stop may keep the slot, in seconds.
_LET_GO_WITHIN = 10.0
# How long a slot in the making may wait for transactions of others, in seconds; a large load takes about as long.
_OTHERS_WITHIN = 120
_FAILING = ("unreserved", "lost")


@dataclass(frozen=True)
class ExportedSnapshot:
    """A slot that was just made: every change after `lsn` comes through it, every one before is in `snapshot`."""

    slot: str
    lsn: str
    snapshot: str


@dataclass(frozen=True)
class SlotHealth:
    """What PostgreSQL says of the slot; `retained_bytes` is the WAL that it keeps from being removed.

    At `limit_bytes` retained (None: without limit) PostgreSQL gives the slot up. `ours` tells one that `create` made
    from one that somebody re-created under its name, which knows nothing of the changes before.
    """

    active: bool
    wal_status: str
    retained_bytes: int
    safe_bytes: int | None
    confirmed_lsn: str
    invalidation_reason: str | None
    inactive_since: datetime | None
    beat_at: datetime | None
    limit_bytes: int | None
    ours: bool

    @property
    def usable(self) -> bool:
        """Whether every change since the initial snapshot that is not confirmed can still be read."""
        return self.ours and self.wal_status != "lost" and self.invalidation_reason is None

    @property
    def state(self) -> str:
        """Say in a word or two whether it can be used."""
        if self.usable:
            return self.wal_status
        return "lost" if self.ours else "another one, re-created by somebody"

    @property
    def share(self) -> float:
        """Which part of the limit is retained, from 0 to 1; 0 without a limit."""
        return self.retained_bytes / self.limit_bytes if self.limit_bytes else 0.0

    @property
    def in_danger(self) -> bool:
        """Whether WAL that it needs may be removed at the next checkpoint, or is gone."""
        return self.wal_status in _FAILING or not self.usable


@contextmanager
def create(settings: Settings) -> Iterator[ExportedSnapshot]:
    """Make the slot and export its snapshot, which can be entered as long as the block lasts."""
    # Not by `connection.connect_dsn`, for psycopg2 lets nobody see or set autocommit of a connection for replication.
    address = connection.parsed(connection.dsn(settings, connection.CDC))
    address.setdefault("application_name", "retail-pipeline slot")
    address["options"] = f"{address.get('options', '')} -c lock_timeout={_OTHERS_WITHIN}s".strip()
    try:
        replication = psycopg2.connect(make_dsn(**address), connection_factory=LogicalReplicationConnection)
    except psycopg2.OperationalError as error:
        raise ReplicationError(
            f"PostgreSQL does not let {connection.CDC} replicate: {first_line(error)}",
            "`retail-pipeline up` sets its password; a server of your own needs wal_level = logical",
        ) from error
    try:
        with replication.cursor() as cursor:
            command = SQL(_CREATE).format(Identifier(SLOT))
            try:
                cursor.execute(command)
            except psycopg2.errors.LockNotAvailable as error:
                raise ReplicationError(
                    f"The slot {SLOT} could not be made within {_OTHERS_WITHIN} s. It waits for every transaction that"
                    f" has written, and one is open: {_oldest_writer(settings)}.",
                    "end it with pg_terminate_backend(pid) where nobody needs it, then run the same again",
                ) from error
            except psycopg2.Error as error:
                raise ReplicationError(
                    f"The slot {SLOT} could not be made: {first_line(error)}",
                    "see pg_replication_slots and max_replication_slots; the initial snapshot can be taken again",
                ) from error
            row = cursor.fetchone()
            if row is None:
                raise ReplicationError(f"PostgreSQL made the slot {SLOT} without telling its snapshot.")
            yield ExportedSnapshot(row[0], row[1], row[2])
    finally:
        replication.close()


def drop(settings: Settings) -> bool:
    """Drop the slot, ending a reader that does not let go of it; False where there is none."""
    with connection.connect(settings, connection.CDC, autocommit=True) as opened, opened.cursor() as cursor:
        until = time.monotonic() + _LET_GO_WITHIN
        while True:
            cursor.execute(
                "select database, database = current_database(), active_pid from pg_replication_slots"
                " where slot_name = %s",
                (SLOT,),
            )
            row = cursor.fetchone()
            if row is None:
                return False
            database, ours, reader = row
            if not ours:
                raise ReplicationError(
                    f"The slot {SLOT} belongs to another database of this server, {database}.",
                    f"if nothing needs it, drop it: select pg_drop_replication_slot('{SLOT}')",
                )
            if reader is not None and time.monotonic() > until:
                cursor.execute("select pg_terminate_backend(%s)", (reader,))
            try:
                cursor.execute("select pg_drop_replication_slot(%s)", (SLOT,))
            except psycopg2.errors.ObjectInUse:
                if time.monotonic() > until + _LET_GO_WITHIN:
                    raise ReplicationError(
                        f"The slot {SLOT} is in use and its reader does not let go of it.",
                        "see pg_replication_slots.active_pid; stop that reader",
                    ) from None
                time.sleep(0.2)
            except psycopg2.errors.UndefinedObject:
                return False
            else:
                return True


def end_reader(settings: Settings) -> bool:
    """End the connection that reads the slot; False where there is none.

    PostgreSQL keeps one whose other end vanished without a sign for `wal_sender_timeout`, and lets nobody else read.
    """
    with connection.connect(settings, connection.CDC, autocommit=True) as opened, opened.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots"
            " where slot_name = %s and active_pid is not null",
            (SLOT,),
        )
        return cursor.fetchone() is not None


def health(settings: Settings) -> SlotHealth | None:
    """Ask PostgreSQL how the slot is; None where there is none."""
    with connection.connect(settings, connection.READER, autocommit=True) as opened, opened.cursor() as cursor:
        cursor.execute(_HEALTH, (SLOT,))
        row = cursor.fetchone()
    return SlotHealth(*row) if row else None


def position(lsn: str) -> int:
    """Return an LSN as PostgreSQL writes it, two hexadecimal halves, as the one number that Debezium writes."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


# FAILOVER lets a standby take the slot over, and is the mark of a slot of ours: Debezium and
# pg_create_logical_replication_slot make theirs without, and such a one begins after a gap.
_CREATE = "CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER true)"

# A slot is of one database; one of the same name in another database is not ours.
_HEALTH = """
    select
        s.active,
        coalesce(s.wal_status, 'lost'),
        coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint,
        s.safe_wal_size,
        coalesce(s.confirmed_flush_lsn::text, '0/0'),
        s.invalidation_reason,
        s.inactive_since,
        (select h.beat_at from retail.heartbeat as h),
        (
            select l.setting::bigint * 1048576
            from pg_settings as l
            where l.name = 'max_slot_wal_keep_size' and l.setting::bigint >= 0
        ),
        s.failover
    from pg_replication_slots as s
    where s.slot_name = %s and s.database = current_database()
"""


# A prepared transaction has no process.
_OLDEST_WRITER = """
    select coalesce(
        (
            select concat('pid ', a.pid, ', ', a.usename, ' in ', a.datname, ', since ', a.xact_start)
            from pg_stat_activity as a
            where a.backend_xid is not null
            order by age(a.backend_xid) desc
            limit 1
        ),
        (select concat('prepared ', p.gid, ', ', p.owner, ' in ', p.database) from pg_prepared_xacts as p limit 1),
        'it ended just now'
    )
"""


def _oldest_writer(settings: Settings) -> str:
    """Return which transaction has been open for longest of those that have written; only a superuser sees all."""
    address = settings.require("postgres_dsn")
    with connection.connect_dsn(address, autocommit=True) as opened, opened.cursor() as cursor:
        cursor.execute(_OLDEST_WRITER)
        return str((cursor.fetchone() or ("unknown",))[0])
