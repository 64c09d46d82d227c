"""What a sale writes, what it refuses and how it says so, and that a refusal leaves nothing behind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, consistency, sqlstates
from retail_pipeline_tests.integration.conftest import copy_of
from retail_pipeline_tests.integration.shop import NOT_STOCKED, STOCK, customer, rows, run, sell, stock

_FOOTPRINT = """
select 'transactions', count(*), 0 from retail.transactions
union all select 'lines', count(*), 0 from retail.transaction_details
union all select 'movements', count(*), sum(quantity) from retail.stock_movements
union all select 'stock', count(*), sum(inventory_level) from retail.inventory
union all select 'requests', count(*), 0 from retail.requests
union all select 'returns', count(*), 0 from retail.returns
union all select 'customers', count(*), 0 from retail.customers
union all select 'relations', count(*), 0 from retail.store_customers
order by 1
"""
_LATER = datetime(2026, 1, 1) + timedelta(days=365_000)  # noqa: DTZ001  the procedure takes UTC without a zone


@pytest.fixture(scope="module")
def refusing(postgres_settings: Settings, sold_template: Settings) -> Iterator[tuple[Connection, Connection]]:
    """Return sessions of store 1 and of one who sees everything, in a company that no refused call changes."""
    with (
        copy_of(sold_template, postgres_settings) as settings,
        connection.connect(settings, connection.store_role(1)) as store,
        connection.connect_dsn(settings.require("postgres_dsn"), autocommit=True) as everything,
    ):
        yield store, everything


def test_a_sale_writes_a_header_and_its_lines_at_the_listed_price_as_they_were_given(store_1: Connection) -> None:
    number = sell(store_1, [103, 101, 103], [2, 5, 1], promotion=2, weather=1, date=datetime(2024, 4, 10, 15))  # noqa: DTZ001

    assert rows(store_1, "select * from retail.transactions") == [
        (number, datetime(2024, 4, 10, 15), customer(1), 1, 1, True, 2, 1, False),  # noqa: DTZ001
    ]
    assert rows(store_1, "select * from retail.transaction_details order by line_number") == [
        (number, 1, 1, 103, 2, Decimal("103.50")),
        (number, 2, 1, 101, 5, Decimal("101.50")),
        (number, 3, 1, 103, 1, Decimal("103.50")),
    ]


def test_a_sale_takes_its_units_out_of_the_stock_and_notes_who_did_it(store_1: Connection) -> None:
    number = sell(store_1, [103, 101, 103], [2, 5, 1])

    assert stock(store_1)[103] == STOCK - 3
    assert stock(store_1)[101] == STOCK - 5
    assert rows(
        store_1,
        "select product_id, quantity, role_name from retail.stock_movements "
        "where reason = 'sale' and transaction_id = %s order by product_id",
        number,
    ) == [(101, -5, "store_user_1"), (103, -3, "store_user_1")]


def test_a_sale_takes_the_next_number_of_one_sequence_and_a_refused_one_takes_none(company: Settings) -> None:
    numbers = []
    for store in (1, 2, 1):
        with connection.connect(company, connection.store_role(store)) as session:
            with pytest.raises(psycopg2.Error):
                sell(session, [100], [STOCK + 1], store=store)
            session.rollback()
            numbers.append(sell(session, [100], [1], store=store))

    assert numbers == [1, 2, 3]


def test_a_sale_that_takes_a_product_to_zero_is_a_stockout_and_one_less_is_not(store_1: Connection) -> None:
    sell(store_1, [100], [STOCK - 1])
    sell(store_1, [100, 101], [1, 1])

    assert rows(store_1, "select stockout from retail.transactions order by transaction_id") == [(False,), (True,)]


def test_the_date_of_a_sale_is_cut_to_the_second_and_without_one_it_is_now(store_1: Connection) -> None:
    sell(store_1, [100], [1], date=datetime(2023, 12, 31, 23, 59, 59, 600_000))  # noqa: DTZ001
    sell(store_1, [100], [1])

    assert rows(
        store_1,
        "select transaction_date = '2023-12-31 23:59:59', "
        "   transaction_date = date_trunc('second', now() at time zone 'utc') "
        "from retail.transactions order by transaction_id",
    ) == [(True, False), (False, True)]


_REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "another_tenants_store": (sqlstates.OTHER_STORE, "store_user_1 cannot act for store 2", {"store": 2}),
    "a_store_that_does_not_exist": (sqlstates.OTHER_STORE, "store_user_1 cannot act for store 99", {"store": 99}),
    "no_store": (sqlstates.ARGUMENT_NOT_ALLOWED, "store is missing", {"store": None}),
    "an_unknown_product": (sqlstates.UNKNOWN_PRODUCT, "no product 999", {"products": [100, 999]}),
    "a_product_id_beyond_integers": (
        sqlstates.UNKNOWN_PRODUCT,
        "no product 3000000000",
        {"products": [100, 3 * 10**9]},
    ),
    "another_stores_customer": (sqlstates.NOT_A_CUSTOMER, "Customer 21 is not a customer of store 1", {"customer": 21}),
    "an_unknown_customer": (sqlstates.NOT_A_CUSTOMER, "Customer 9999 is not a customer of store 1", {"customer": 9999}),
    "no_customer": (sqlstates.NOT_A_CUSTOMER, "is not a customer of store 1", {"customer": None}),
    "a_product_not_stocked": (
        sqlstates.NOT_STOCKED,
        f"does not stock product {NOT_STOCKED}",
        {"products": [100, NOT_STOCKED]},
    ),
    "more_than_the_stock": (
        sqlstates.NOT_ENOUGH_STOCK,
        f"product 102 in store 1: wanted {STOCK + 1}, available {STOCK}",
        {"quantities": [1, STOCK + 1]},
    ),
    "more_than_the_stock_in_two_lines": (
        sqlstates.NOT_ENOUGH_STOCK,
        f"product 102 in store 1: wanted {STOCK + 1}, available {STOCK}",
        {"products": [102, 102], "quantities": [STOCK, 1]},
    ),
    "no_lines": (sqlstates.MALFORMED_LISTS, "are empty", {"products": [], "quantities": []}),
    "null_for_the_lists": (sqlstates.MALFORMED_LISTS, "are empty", {"products": None, "quantities": None}),
    "more_products_than_quantities": (sqlstates.MALFORMED_LISTS, "unequal length, 2 and 1", {"quantities": [1]}),
    "more_quantities_than_products": (sqlstates.MALFORMED_LISTS, "unequal length, 2 and 3", {"quantities": [1, 1, 1]}),
    "lists_of_lists": (
        sqlstates.MALFORMED_LISTS,
        "more than one dimension",
        {"products": [[100, 102]], "quantities": [[1, 1]]},
    ),
    "a_null_product": (sqlstates.MALFORMED_LISTS, "hold a NULL", {"products": [100, None]}),
    "a_null_quantity": (sqlstates.MALFORMED_LISTS, "hold a NULL", {"quantities": [1, None]}),
    "a_quantity_of_zero": (sqlstates.QUANTITY_OUT_OF_RANGE, "quantity of 0", {"quantities": [1, 0]}),
    "a_negative_quantity": (sqlstates.QUANTITY_OUT_OF_RANGE, "quantity of -5", {"quantities": [1, -5]}),
    "a_quantity_beyond_integers": (
        sqlstates.QUANTITY_OUT_OF_RANGE,
        "quantity of 3000000000",
        {"quantities": [1, 3 * 10**9]},
    ),
    "an_unknown_promotion": (sqlstates.UNKNOWN_REFERENCE, "no promotion 9", {"promotion": 9}),
    "an_unknown_weather": (sqlstates.UNKNOWN_REFERENCE, "no weather 9", {"weather": 9}),
    "an_unknown_payment_method": (sqlstates.UNKNOWN_REFERENCE, "no payment method 9", {"payment_method": 9}),
    "no_payment_method": (sqlstates.UNKNOWN_REFERENCE, "no payment method", {"payment_method": None}),
    "a_date_far_in_the_future": (sqlstates.IMPOSSIBLE_DATE, "cannot be: it is now", {"date": _LATER}),
    "an_infinite_date": (sqlstates.IMPOSSIBLE_DATE, "A sale at infinity cannot be", {"date": "infinity"}),
    "a_chosen_number": (sqlstates.ARGUMENT_NOT_ALLOWED, "given, not chosen", {"transaction_id": 5}),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_a_sale_is_refused_with_its_state_and_reason_and_leaves_nothing_behind(
    case: str, refusing: tuple[Connection, Connection]
) -> None:
    store, everything = refusing
    state, reason, arguments = _REFUSED[case]
    before = rows(everything, _FOOTPRINT)

    call: dict[str, Any] = {"products": [100, 102], "quantities": [1, 1], "key": str(uuid.uuid4()), "customer": 11}
    with pytest.raises(psycopg2.Error) as refused:
        sell(store, **(call | arguments))
    store.commit()

    assert refused.value.pgcode == state
    assert reason in str(refused.value)
    assert rows(everything, _FOOTPRINT) == before


def test_a_customer_of_another_store_and_one_who_does_not_exist_are_refused_alike(store_1: Connection) -> None:
    said = []
    for stranger in (21, 9999):
        with pytest.raises(psycopg2.Error) as refused:
            sell(store_1, [100], [1], customer=stranger)
        store_1.rollback()
        said.append((refused.value.pgcode, str(refused.value).replace(str(stranger), "X")))

    assert said[0] == said[1]


def test_every_refusal_has_a_meaning() -> None:
    states = {value for name, value in vars(sqlstates).items() if name.isupper() and isinstance(value, str)}

    assert states == set(sqlstates.MEANING)


def test_a_repeated_call_with_its_key_gives_the_first_sale_and_makes_no_other(store_1: Connection) -> None:
    key = str(uuid.uuid4())
    first = sell(store_1, [100], [STOCK], key=key)

    assert sell(store_1, [100], [STOCK], key=key) == first
    assert rows(store_1, "select count(*) from retail.transactions") == [(1,)]


def test_a_key_of_another_call_is_refused_and_of_another_store_is_not(company: Settings, store_1: Connection) -> None:
    key = str(uuid.uuid4())
    sell(store_1, [100], [1], key=key)
    store_1.commit()

    with pytest.raises(psycopg2.Error) as refused:
        sell(store_1, [100], [2], key=key)
    assert refused.value.pgcode == sqlstates.KEY_USED_OTHERWISE
    with connection.connect(company, connection.store_role(2)) as store_2:
        sell(store_2, [100], [2], store=2, key=key)


def test_headquarters_sells_for_any_store_that_exists(company: Settings) -> None:
    with connection.connect(company, connection.ADMIN) as headquarters:
        sell(headquarters, [100], [1], store=3)

        with pytest.raises(psycopg2.Error) as refused:
            sell(headquarters, [100], [1], store=99)
    assert refused.value.pgcode == sqlstates.OTHER_STORE


def test_what_is_returned_goes_back_once(store_1: Connection, superuser: Connection) -> None:
    number = sell(store_1, [100, 100, 101], [3, 2, 4])
    run(store_1, "call retail.return_items(1, %s, array[1, 2], array[2, 2])", number)
    store_1.commit()

    assert (stock(store_1)[100], stock(store_1)[101]) == (STOCK - 1, STOCK - 4)
    with pytest.raises(psycopg2.Error, match="line 1 of sale 1 can come back: wanted 2, possible 1") as refused:
        run(store_1, "call retail.return_items(1, %s, array[1], array[2])", number)
    store_1.rollback()
    assert refused.value.pgcode == sqlstates.NOT_THAT_MUCH_BACK
    assert not any(consistency.violations(superuser).values())


def test_what_is_voided_goes_back_once_without_what_had_been_returned(
    store_1: Connection, superuser: Connection
) -> None:
    number = sell(store_1, [100, 101], [3, 4])
    run(store_1, "call retail.return_items(1, %s, array[1], array[2])", number)
    run(store_1, "call retail.void_transaction(1, %s)", number)
    store_1.commit()

    assert set(stock(store_1).values()) == {STOCK}
    with pytest.raises(psycopg2.Error) as refused:
        run(store_1, "call retail.void_transaction(1, %s)", number)
    store_1.rollback()
    assert refused.value.pgcode == sqlstates.NOT_THAT_MUCH_BACK
    assert not any(consistency.violations(superuser).values())


def test_a_repeated_return_void_or_receipt_with_its_key_happens_once(store_1: Connection) -> None:
    number = sell(store_1, [100, 101], [3, 3])
    back, void, receipt = (str(uuid.uuid4()) for _ in range(3))
    for _ in range(2):
        run(store_1, "call retail.return_items(1, %s, array[1], array[1], %s)", number, back)
        run(store_1, "call retail.receive_stock(1, array[102], array[5], %s)", receipt)
        run(store_1, "call retail.void_transaction(1, %s, %s)", number, void)

    assert (stock(store_1)[100], stock(store_1)[101], stock(store_1)[102]) == (STOCK, STOCK, STOCK + 5)


_REFUSED_CALLS = {
    "returning_of_an_unknown_sale": (sqlstates.UNKNOWN_SALE, "call retail.return_items(1, 99, array[1], array[1])"),
    "returning_of_another_stores_sale": (sqlstates.UNKNOWN_SALE, "call retail.return_items(1, 2, array[1], array[1])"),
    "returning_for_another_store": (sqlstates.OTHER_STORE, "call retail.return_items(2, 2, array[1], array[1])"),
    "returning_an_unknown_line": (sqlstates.NOT_THAT_MUCH_BACK, "call retail.return_items(1, 1, array[7], array[1])"),
    "returning_nothing": (sqlstates.QUANTITY_OUT_OF_RANGE, "call retail.return_items(1, 1, array[1], array[0])"),
    "voiding_another_stores_sale": (sqlstates.UNKNOWN_SALE, "call retail.void_transaction(1, 2)"),
    "voiding_for_another_store": (sqlstates.OTHER_STORE, "call retail.void_transaction(2, 2)"),
    "receiving_an_unknown_product": (sqlstates.UNKNOWN_PRODUCT, "call retail.receive_stock(1, array[999], array[1])"),
    "receiving_for_another_store": (sqlstates.OTHER_STORE, "call retail.receive_stock(2, array[100], array[1])"),
    "receiving_a_negative_amount": (
        sqlstates.QUANTITY_OUT_OF_RANGE,
        "call retail.receive_stock(1, array[100], array[-1])",
    ),
    "registering_for_another_store": (sqlstates.OTHER_STORE, "call retail.register_customer(2, 30, 'F', 1, 'Gold')"),
    "registering_with_a_chosen_id": (
        sqlstates.ARGUMENT_NOT_ALLOWED,
        "call retail.register_customer(1, 30, 'F', 1, 'Gold', 21)",
    ),
    "registering_an_age_that_cannot_be": (
        sqlstates.ARGUMENT_NOT_ALLOWED,
        "call retail.register_customer(1, 151, 'F', 1, 'Gold')",
    ),
    "setting_a_price": ("42501", "call retail.set_price(100, 1)"),
}


@pytest.mark.parametrize("case", _REFUSED_CALLS)
def test_a_call_is_refused_with_its_state_and_leaves_nothing_behind(
    case: str, refusing: tuple[Connection, Connection]
) -> None:
    store, everything = refusing
    state, call = _REFUSED_CALLS[case]
    before = rows(everything, _FOOTPRINT)

    with pytest.raises(psycopg2.Error) as refused:
        run(store, call)
    store.commit()

    assert refused.value.pgcode == state
    assert rows(everything, _FOOTPRINT) == before


def test_more_stock_than_can_be_counted_is_refused(store_1: Connection) -> None:
    run(store_1, "update retail.inventory set inventory_level = 2147483647 where product_id = 100")

    with pytest.raises(psycopg2.Error) as refused:
        run(store_1, "call retail.receive_stock(1, array[100], array[1])")

    assert refused.value.pgcode == sqlstates.TOO_MUCH_STOCK


def test_received_goods_are_in_stock_also_of_a_product_that_was_not_stocked(store_1: Connection) -> None:
    run(store_1, f"call retail.receive_stock(1, array[{NOT_STOCKED}, 100, 100], array[7, 1, 2])")
    sell(store_1, [NOT_STOCKED], [7])

    assert stock(store_1)[NOT_STOCKED] == 0
    assert stock(store_1)[100] == STOCK + 3


def test_a_registered_customer_is_new_and_the_stores_own(company: Settings, store_1: Connection) -> None:
    ((number,),) = rows(store_1, "call retail.register_customer(1, 44, 'Female', 12345.67, 'Silver')")
    sell(store_1, [100], [1], customer=number)
    store_1.commit()

    assert rows(store_1, "select * from retail.customers where customer_id = %s", number) == [
        (number, 44, "Female", Decimal("12345.67"), "Silver")
    ]
    with connection.connect(company, connection.store_role(2)) as store_2:
        assert rows(store_2, "select count(*) from retail.customers where customer_id = %s", number) == [(0,)]


def test_a_new_price_counts_from_the_next_sale_on(company: Settings, store_1: Connection) -> None:
    sell(store_1, [100], [1])
    store_1.commit()
    with connection.connect(company, connection.ADMIN) as headquarters:
        run(headquarters, "call retail.set_price(100, 9.99)")
    sell(store_1, [100], [1])

    assert rows(store_1, "select unit_price from retail.transaction_details order by transaction_id") == [
        (Decimal("100.50"),),
        (Decimal("9.99"),),
    ]
