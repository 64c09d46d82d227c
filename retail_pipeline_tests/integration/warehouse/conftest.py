"""A warehouse with a small company in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import shop


@pytest.fixture
def company(warehouse: Settings) -> Settings:
    """Give a company of three stores, each with 100 of ten products and three customers of its own."""
    shop.seed(warehouse)
    return warehouse


@pytest.fixture
def superuser(company: Settings) -> Iterator[Connection]:
    """Give a session that sees everything, each statement of its own: for set-up and for looking at what happened."""
    with connection.connect_dsn(company.require("postgres_dsn"), autocommit=True) as session:
        yield session


@pytest.fixture
def store_1(company: Settings) -> Iterator[Connection]:
    """Give a session of the first store's own login."""
    with connection.connect(company, connection.store_role(1)) as session:
        yield session
        session.rollback()
