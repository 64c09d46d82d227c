"""What does one store do all day? Sales, returns, corrections and deletes, each by the login that makes it."""

from __future__ import annotations

import io
import random
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline_tests.faults import comparison
from retail_pipeline_tests.faults import journal as journals

_SALES_KNOWN = 400

Touched = set[tuple[str, tuple[int, ...]]]


class NothingToDoError(Exception):
    """The store has nothing left to which such a change could be made."""


class Shop:
    """One store, as one login sees it; a method for each kind of change, which gives the rows that it touched."""

    def __init__(self, store: int, connection: Connection, chance: random.Random) -> None:
        self.store = store
        self.connection = connection
        self._chance = chance
        self._cursor = connection.cursor()
        self._customers = [
            row[0] for row in self._ask("select customer_id from retail.store_customers where store_id = %s", store)
        ]
        # Chosen here: to let the database shuffle a store's stock for each sale would cost it more than the sale does.
        self._products = [
            row[0] for row in self._ask("select product_id from retail.inventory where store_id = %s", store)
        ]
        ends = (
            "(select transaction_id from retail.transactions where store_id = %s order by transaction_id {} limit %s)"
        )
        # The first sales too: rows that came by the load are changed and deleted by the stream.
        query = f"{ends.format('')} union {ends.format('desc')}"
        self._sales = [row[0] for row in self._ask(query, store, _SALES_KNOWN, store, _SALES_KNOWN)]
        self._made: list[int] = []
        connection.rollback()

    def sale(self) -> Touched:
        """Sell up to five products; the lines are one statement's."""
        number = self._sell(self._in_stock(self._chance.randint(1, 5)))
        return self._rows_of(number)

    def large_sale(self) -> Touched:
        """Sell many products at once."""
        return self._rows_of(self._sell(self._in_stock(60)))

    def several_sales(self) -> Touched:
        """Make three sales in one transaction."""
        return set().union(*(self.sale() for _ in range(3)))

    def give_back(self) -> Touched:
        """Take one unit of a line back."""
        number, line, _, _ = self._line()
        self._run("call retail.return_items(%s, %s, %s, %s)", self.store, number, [line], [1])
        return self._rows_of(number)

    def void(self) -> Touched:
        """Take all of a sale back."""
        number = self._sale()
        self._run("call retail.void_transaction(%s, %s)", self.store, number)
        return self._rows_of(number)

    def receipt(self) -> Touched:
        """Receive goods."""
        products = self._some(3)
        self._run("call retail.receive_stock(%s, %s, %s)", self.store, products, [50] * len(products))
        return self._stock(products)

    def correct_stock(self) -> Touched:
        """Count a product's stock and write what was found."""
        (product,) = self._some(1)
        self._run(
            "update retail.inventory set inventory_level = %s where store_id = %s and product_id = %s",
            self._chance.randint(0, 500),
            self.store,
            product,
        )
        return self._stock([product])

    def change_sale(self) -> Touched:
        """Change columns of a sale, one of them between NULL and a value."""
        number = self._sale()
        self._run(
            "update retail.transactions set payment_method_id = 3 - payment_method_id %% 3, weather_id ="
            " case when weather_id is null then 1 end where store_id = %s and transaction_id = %s",
            self.store,
            number,
        )
        return self._rows_of(number)

    def change_price(self) -> Touched:
        """Change the price of a line, with cents."""
        number, line, _, _ = self._line()
        self._change_line(number, line, "unit_price", self._chance.randint(1, 99_999) / 100)
        return self._rows_of(number)

    def change_quantity(self) -> Touched:
        """Change the units of a line, and with them the stock."""
        number, line, _, quantity = self._line()
        self._change_line(number, line, "quantity", quantity + 1)
        return self._rows_of(number)

    def renumber_line(self) -> Touched:
        """Change the key of a line; an observation of the load would hold on to the old one."""
        number, line, _, _ = self._line(self._made, untouched=True)
        before = self._rows_of(number)
        self._change_line(number, line, "line_number", line + 100)
        return before | self._rows_of(number)

    def delete_line(self) -> Touched:
        """Delete one line of several."""
        number, line, _, _ = self._line(untouched=True)
        before = self._rows_of(number)
        if sum(table == "transaction_details" for table, _ in before) == 1:
            raise NothingToDoError
        self._run(
            "delete from retail.transaction_details where store_id = %s and transaction_id = %s and line_number = %s",
            self.store,
            number,
            line,
        )
        return before

    def delete_sale(self) -> Touched:
        """Delete a sale with its lines."""
        number = self._line(untouched=True)[0]
        before = self._rows_of(number)
        for table in ("transaction_details", "transactions"):
            self._run(f"delete from retail.{table} where store_id = %s and transaction_id = %s", self.store, number)
        for known in (self._sales, self._made):
            with suppress(ValueError):
                known.remove(number)
        return before

    def rows(self, touched: Touched) -> journals.Rows:
        """Read the rows as they are now, in this transaction."""
        found: journals.Rows = {}
        for table, columns in comparison.COLUMNS.items():
            keys = sorted(key for of, key in touched if of == table)
            if not keys:
                continue
            found |= {(table, tuple(map(str, key))): None for key in keys}
            wanted = ", ".join(str(key) for key in keys)
            text = io.StringIO()
            self._cursor.copy_expert(
                f"copy (select {', '.join(columns)} from retail.{table}"
                f" where ({', '.join(comparison.KEYS[table])}) in ({wanted})) to stdout",
                text,
            )
            for line in text.getvalue().splitlines():
                row = tuple(line.split("\t"))
                found[table, comparison.key_of(table, row)] = row
        return found

    def _sell(self, products: Sequence[int]) -> int:
        self._run(
            "call retail.insert_transaction(%s, %s, 1, %s, %s, p_promotion_id => %s, p_idempotency_key => %s)",
            self.store,
            self._chance.choice(self._customers),
            list(products),
            [1] * len(products),
            self._chance.choice([None, 1]),
            str(uuid.uuid4()),
        )
        number = int(self._cursor.fetchall()[0][0])
        self._sales.append(number)
        self._made.append(number)
        return number

    def _in_stock(self, wanted: int) -> list[int]:
        found = self._ask(
            "select product_id from retail.inventory"
            " where store_id = %s and product_id = any(%s) and inventory_level > 0 limit %s",
            self.store,
            self._some(2 * wanted),
            wanted,
        )
        if not found:
            raise NothingToDoError
        return [row[0] for row in found]

    def _some(self, wanted: int) -> list[int]:
        if not self._products:
            raise NothingToDoError
        return self._chance.sample(self._products, min(wanted, len(self._products)))

    def _sale(self) -> int:
        return int(self._chance.choice(self._sales))

    def _line(self, sales: Sequence[int] | None = None, *, untouched: bool = False) -> Any:
        """Return number, line, product and units of a line of some sale; `untouched`: of a sale without returns."""
        if sales is not None and not sales:
            raise NothingToDoError
        number = self._chance.choice(sales or self._sales)
        found = self._ask(
            "select transaction_id, line_number, product_id, quantity from retail.transaction_details as d"
            " where store_id = %s and transaction_id = %s"
            " and not (%s and exists (select from retail.returns as r"
            "     where r.store_id = d.store_id and r.transaction_id = d.transaction_id))"
            " order by random() limit 1",
            self.store,
            number,
            untouched,
        )
        if not found:
            raise NothingToDoError
        return found[0]

    def _change_line(self, number: int, line: int, column: str, value: float) -> None:
        self._run(
            f"update retail.transaction_details set {column} = %s"
            " where store_id = %s and transaction_id = %s and line_number = %s",
            value,
            self.store,
            number,
            line,
        )

    def _rows_of(self, number: int) -> Touched:
        lines = self._ask(
            "select line_number, product_id from retail.transaction_details"
            " where store_id = %s and transaction_id = %s",
            self.store,
            number,
        )
        touched: Touched = {("transaction_details", (self.store, number, line)) for line, _ in lines}
        return touched | {("transactions", (self.store, number))} | self._stock([product for _, product in lines])

    def _stock(self, products: Sequence[int]) -> Touched:
        return {("inventory", (self.store, product)) for product in products}

    def _ask(self, query: str, *values: Any) -> list[Any]:
        self._cursor.execute(query, values)
        return self._cursor.fetchall()

    def _run(self, statement: str, *values: Any) -> None:
        self._cursor.execute(statement, values)


# How often each kind is made in a trial, of their sum.
KINDS: dict[Callable[[Shop], Touched], int] = {
    Shop.sale: 50,
    Shop.large_sale: 1,
    Shop.several_sales: 4,
    Shop.give_back: 8,
    Shop.void: 5,
    Shop.receipt: 8,
    Shop.correct_stock: 4,
    Shop.change_sale: 8,
    Shop.change_price: 6,
    Shop.change_quantity: 4,
    Shop.renumber_line: 4,
    Shop.delete_line: 5,
    Shop.delete_sale: 6,
}
WEIGHTS = {kind.__name__: weight for kind, weight in KINDS.items()}
