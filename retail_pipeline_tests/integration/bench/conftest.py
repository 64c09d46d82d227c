"""Benches leave nothing behind: each test here looks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration.shop import rows

_LEFT = """
select datname::text from pg_database where datname like 'walmart_bench%'
union all select rolname::text from pg_roles where rolname like 'retail_bench%'
"""


@pytest.fixture(autouse=True)
def nothing_is_left(postgres_settings: Settings) -> Iterator[None]:
    """Look after each test whether a database or a login of a bench is still there."""
    yield
    with connection.connect_dsn(postgres_settings.require("postgres_dsn")) as server:
        assert rows(server, _LEFT) == []
