"""A database for each test that asks for one: migrated, empty, and dropped at its end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, migrations, roles

_TEMPLATE = "warehouse_template"
_number = itertools.count(1)


def in_database(settings: Settings, database: str) -> Settings:
    """Return the settings of the same server's other database."""
    parts = urlsplit(settings.require("postgres_dsn"))
    return replace(settings, postgres_dsn=urlunsplit(parts._replace(path=f"/{database}")))


@pytest.fixture(scope="session")
def warehouse_template(postgres_settings: Settings) -> Settings:
    """Migrate the database that every `warehouse` is a copy of; nothing may be connected to it."""
    with connection.connect_dsn(postgres_settings.require("postgres_dsn"), autocommit=True) as server:
        server.cursor().execute(f"create database {_TEMPLATE}")
    settings = in_database(postgres_settings, _TEMPLATE)
    migrations.migrate(settings.require("postgres_dsn"))
    roles.provision(settings)
    return settings


@pytest.fixture
def warehouse(postgres_settings: Settings, warehouse_template: Settings) -> Iterator[Settings]:
    """Return a migrated database with no row in it, of this test alone; the service roles can log in."""
    with copy_of(warehouse_template, postgres_settings) as settings:
        yield settings


def open_logins(server: Settings) -> None:
    """Open each store's login that the test of another database left closed: a login is of the whole server."""
    with connection.connect_dsn(server.require("postgres_dsn")) as session, session.cursor() as cursor:
        cursor.execute(
            "do $$ declare closed record; begin for closed in"
            " select rolname from pg_catalog.pg_roles where rolname ~ '^store_user_[0-9]+$' and not rolcanlogin"
            " loop execute format('alter role %I login', closed.rolname); end loop; end $$"
        )


@contextmanager
def copy_of(template: Settings, server: Settings) -> Iterator[Settings]:
    """Return a copy of a database that nothing is connected to, and drop it in the end with its slots."""
    name = f"warehouse_{next(_number)}"
    original = urlsplit(template.require("postgres_dsn")).path.removeprefix("/")
    address = server.require("postgres_dsn")
    with connection.connect_dsn(address, autocommit=True) as session:
        session.cursor().execute(f"create database {name} template {original}")
    open_logins(server)
    settings = in_database(server, name)
    migrations.migrate(settings.require("postgres_dsn"))  # who may connect is not copied with the template
    yield settings
    with connection.connect_dsn(address, autocommit=True) as session, session.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(active_pid, 10000) from pg_replication_slots "
            "where database = %s and active_pid is not null",
            (name,),
        )
        cursor.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = %s", (name,)
        )
        cursor.execute(f"drop database {name} with (force)")
