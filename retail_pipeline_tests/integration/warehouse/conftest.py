"""A warehouse with a small company in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import shop
from retail_pipeline_tests.integration.conftest import copy_of


@pytest.fixture(scope="session")
def company_template(postgres_settings: Settings, warehouse_template: Settings) -> Iterator[Settings]:
    """Fill the database that every `company` is a copy of."""
    with copy_of(warehouse_template, postgres_settings) as settings:
        shop.seed(settings)
        yield settings


@pytest.fixture(scope="session")
def sold_template(postgres_settings: Settings, company_template: Settings) -> Iterator[Settings]:
    """Fill the database that every `sold` is a copy of."""
    with copy_of(company_template, postgres_settings) as settings:
        make_history(settings)
        yield settings


@pytest.fixture
def company(postgres_settings: Settings, company_template: Settings) -> Iterator[Settings]:
    """Return a company of three stores, each with 100 of ten products and three customers of its own."""
    with copy_of(company_template, postgres_settings) as settings:
        yield settings


@pytest.fixture
def superuser(company: Settings) -> Iterator[Connection]:
    """Return a session that sees everything, each statement of its own: for set-up and for looking at what happened."""
    with connection.connect_dsn(company.require("postgres_dsn"), autocommit=True) as session:
        yield session


@pytest.fixture
def store_1(company: Settings) -> Iterator[Connection]:
    """Return a session of the first store's own login."""
    with connection.connect(company, connection.store_role(1)) as session:
        yield session
        session.rollback()


@pytest.fixture
def sold(postgres_settings: Settings, sold_template: Settings) -> Iterator[Settings]:
    """Return a company in which every store has sold, taken back and been observed, and the others have secrets."""
    with copy_of(sold_template, postgres_settings) as settings:
        yield settings


def make_history(company: Settings) -> None:
    """Let every store sell and take back, and mark what is not store 1's with values that nothing else has."""
    for store in (1, 2, 3):
        with connection.connect(company, connection.store_role(store)) as session:
            number = shop.sell(session, [100, 101], [2, 3], store=store)
            shop.run(session, "call retail.return_items(%s, %s, array[1], array[1])", store, number)
    with connection.connect(company, connection.LOADER) as loader:
        shop.run(
            loader,
            "insert into retail.files values (1, repeat('a', 64), true, 'x.csv', 1, 3, 3, 0, 0, '{}', '{}', now(), 1)",
        )
        shop.run(
            loader,
            """
            insert into retail.transactions
            select 100 + s, '2024-01-01', 10 * s + 1, s, 1, false, null, 1, true from generate_series(1, 3) as s;
            insert into retail.transaction_details select 100 + s, 1, s, 109, 1, 5 from generate_series(1, 3) as s;
            insert into retail.observations
            select s, 100 + s, 1, 1, 1 + s, 9, 'Monday', false from generate_series(1, 3) as s;
            """,
        )
        shop.run(loader, "insert into retail.quarantine values (1, 9, 1, 1, '[{}]', '{}')")
        shop.run(
            loader,
            """
            update retail.stores set store_location = 'SECRET' where store_id <> 1;
            update retail.customers set gender = 'SECRET', income = 77770000 where customer_id > 20;
            update retail.transactions set transaction_date = '1977-07-07' where store_id <> 1;
            update retail.transaction_details set unit_price = 77770000 where store_id <> 1;
            update retail.demand_forecast set actual_demand = 77770000 where store_id <> 1;
            update retail.observations set weekday = 'SECRET', recorded_stock = 77770000 where store_id <> 1;
            insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
            select store_id, product_id, 77770000, 'load', 'SECRET' from retail.inventory where store_id <> 1;
            update retail.inventory set inventory_level = inventory_level + 77770000 where store_id <> 1;
            """,
        )
    with connection.connect_dsn(company.require("postgres_dsn"), autocommit=True) as superuser:
        shop.run(superuser, "analyze")
