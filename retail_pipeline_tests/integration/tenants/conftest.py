"""A company in PostgreSQL and MongoDB, in which what is not store 1's has marks that nothing else has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retail_pipeline import analytics
from retail_pipeline.mirror import tenants
from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.conftest import copy_of
from retail_pipeline_tests.integration.warehouse.conftest import make_history


@pytest.fixture(scope="module")
def fortress(postgres_settings: Settings, warehouse_template: Settings, stack_settings: Settings) -> Iterator[Settings]:
    """Return one company for all attacks: none of them may change what the next one finds."""
    with copy_of(warehouse_template, postgres_settings) as warehouse:
        settings = mirrored.joined(warehouse, stack_settings)
        shop.seed(settings)
        make_history(settings)
        for store in (1, 2, 3):
            mirrored.bring(settings, store, 90 + store, "2024-05-01 10:00", [mirrored.Line(100, 9, 5)])
        mirrored.empty(settings)
        mirrored.fill(settings)
        analytics.run_all(settings)
        tenants.provision(settings)
        yield settings
