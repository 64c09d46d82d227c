"""A company whose mirror is complete and whose stream does not run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.database import Database

from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document, Line


@pytest.fixture
def company(warehouse: Settings, stack_settings: Settings) -> Settings:
    """Return a small company with two sales in each store, mirrored in MongoDB; nothing streams."""
    settings = mirrored.joined(warehouse, stack_settings)
    shop.seed(settings)
    for store in (1, 2, 3):
        mirrored.bring(settings, store, 10 * store + 1, "2024-04-10 15:00", [Line(100, 1, 5), Line(101, 2, 5)])
        mirrored.bring(settings, store, 10 * store + 2, "2024-04-11 15:00", [Line(100, 1, 5)])
    mirrored.empty(settings)
    mirrored.fill(settings)
    return settings


@pytest.fixture
def database(company: Settings) -> Iterator[Database[Document]]:
    """Return the mirror's database, to plant faults in."""
    with mirrored.administrator(company) as opened:
        yield opened
