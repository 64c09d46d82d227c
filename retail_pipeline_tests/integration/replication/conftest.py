"""A company whose changes stream to MongoDB, from a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.database import Database

from retail_pipeline.mirror import initial_snapshot
from retail_pipeline.replication import connectors, slot
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, migrations
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.conftest import in_database, open_logins
from retail_pipeline_tests.integration.mirrored import Document, Line

_DATABASE = "streamed"


@pytest.fixture(scope="module")
def prepared(stack_settings: Settings, warehouse_template: Settings) -> Iterator[Settings]:
    """Return a small company with sales; MongoDB is empty and nothing streams."""
    address = stack_settings.require("postgres_dsn")
    template = warehouse_template.require("postgres_dsn").rpartition("/")[2]
    with connection.connect_dsn(address, autocommit=True) as server:
        server.cursor().execute(f"create database {_DATABASE} template {template}")
    open_logins(stack_settings)
    settings = mirrored.joined(in_database(stack_settings, _DATABASE), stack_settings)
    try:
        migrations.migrate(settings.require("postgres_dsn"))
        shop.seed(settings)
        for store in (1, 2, 3):
            mirrored.bring(settings, store, 10 * store + 1, "2024-04-10 15:00", [Line(100, 1, 5), Line(101, 2, 5)])
        mirrored.empty(settings)
        yield settings
    finally:
        try:
            connectors.halt(settings)
        finally:
            slot.drop(settings)
            with connection.connect_dsn(address, autocommit=True) as server:
                server.cursor().execute(f"drop database {_DATABASE} with (force)")


@pytest.fixture(scope="module")
def streaming(prepared: Settings) -> Settings:
    """Return the company with the initial snapshot taken and its changes streaming."""
    initial_snapshot.take(prepared)
    return prepared


@pytest.fixture
def database(prepared: Settings) -> Iterator[Database[Document]]:
    """Return the mirror's database."""
    with mirrored.administrator(prepared) as opened:
        yield opened
