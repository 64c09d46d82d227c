"""How does something connect to PostgreSQL? As one role, at the address of the settings, for one purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import make_dsn, parse_dsn

from retail_pipeline import interruption
from retail_pipeline.errors import SettingError, WarehouseError, first_line
from retail_pipeline.warehouse import lock_holders

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812
    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from retail_pipeline.settings import Settings

ADMIN = "retail_admin"
CDC = "retail_cdc"
LOADER = "retail_loader"
OWNER = "retail_owner"
READER = "retail_reader"
RULES = "retail_rules"
STORES = "store_user"
SERVICES = (ADMIN, CDC, LOADER, READER)

SUPERUSER = "postgres"
_APPLICATION = "retail-pipeline"
# Connections that nobody has logged in by fill the server for `authentication_timeout`, 5 s: three waves of them.
ROOM_SECONDS = 15.0
_NO_ROOM = "too many clients already"
_AGAIN = 0.1
# A service asks and writes for everybody: whoever holds what it needs is named, and not waited for without end.
LOCK_SECONDS = 20.0


def store_role(store_id: int) -> str:
    """Name the login role of a store."""
    return f"{STORES}_{store_id}"


def dsn(settings: Settings, role: str, database: str | None = None) -> str:
    """Return the address at which `role` connects, as a URI with its password in it.

    The address of the administrator is left as it is for the administrator's own role.
    """
    address = settings.require("postgres_dsn")
    if not address.startswith(("postgresql://", "postgres://")):
        raise SettingError(
            "RETAIL_POSTGRES_DSN is not a URI, so other roles' addresses cannot be made from it.",
            "write it as postgresql://user:password@host:port/database",
        )
    parts = urlsplit(address)
    _, _, place = parts.netloc.rpartition("@")
    netloc = parts.netloc
    if role != unquote(parts.username or SUPERUSER):
        password = settings.credentials.password(f"postgres/{role}")
        netloc = f"{quote(role, safe='')}:{quote(password, safe='')}@{place}"
    path = parts.path if database is None else f"/{quote(database, safe='')}"
    return urlunsplit((parts.scheme, netloc, path, parts.query, parts.fragment))


def parsed(address: str) -> dict[str, str]:
    """Return the parameters of an address; SettingError, which does not quote it, where it is none of PostgreSQL's."""
    try:
        return dict(parse_dsn(address))
    except psycopg2.Error:
        # Without its cause, for libpq's own message holds the password.
        raise SettingError(
            "An address of PostgreSQL cannot be read.",
            "write it as postgresql://user:password@host:port/database, with %25 for a % in the password; see "
            "RETAIL_POSTGRES_DSN and RETAIL_DAGSTER_DSN",
        ) from None


@contextmanager
def connect_dsn(address: str, *, autocommit: bool = False, lock_seconds: float | None = None) -> Iterator[Connection]:
    """Connect to an address; commit when the block ends, roll back when it raises, close either way.

    With `lock_seconds` a statement that waits longer for a lock fails with LockNotAvailable. Where the server is full
    it is asked again for ROOM_SECONDS.
    """
    parameters = parsed(address)
    parameters.setdefault("application_name", _APPLICATION)
    parameters.setdefault("connect_timeout", "10")
    if lock_seconds is not None:
        bound = f"-c lock_timeout={round(lock_seconds * 1000)}"
        parameters["options"] = f"{parameters.get('options', '')} {bound}".strip()
    connection = _connected(parameters)
    connection.autocommit = autocommit
    interruption.register(connection)
    try:
        yield connection
        if not autocommit:
            connection.commit()
    finally:
        # Closing rolls back whatever an exception left open.
        connection.close()


def _connected(parameters: dict[str, str]) -> Connection:
    until = time.monotonic() + ROOM_SECONDS
    while True:
        try:
            return psycopg2.connect(make_dsn(**parameters))
        except psycopg2.OperationalError as error:
            if _NO_ROOM not in str(error) or time.monotonic() > until:
                place = f"{parameters.get('host', 'localhost')}:{parameters.get('port', '5432')}"
                raise WarehouseError(
                    f"PostgreSQL at {place} does not let {parameters.get('user', 'anybody')} in: {first_line(error)}",
                    "see `retail-pipeline status`; `retail-pipeline up` starts the embedded server and sets the "
                    "passwords",
                ) from error
        time.sleep(_AGAIN)


@contextmanager
def connect(
    settings: Settings,
    role: str,
    *,
    autocommit: bool = False,
    database: str | None = None,
    lock_seconds: float | None = None,
) -> Iterator[Connection]:
    """Connect as `role`; commit when the block ends, roll back when it raises, close either way.

    A service waits for a lock for `lock_seconds` or LOCK_SECONDS at most; then BlockedError names who holds it. A
    store's login has the limits of its own role.
    """
    address = dsn(settings, role, database)
    if role not in SERVICES:
        with connect_dsn(address, autocommit=autocommit) as connection:
            yield connection
        return
    bound = LOCK_SECONDS if lock_seconds is None else lock_seconds
    with (
        _naming_holders(settings, role, bound),
        connect_dsn(address, autocommit=autocommit, lock_seconds=bound) as service,
    ):
        yield service


@contextmanager
def administer(settings: Settings, what: str) -> Iterator[Connection]:
    """Connect as the administrator, who waits for a lock as long as a service; `what` fails where it is in vain."""
    address = settings.require("postgres_dsn")
    with _naming_holders(settings, what, LOCK_SECONDS), connect_dsn(address, lock_seconds=LOCK_SECONDS) as connection:
        yield connection


@contextmanager
def _naming_holders(settings: Settings, what: str, lock_seconds: float) -> Iterator[None]:
    """Turn a wait for a lock that was in vain into BlockedError, which names the holder."""
    try:
        yield
    except pg_errors.LockNotAvailable as error:
        raise lock_holders.blocked(what, lock_seconds, holders(settings, lock_seconds)) from error


@contextmanager
def explained() -> Iterator[None]:
    """Raise WarehouseError where PostgreSQL breaks off while the block uses an open connection."""
    try:
        yield
    except pg_errors.LockNotAvailable:
        raise  # the connection names who holds the lock
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise WarehouseError(
            f"PostgreSQL broke off while it was read: {first_line(error)}",
            "see `retail-pipeline status`, then run the step again: it starts over or goes on by itself",
        ) from error


def holders(settings: Settings, waited: float, tables: Sequence[str] | None = None) -> list[lock_holders.Holder]:
    """Find who has held locks of these tables, or of any of ours, for so many seconds."""
    with connect_dsn(settings.require("postgres_dsn"), autocommit=True) as administrator:
        return lock_holders.holders(administrator.cursor(), waited, tables)


def one(cursor: Cursor) -> tuple[Any, ...]:
    """Return the row of a question that has one."""
    row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise WarehouseError("PostgreSQL answered with no row where one must be.")
    return row
