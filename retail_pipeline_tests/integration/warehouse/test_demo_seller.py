"""The demo sells as the login of a store that can, and says of each that cannot why."""

from __future__ import annotations

import pytest

from retail_pipeline import demo
from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, roles
from retail_pipeline_tests.integration.shop import rows, stock
from retail_pipeline_tests.integration.warehouse import states

UNABLE = ("row security off", "read only", "a full pool", "its rows of inventory locked")


@pytest.mark.parametrize("state", UNABLE)
def test_a_store_that_cannot_sell_leaves_it_to_the_next(company: Settings, state: str) -> None:
    said: list[str] = []
    with states.TELLING[state](company):
        assert demo.seller(company, said.append) == ("store_user_2", 2)

    (line,) = said
    assert "store_user_1 cannot sell now, so another store does: " in line


def test_a_store_that_is_kept_out_leaves_it_to_the_next(company: Settings) -> None:
    roles.disable_store(company, 1)
    try:
        assert demo.seller(company, print) == ("store_user_2", 2)
    finally:
        roles.add_store(company, 1)


def test_the_first_store_sells_where_it_can_and_nothing_is_sold_by_asking(company: Settings) -> None:
    said: list[str] = []

    assert demo.seller(company, said.append) == ("store_user_1", 1)

    assert said == []
    with connection.connect(company, connection.store_role(1)) as store:
        assert set(stock(store).values()) == {100}
    # The first sale after a load has the next number.
    with connection.connect(company, connection.READER) as reader:
        assert rows(reader, "select last_value, is_called from retail.transaction_number") == [(1, False)]


def test_where_no_store_can_sell_it_says_so(company: Settings) -> None:
    said: list[str] = []
    with states.LOCKED["inventory"](company), pytest.raises(WarehouseError, match="No store can sell"):
        demo.seller(company, said.append)

    assert len(said) == 3
