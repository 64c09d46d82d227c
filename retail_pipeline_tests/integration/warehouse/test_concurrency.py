"""Many stores' tills at once: stock is right to the unit, nobody waits for ever, and a key makes one sale."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, consistency, sqlstates
from retail_pipeline_tests.integration.shop import PRODUCTS, STOCK, rows, run, sell, stock

_TILLS = 8


def at_once(settings: Settings, work: Callable[[Connection, int], Counter[str]]) -> Counter[str]:
    """Let several connections of store 1 do the work at the same moment; add up what they counted."""
    start = threading.Barrier(_TILLS)

    def till(number: int) -> Counter[str]:
        with connection.connect(settings, connection.store_role(1), autocommit=True) as session:
            start.wait()
            return work(session, number)

    with ThreadPoolExecutor(_TILLS) as pool:
        return sum(pool.map(till, range(_TILLS)), Counter())


def hammer(session: Connection, number: int, calls: int = 60) -> Counter[str]:
    """Sell baskets of hot products in any order, some twice in a basket; count units sold and refusals by SQLSTATE."""
    choose = random.Random(number)  # noqa: S311
    counted: Counter[str] = Counter()
    for _ in range(calls):
        basket = choose.choices(PRODUCTS, k=5)
        quantities = [choose.randint(1, 3) for _ in basket]
        try:
            sell(session, basket, quantities)
        except psycopg2.Error as error:
            counted[str(error.pgcode)] += 1
        else:
            counted["units"] += sum(quantities)
    return counted


def test_stock_is_right_to_the_unit_when_many_sell_the_same_products(company: Settings, superuser: Connection) -> None:
    counted = at_once(company, hammer)

    left = sum(stock(superuser).values())
    assert set(counted) == {"units", sqlstates.NOT_ENOUGH_STOCK}  # no deadlock, and some came too late
    assert left == STOCK * len(PRODUCTS) - counted["units"]
    assert not any(consistency.violations(superuser).values())


def test_nobody_sells_the_last_unit_twice(company: Settings, superuser: Connection) -> None:
    run(superuser, "update retail.inventory set inventory_level = 5 where product_id = 100")

    def sell_one(session: Connection, _: int) -> Counter[str]:
        try:
            sell(session, [100], [1])
        except psycopg2.Error as error:
            return Counter({str(error.pgcode): 1})
        return Counter(sold=1)

    counted = at_once(company, sell_one)

    assert counted == {"sold": 5, sqlstates.NOT_ENOUGH_STOCK: _TILLS - 5}
    assert stock(superuser)[100] == 0
    assert rows(superuser, "select count(*) from retail.transactions where stockout") == [(1,)]


def test_one_key_makes_one_sale_however_many_call_at_once(company: Settings, superuser: Connection) -> None:
    key = str(uuid.uuid4())

    def sell_with_key(session: Connection, _: int) -> Counter[str]:
        return Counter({str(sell(session, [100], [1], key=key)): 1})

    counted = at_once(company, sell_with_key)

    assert len(counted) == 1
    assert stock(superuser)[100] == STOCK - 1
    assert rows(superuser, "select count(*) from retail.transactions") == [(1,)]


def test_a_sale_is_taken_back_once_however_many_ask_at_once(company: Settings, superuser: Connection) -> None:
    with connection.connect(company, connection.store_role(1)) as session:
        number = sell(session, [100, 101], [5, 5])

    def take_back(session: Connection, till: int) -> Counter[str]:
        call = (
            "call retail.void_transaction(1, %s)"
            if till % 2
            else "call retail.return_items(1, %s, array[1,2], array[5,5])"
        )
        try:
            run(session, call, number)
        except psycopg2.Error as error:
            return Counter({str(error.pgcode): 1})
        return Counter(back=1)

    counted = at_once(company, take_back)

    assert counted == {"back": 1, sqlstates.NOT_THAT_MUCH_BACK: _TILLS - 1}
    assert set(stock(superuser).values()) == {STOCK}


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_stricter_isolation_never_oversells(isolation: str, company: Settings, superuser: Connection) -> None:
    def sell_strictly(session: Connection, number: int) -> Counter[str]:
        run(session, f"set default_transaction_isolation = '{isolation}'")
        return hammer(session, number, calls=10)

    counted = at_once(company, sell_strictly)

    assert set(counted) <= {"units", "40001", sqlstates.NOT_ENOUGH_STOCK}
    assert sum(stock(superuser).values()) == STOCK * len(PRODUCTS) - counted["units"]
    assert not any(consistency.violations(superuser).values())
