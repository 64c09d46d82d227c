"""The check that becomes each store finds every way in which one sees or gives away too much, or sees too little."""

from __future__ import annotations

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, isolation, roles
from retail_pipeline_tests.integration import shop

# What is planted, and what the first store's login is then told of.
HOLES = {
    "no row-level security": (
        "alter table retail.inventory disable row level security",
        "store_user_1, inventory: sees 20 rows of other stores",
    ),
    "a policy for everybody": (
        "create policy planted on retail.demand_forecast for select to store_user using (true)",
        "store_user_1, demand_forecast: sees 2 rows of other stores",
    ),
    "rows that may be given away": (
        """
        grant update on retail.inventory to store_user;
        create policy planted on retail.inventory to store_user using (true) with check (true)
        """,
        "store_user_1, inventory: can move its rows to store 2",
    ),
    "own rows hidden": (
        "create policy planted on retail.inventory as restrictive to store_user using (false)",
        "store_user_1, inventory: sees 0 of its 10 rows",
    ),
}


@pytest.fixture
def company(warehouse: Settings) -> Settings:
    """Return three stores, each with ten products in stock and a forecast."""
    shop.seed(warehouse)
    return warehouse


def _plant(settings: Settings, statement: str) -> None:
    with connection.connect_dsn(settings.require("postgres_dsn"), autocommit=True) as superuser:
        shop.run(superuser, statement)


def test_it_finds_nothing_where_nothing_is_wrong(company: Settings) -> None:
    assert isolation.verdict(company) == isolation.Verdict((), ())


@pytest.mark.parametrize("hole", HOLES)
def test_it_finds_what_is_planted(company: Settings, hole: str) -> None:
    statement, finding = HOLES[hole]
    _plant(company, statement)

    assert finding in map(str, isolation.verdict(company).findings)


def test_it_finds_a_login_that_no_policy_binds(company: Settings) -> None:
    # Logins are of the whole server.
    _plant(company, "alter role store_user_1 bypassrls")
    try:
        found = list(map(str, isolation.verdict(company).findings))
    finally:
        _plant(company, "alter role store_user_1 nobypassrls")

    assert "store_user_1, every table: is or may become store_user_1, whom no policy binds" in found


def test_a_store_that_is_kept_out_sees_nothing_and_hides_no_other(company: Settings) -> None:
    _plant(company, HOLES["no row-level security"][0])
    roles.disable_store(company, 1)
    try:
        found = {finding.role for finding in isolation.verdict(company).findings}
    finally:
        roles.add_store(company, 1)

    assert found == {"store_user_2", "store_user_3"}


def test_a_store_without_a_login_cannot_be_told_of(company: Settings) -> None:
    _plant(company, "insert into retail.stores values (977, 'Nowhere')")

    told = isolation.verdict(company)

    assert told.findings == ()
    assert str(told.untold[0]) == 'store_user_977, every table: could not be told: role "store_user_977" does not exist'
    assert {one.role for one in told.untold} == {"store_user_977"}
