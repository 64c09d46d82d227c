"""Stock follows the lines of sales however they are written, and every change of it is a movement."""

from __future__ import annotations

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, consistency, sqlstates
from retail_pipeline_tests.integration.shop import NOT_STOCKED, STOCK, rows, run, sell, stock

_HEADER = (
    "insert into retail.transactions "
    "(transaction_date, customer_id, store_id, payment_method_id, promotion_applied, stockout) "
    "values ('2024-01-01', 11, 1, 1, false, false)"
)
_LINE = "insert into retail.transaction_details select max(transaction_id), %s, 1, %s, %s, 1 from retail.transactions"


def _consistent(superuser: Connection) -> bool:
    return not any(consistency.violations(superuser).values())


def test_lines_written_by_hand_take_their_units_out_of_the_stock(store_1: Connection, superuser: Connection) -> None:
    run(store_1, _HEADER)
    run(store_1, _LINE, 1, 100, 4)
    run(store_1, _LINE, 2, 100, 5)
    store_1.commit()

    assert stock(store_1)[100] == STOCK - 9
    assert _consistent(superuser)


def test_a_line_that_changes_or_goes_moves_the_stock_by_the_difference(
    store_1: Connection, superuser: Connection
) -> None:
    sell(store_1, [100, 101], [5, 5])
    steps = [
        ("update retail.transaction_details set quantity = 8 where product_id = 100", STOCK - 8),
        ("update retail.transaction_details set quantity = 2 where product_id = 100", STOCK - 2),
        ("update retail.transaction_details set unit_price = 1", STOCK - 2),
        ("update retail.transaction_details set product_id = 102 where product_id = 100", STOCK),
        ("update retail.transaction_details set product_id = 100 where product_id = 102", STOCK - 2),
        ("delete from retail.transaction_details where product_id = 100", STOCK),
    ]
    for step, level in steps:
        assert run(store_1, step), step
        store_1.commit()
        assert stock(store_1)[100] == level, step
        assert _consistent(superuser), step


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ((1, 100, STOCK + 1), sqlstates.NOT_ENOUGH_STOCK),
        ((1, NOT_STOCKED, 1), sqlstates.NOT_STOCKED),
        ((1, 100, 0), "23514"),
        ((1, 100, -5), "23514"),
        ((1, 999, 1), sqlstates.NOT_STOCKED),
    ],
)
def test_a_line_by_hand_is_refused_like_one_of_a_sale(
    line: tuple[int, int, int], state: str, store_1: Connection
) -> None:
    run(store_1, _HEADER)

    with pytest.raises(psycopg2.Error) as refused:
        run(store_1, _LINE, *line)

    assert refused.value.pgcode in {state, "23503"}


def test_a_line_cannot_grow_beyond_the_stock(store_1: Connection) -> None:
    sell(store_1, [100], [5])

    with pytest.raises(psycopg2.Error) as refused:
        run(store_1, "update retail.transaction_details set quantity = %s", STOCK + 1)

    assert refused.value.pgcode == sqlstates.NOT_ENOUGH_STOCK


def test_a_line_cannot_shrink_below_what_came_back_of_it_nor_go(store_1: Connection) -> None:
    number = sell(store_1, [100], [5])
    run(store_1, "call retail.return_items(1, %s, array[1], array[3])", number)
    store_1.commit()

    for change in (
        "update retail.transaction_details set quantity = 2",
        "update retail.transaction_details set product_id = 101",
        "delete from retail.transaction_details",
    ):
        with pytest.raises(psycopg2.Error):
            run(store_1, change)
        store_1.rollback()
    assert run(store_1, "update retail.transaction_details set quantity = 3") == 1


