"""Any sequence of calls leaves what a simple model says: stock per product, and accounts that agree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.warehouse import consistency, sqlstates
from retail_pipeline_tests.integration.shop import NOT_STOCKED, PRODUCTS, STOCK, rows, run, sell, stock

_STOCKED = PRODUCTS[:3]
_BASKET = st.lists(st.tuples(st.sampled_from([*_STOCKED, NOT_STOCKED]), st.integers(1, 60)), min_size=1, max_size=4)


class Till(RuleBasedStateMachine):
    """One store's calls in one transaction that is rolled back, beside a model of what they should do."""

    sales = Bundle("sales")

    def __init__(self, session: Connection) -> None:
        super().__init__()
        self.session = session
        self.stock = dict.fromkeys(PRODUCTS, STOCK)
        self.left: dict[int, list[tuple[int, int]]] = {}
        self.keys: dict[str, tuple[list[tuple[int, int]], int]] = {}

    def _attempt(self, statement: str, *arguments: Any) -> str | None:
        """Call as the store; return the SQLSTATE of a refusal, after which nothing of it is left."""
        run(self.session, "savepoint attempt; set local role store_user_1")
        try:
            run(self.session, statement, *arguments)
        except psycopg2.Error as error:
            run(self.session, "rollback to attempt")
            return error.pgcode
        run(self.session, "reset role")
        return None

    def _sell(self, basket: list[tuple[int, int]], key: str | None) -> int | str:
        run(self.session, "savepoint attempt; set local role store_user_1")
        try:
            number = sell(self.session, [p for p, _ in basket], [q for _, q in basket], key=key)
        except psycopg2.Error as error:
            run(self.session, "rollback to attempt")
            return str(error.pgcode)
        run(self.session, "reset role")
        return number

    def _expected(self, basket: list[tuple[int, int]]) -> str | None:
        wanted: Counter[int] = Counter()
        for product, quantity in basket:
            wanted[product] += quantity
        for product in sorted(wanted):
            if product not in self.stock:
                return sqlstates.NOT_STOCKED
            if self.stock[product] < wanted[product]:
                return sqlstates.NOT_ENOUGH_STOCK
        return None

    @rule(target=sales, basket=_BASKET, key=st.none() | st.uuids().map(str))
    def sells(self, basket: list[tuple[int, int]], key: str | None) -> int:
        """Sell a basket that may be too much, with or without a key."""
        expected = self._expected(basket)
        number = self._sell(basket, key)
        if isinstance(number, str):
            assert number == expected
            return 0
        assert expected is None
        for product, quantity in basket:
            self.stock[product] -= quantity
        self.left[number] = list(basket)
        if key:
            self.keys[key] = (basket, number)
        return number

    @rule(change=st.booleans())
    def repeats(self, change: bool) -> None:
        """Repeat a call by its key, the same or another."""
        for key, (basket, number) in self.keys.items():
            if change:
                assert self._sell([(basket[0][0], basket[0][1] + 1), *basket[1:]], key) == sqlstates.KEY_USED_OTHERWISE
            else:
                assert self._sell(basket, key) == number

    @rule(number=sales, line=st.integers(1, 5), quantity=st.integers(1, 60))
    def returns(self, number: int, line: int, quantity: int) -> None:
        """Return units of a line that may not be there."""
        lines = self.left.get(number, [])
        possible = lines[line - 1][1] if line <= len(lines) else 0
        refused = self._attempt("call retail.return_items(1, %s, array[%s], array[%s])", number, line, quantity)
        if number not in self.left:
            assert refused == sqlstates.UNKNOWN_SALE
        elif quantity > possible:
            assert refused == sqlstates.NOT_THAT_MUCH_BACK
        else:
            assert refused is None
            product = lines[line - 1][0]
            lines[line - 1] = (product, possible - quantity)
            self.stock[product] = self.stock.get(product, 0) + quantity

    @rule(number=consumes(sales))
    def voids(self, number: int) -> None:
        """Void what is left of a sale."""
        refused = self._attempt("call retail.void_transaction(1, %s)", number)
        if number not in self.left:
            assert refused == sqlstates.UNKNOWN_SALE
            return
        rest = [(product, quantity) for product, quantity in self.left[number] if quantity]
        assert refused == (None if rest else sqlstates.NOT_THAT_MUCH_BACK)
        for product, quantity in rest:
            self.stock[product] += quantity
        self.left[number] = [(product, 0) for product, _ in self.left[number]]

    @rule(product=st.sampled_from([*_STOCKED, NOT_STOCKED]), quantity=st.integers(1, 50))
    def receives(self, product: int, quantity: int) -> None:
        """Receive goods, also of a product that was not stocked."""
        assert self._attempt("call retail.receive_stock(1, array[%s], array[%s])", product, quantity) is None
        self.stock[product] = self.stock.get(product, 0) + quantity

    @rule(product=st.sampled_from(_STOCKED), level=st.integers(0, 200))
    def corrects(self, product: int, level: int) -> None:
        """Set a stock by hand."""
        change = "update retail.inventory set inventory_level = %s where product_id = %s"
        assert self._attempt(change, level, product) is None
        self.stock[product] = level

    @invariant()
    def stock_is_that_of_the_model(self) -> None:
        """Compare every product's stock, and the tables with each other."""
        assert stock(self.session) == self.stock
        assert not any(consistency.violations(self.session).values())

    @invariant()
    def each_sale_is_there_once(self) -> None:
        """Compare the sales' numbers."""
        assert {number for (number,) in rows(self.session, "select transaction_id from retail.transactions")} == set(
            self.left
        )

    def teardown(self) -> None:
        """Leave the database as it was."""
        self.session.rollback()


def test_any_sequence_of_calls_does_what_the_model_says(superuser: Connection) -> None:
    superuser.autocommit = False

    class TillHere(Till):
        """A till of this test's database."""

        def __init__(self) -> None:
            super().__init__(superuser)

    run_state_machine_as_test(
        TillHere,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
