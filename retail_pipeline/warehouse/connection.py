"""How does something connect to PostgreSQL? As one role, at the address of the settings, for one purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from retail_pipeline import interruption
from retail_pipeline.errors import SettingError, WarehouseError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

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


def store_role(store_id: int) -> str:
    """Name the login role of a store."""
    return f"{STORES}_{store_id}"


def dsn(settings: Settings, role: str, database: str | None = None) -> str:
    """Give the address at which `role` connects, as a URI with its password in it.

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


@contextmanager
def connect_dsn(address: str, *, autocommit: bool = False) -> Iterator[Connection]:
    """Connect to an address; commit when the block ends, roll back when it raises, close either way."""
    parameters = parse_dsn(address)
    parameters.setdefault("application_name", _APPLICATION)
    parameters.setdefault("connect_timeout", "10")
    try:
        connection = psycopg2.connect(make_dsn(**parameters))
    except psycopg2.OperationalError as error:
        place = f"{parameters.get('host', 'localhost')}:{parameters.get('port', '5432')}"
        raise WarehouseError(
            f"PostgreSQL at {place} does not let {parameters.get('user', 'anybody')} in: {_first_line(error)}",
            "see `retail-pipeline status`; `retail-pipeline up` starts the embedded server and sets the passwords",
        ) from error
    connection.autocommit = autocommit
    interruption.register(connection)
    try:
        yield connection
        if not autocommit:
            connection.commit()
    finally:
        # Closing rolls back whatever an exception left open.
        connection.close()


@contextmanager
def connect(
    settings: Settings, role: str, *, autocommit: bool = False, database: str | None = None
) -> Iterator[Connection]:
    """Connect as `role`; commit when the block ends, roll back when it raises, close either way."""
    with connect_dsn(dsn(settings, role, database), autocommit=autocommit) as connection:
        yield connection


def _first_line(error: BaseException) -> str:
    """Give the server's first line, which holds the reason and never a password."""
    return str(error).strip().partition("\n")[0]