@pytest.mark.parametrize(
    "way",
    [
        _HEADER,
        "delete from retail.transaction_details where transaction_id = 1",
        "update retail.transaction_details set transaction_id = 2, line_number = 2 where transaction_id = 1",
    ],
)
def test_a_sale_without_lines_does_not_commit(way: str, store_1: Connection, superuser: Connection) -> None:
    lines = "select store_id, transaction_id, line_number from retail.transaction_details order by 1, 2"
    sell(store_1, [100], [1])
    sell(store_1, [101], [1])
    store_1.commit()
    before = rows(superuser, lines)
    run(store_1, way)

    with pytest.raises(psycopg2.Error) as refused:
        store_1.commit()

    assert refused.value.pgcode == sqlstates.SALE_WITHOUT_LINES
    assert rows(superuser, lines) == before
    assert rows(superuser, "select count(*) from retail.transactions") == [(2,)]


def test_a_whole_sale_can_go_in_one_transaction(store_1: Connection, superuser: Connection) -> None:
    sell(store_1, [100], [5])
    run(store_1, "delete from retail.transaction_details")
    run(store_1, "delete from retail.transactions")
    store_1.commit()

    assert stock(store_1)[100] == STOCK
    assert _consistent(superuser)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ("update retail.inventory set inventory_level = 30 where product_id = 100", -70),
        ("delete from retail.inventory where product_id = 100", -100),
        (f"insert into retail.inventory values (1, {NOT_STOCKED}, 12)", 12),
        (
            "insert into retail.inventory values (1, 100, 5) on conflict (store_id, product_id) do update "  # noqa: ISC004
            "set inventory_level = excluded.inventory_level",
            -95,
        ),
    ],
)
def test_a_change_of_stock_by_hand_is_a_correction_with_its_role(
    change: str, difference: int, store_1: Connection, superuser: Connection
) -> None:
    run(store_1, change)
    store_1.commit()

    assert rows(
        store_1, "select quantity, reason, role_name, transaction_id from retail.stock_movements where reason <> 'load'"
    ) == [(difference, "correction", "store_user_1", None)]
    assert _consistent(superuser)


def test_no_setting_of_a_store_hides_its_correction(store_1: Connection, superuser: Connection) -> None:
    for setting in ("app.reason", "retail.reason", "retail.loading", "retail.caller"):
        run(store_1, "select set_config(%s, 'retail_loader', false)", setting)
    run(store_1, "update retail.inventory set inventory_level = 1 where product_id = 100")
    store_1.commit()

    assert _consistent(superuser)


def test_movements_name_the_role_that_a_pool_became(company: Settings, superuser: Connection) -> None:
    run(superuser, "set role store_user_2")
    sell(superuser, [100], [1], store=2)
    run(superuser, "reset role")

    assert rows(superuser, "select role_name from retail.stock_movements where reason = 'sale'") == [("store_user_2",)]
    assert company.postgres_dsn


def test_history_that_the_loader_brings_moves_no_stock(company: Settings, superuser: Connection) -> None:
    with connection.connect(company, connection.LOADER) as loader:
        run(loader, "insert into retail.transactions values (7, '2024-01-01', 11, 1, 1, false, null, 1, true)")
        run(loader, "insert into retail.transaction_details values (7, 1, 1, 100, 5, 3.50), (7, 2, 1, 101, 5, 3.50)")
        run(
            loader,
            "insert into retail.files values (1, repeat('a', 64), true, 'x.csv', 1, 2, 2, 0, 0, '{}', '{}', now(), 1)",
        )
        run(
            loader,
            "insert into retail.observations values (1, 7, 1, 1, 2, 9, 'Monday', false), (1, 7, 2, 1, 3, 9, 'x', true)",
        )

    assert set(stock(superuser).values()) == {STOCK}
    assert _consistent(superuser)


def test_what_a_store_does_to_history_keeps_stock_and_movements_together(
    company: Settings, store_1: Connection, superuser: Connection
) -> None:
    test_history_that_the_loader_brings_moves_no_stock(company, superuser)
    for step in (
        "call retail.return_items(1, 7, array[1], array[2])",
        "update retail.transaction_details set quantity = 4 where line_number = 1",
        "update retail.transaction_details set quantity = 6 where line_number = 2",
        "delete from retail.transaction_details where line_number = 2",
    ):
        run(store_1, step)
        store_1.commit()
        assert _consistent(superuser), step
    assert (stock(store_1)[100], stock(store_1)[101]) == (STOCK + 3, STOCK + 5)
