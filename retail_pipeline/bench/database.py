"""Where is measured? In databases of the bench's own on the server that is there, with own logins; none stays."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.errors import RetailError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import locks, migrations
from retail_pipeline.warehouse.connection import STORES, connect_dsn
from retail_pipeline.warehouse.limits import MOST_CONNECTIONS
from retail_pipeline.warehouse.roles import STORE_SETTINGS

PREFIX = "walmart_bench"
UNRESTRICTED = "retail_bench_unrestricted"

_STORE_LOGIN = "retail_bench_store_"
_DURABILITY = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "wal_level",
    "wal_sync_method",
    "wal_compression",
    "max_wal_size",
    "commit_delay",
)


class BenchError(RetailError):
    """A bench could not be run, or its sides cannot be compared."""


def store_login(store: int) -> str:
    """Name the login that sells and asks for a store; like a store's own, but of the bench alone."""
    return f"{_STORE_LOGIN}{store}"


@dataclass(frozen=True)
class Site:
    """A migrated database to measure in, and the addresses of who measures."""

    settings: Settings
    passwords: dict[str, str]

    @property
    def superuser(self) -> str:
        """The address for set-up and for looking at what happened."""
        return self.settings.require("postgres_dsn")

    def address(self, login: str) -> str:
        """Return the address of one of the bench's logins."""
        parts = urlsplit(self.superuser)
        _, _, place = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}:{quote(self.passwords[login], safe='')}@{place}"))


@contextmanager
def sites(settings: Settings, *names: str, stores: int = 0) -> Iterator[list[Site]]:
    """Make a database for each name, with logins for the first `stores` stores; drop all of it at the end."""
    logins = [UNRESTRICTED, *(store_login(store) for store in range(1, stores + 1))]
    passwords = {login: secrets.token_urlsafe(24) for login in logins}
    databases = [f"{PREFIX}_{name}" for name in names]
    address = settings.require("postgres_dsn")
    with connect_dsn(address, autocommit=True) as server, server.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", (locks.BENCH,))
        if cursor.fetchone() != (True,):
            raise BenchError("Another bench is running on this server.", "wait until it has ended")
        _remove(cursor)  # of a bench that was killed
        try:
            found = [Site(_in(settings, database), passwords) for database in databases]
            for database, site in zip(databases, found, strict=True):
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
                migrations.migrate(site.superuser)
            for login in logins:
                _make_login(cursor, login, passwords[login])
            for site in found:
                _let_in(site, stores)
            yield found
        finally:
            _remove(cursor)


def durability(connection: Connection) -> dict[str, str]:
    """Read from the live server what a commit promises there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select name, current_setting(name) from pg_settings where name = any(%s) order by name",
            (list(_DURABILITY),),
        )
        return dict(cursor.fetchall())


def _in(settings: Settings, database: str) -> Settings:
    parts = urlsplit(settings.require("postgres_dsn"))
    return replace(settings, postgres_dsn=urlunsplit(parts._replace(path=f"/{database}")))


def _make_login(cursor: Cursor, login: str, password: str) -> None:
    """Make a login: a store's with the group, the limits and the rights of a store, the other without any bound."""
    role = sql.Identifier(login)
    bypass = sql.SQL("bypassrls" if login == UNRESTRICTED else "nobypassrls")
    # In this session alone: the password would stand in the server's log where that notes every statement.
    cursor.execute("set log_statement = 'none'")
    cursor.execute(sql.SQL("create role {} login {} password {}").format(role, bypass, sql.Literal(password)))
    if login == UNRESTRICTED:
        return
    cursor.execute(sql.SQL("alter role {} connection limit {}").format(role, sql.Literal(MOST_CONNECTIONS)))
    for setting, value in STORE_SETTINGS.items():
        cursor.execute(sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(setting), sql.Literal(value)))
    cursor.execute(sql.SQL("grant {} to {} with inherit true, set false").format(sql.Identifier(STORES), role))


def _let_in(site: Site, stores: int) -> None:
    """Map the stores' logins to their stores, and let the unrestricted one do everything with every row."""
    with connect_dsn(site.superuser) as connection, connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")  # the stores themselves come later
        cursor.execute(
            "insert into retail.role_store (role_name, store_id) select %s || s, s from generate_series(1, %s) as s",
            (_STORE_LOGIN, stores),
        )
        login = sql.Identifier(UNRESTRICTED)
        for statement in (
            "grant connect, temporary on database {database} to {login}",
            "grant usage, create on schema retail to {login}",
            "grant select, insert, update, delete on all tables in schema retail to {login}",
            "grant usage, select, update on all sequences in schema retail to {login}",
        ):
            database = sql.Identifier(connection.info.dbname)
            cursor.execute(sql.SQL(statement).format(database=database, login=login))


def _remove(cursor: Cursor) -> None:
    """Drop every database and login of a bench: the databases first, so that nothing refers to the logins."""
    cursor.execute("select datname from pg_database where starts_with(datname, %s)", (f"{PREFIX}_",))
    for (database,) in cursor.fetchall():
        cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))
    cursor.execute(
        "select rolname from pg_roles where rolname = %s or starts_with(rolname, %s)", (UNRESTRICTED, _STORE_LOGIN)
    )
    for (login,) in cursor.fetchall():
        cursor.execute(sql.SQL("drop role {}").format(sql.Identifier(login)))
