"""No way in: each attack of the table, tried as the tenant itself, and what must work beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration.conftest import copy_of
from retail_pipeline_tests.integration.shop import rows
from retail_pipeline_tests.integration.warehouse import attacks


@pytest.fixture(scope="module")
def fortress(postgres_settings: Settings, sold_template: Settings) -> Iterator[Settings]:
    """Return one company for all attacks: none of them may change what the next one finds."""
    with copy_of(sold_template, postgres_settings) as settings:
        yield settings


@pytest.fixture(scope="module")
def everything(fortress: Settings) -> Iterator[Connection]:
    """Return a session that sees every row."""
    with connection.connect_dsn(fortress.require("postgres_dsn"), autocommit=True) as session:
        yield session


def test_the_attacker_is_a_store_and_nothing_more(fortress: Settings) -> None:
    with connection.connect(fortress, connection.store_role(1)) as store:
        assert rows(
            store,
            "select session_user::text, rolsuper, rolbypassrls, rolcreaterole, rolreplication from pg_roles "
            "where rolname = current_user",
        ) == [("store_user_1", False, False, False, False)]


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_an_attack_gets_nothing_and_its_control_works(name: str, fortress: Settings, everything: Connection) -> None:
    attack = attacks.ATTACKS[name]
    attacks.try_out(attack, fortress, everything)

    with connection.connect(fortress, connection.store_role(1)) as store:
        with store.cursor() as cursor:
            cursor.execute(attack.control)
            assert cursor.fetchall(), attack.control
        store.rollback()


def test_there_are_attacks_enough() -> None:
    assert len(attacks.ATTACKS) >= 60
