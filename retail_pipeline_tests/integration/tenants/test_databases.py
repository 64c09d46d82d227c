"""A store gets into the tenants' database and into no other of the server."""

from __future__ import annotations

import psycopg2
import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration.shop import rows, run

_LOGINS = (connection.store_role(1), connection.ADMIN, connection.LOADER, connection.READER, connection.CDC)


def _refusal(settings: Settings, role: str, database: str) -> str:
    """Try to log in; return what the server says, or nothing where it lets in."""
    try:
        psycopg2.connect(connection.dsn(settings, role, database)).close()
    except psycopg2.OperationalError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("database", ["postgres", "dagster", "template1"])
@pytest.mark.parametrize("role", _LOGINS)
def test_a_database_that_is_not_the_tenants_is_closed(role: str, database: str, fortress: Settings) -> None:
    assert "User does not have CONNECT privilege" in _refusal(fortress, role, database)
    assert not _refusal(fortress, role, fortress.require("postgres_dsn").rpartition("/")[2]), "and theirs is open"


@pytest.mark.parametrize("database", ["postgres", "dagster", "template1"])
def test_a_door_left_open_is_caught(database: str, fortress: Settings) -> None:
    with connection.connect_dsn(fortress.require("postgres_dsn"), autocommit=True) as superuser:
        run(superuser, f"grant connect on database {database} to public")
        try:
            assert not _refusal(fortress, connection.store_role(1), database)
        finally:
            run(superuser, f"revoke connect on database {database} from public")


def test_dagster_is_still_at_home_in_its_own_database(fortress: Settings, stack_settings: Settings) -> None:
    with connection.connect_dsn(stack_settings.require("dagster_dsn")) as own:
        assert rows(own, "select current_user::text, current_database()::text") == [("dagster", "dagster")]
    assert "CONNECT privilege" in _refusal(fortress, "dagster", fortress.require("postgres_dsn").rpartition("/")[2])
