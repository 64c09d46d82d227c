"""The table of privileges in the documentation is read from the live catalog."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline_tests.integration.shop import run
from retail_pipeline_tests.integration.warehouse import privileges


def test_the_matrix_tells_whole_and_narrowed_rights_apart(superuser: Connection) -> None:
    cells = privileges.matrix(superuser)

    assert cells["store_user", "transactions"] == "siud"
    assert cells["store_user", "inventory"] == "siud"
    assert cells["store_user", "products"] == "S"
    assert cells["store_user", "requests"] == ""
    assert cells["retail_admin", "inventory"] == "SIUD"
    assert cells["retail_admin", "transactions"] == "SiuD"
    assert cells["retail_reader", "customers"] == "S"
    assert cells["retail_cdc", "heartbeat"] == "SIU"


def test_a_grant_too_many_shows_in_the_matrix(superuser: Connection) -> None:
    before = privileges.markdown(superuser)
    run(superuser, "grant truncate on retail.inventory to store_user")

    assert privileges.markdown(superuser) != before
    assert privileges.matrix(superuser)["store_user", "inventory"] == "siudT"
