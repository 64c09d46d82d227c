"""A small retail company to test with: a few stores, products and customers, each with its stock, and its logins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, limits, roles

STOCK = 100
PRODUCTS = tuple(range(100, 110))
NOT_STOCKED = 110

# Customer 10 * store + n is a customer of that store alone.
CUSTOMERS_PER_STORE = 3

_SALE = """
call retail.insert_transaction(
    p_store_id => %(store)s, p_customer_id => %(customer)s, p_payment_method_id => %(payment_method)s,
    p_product_ids => %(products)s, p_quantities => %(quantities)s, p_promotion_id => %(promotion)s,
    p_weather_id => %(weather)s, p_transaction_date => %(date)s, p_idempotency_key => %(key)s,
    p_transaction_id => %(transaction_id)s)
"""


def seed(settings: Settings, stores: int = 3, stock: int = STOCK) -> None:
    """Fill an empty database: product p costs p + 0.50; each store stocks each but one and has customers of its own."""
    with connection.connect_dsn(settings.require("postgres_dsn")) as superuser, superuser.cursor() as cursor:
        cursor.execute(
            """
            insert into retail.categories values (1, 'Electronics');
            insert into retail.suppliers values (1, 3);
            insert into retail.promotions values (1, 'BOGO'), (2, 'Percentage Discount');
            insert into retail.payment_methods values (1, 'Cash'), (2, 'Credit Card');
            insert into retail.weather values (1, 'Sunny'), (2, 'Rainy');
            insert into retail.products
            select p, 'Product ' || p, 1, 1, p + 0.50, 50, 100 from generate_series(%(first)s, %(not_stocked)s) as p;
            insert into retail.stores select s, 'Place ' || s from generate_series(1, %(stores)s) as s;
            insert into retail.customers
            select 10 * s + n, 30, 'Other', 20000, 'Gold'
            from generate_series(1, %(stores)s) as s, generate_series(1, %(customers)s) as n;
            insert into retail.store_customers select c.customer_id / 10, c.customer_id from retail.customers as c;
            insert into retail.demand_forecast
            select s, %(first)s, date '2024-01-01', 5, 6 from generate_series(1, %(stores)s) as s;
            """,
            {"first": PRODUCTS[0], "not_stocked": NOT_STOCKED, "stores": stores, "customers": CUSTOMERS_PER_STORE},
        )
        cursor.execute("set local role retail_loader")
        cursor.execute(
            "insert into retail.inventory select s, p, %s from generate_series(1, %s) as s, unnest(%s) as p",
            (stock, stores, list(PRODUCTS)),
        )
        cursor.execute(
            "insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name) "
            "select store_id, product_id, inventory_level, 'load', current_user from retail.inventory"
        )
    roles.provision(settings)


def customer(store: int, number: int = 1) -> int:
    """Return a customer of the store."""
    return 10 * store + number


def sell(connection_: Connection, products: Sequence[Any], quantities: Sequence[Any], **others: Any) -> int:
    """Call insert_transaction, for store 1 and its first customer unless told otherwise; return the sale's number."""
    store = others.get("store", 1)
    arguments = {
        "store": store,
        "customer": None if "customer" in others else customer(store),
        "payment_method": 1,
        "promotion": None,
        "weather": None,
        "date": None,
        "key": None,
        "transaction_id": None,
        "products": products,
        "quantities": quantities,
    }
    with connection_.cursor() as cursor:
        cursor.execute(_SALE, arguments | others)
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def rows(connection_: Connection, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """Run a query and return its rows."""
    with connection_.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return cursor.fetchall()


def run(connection_: Connection, statement: str, *arguments: Any) -> int:
    """Run a statement and return the number of rows that it touched."""
    with connection_.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return int(cursor.rowcount)


def stock(connection_: Connection, store: int = 1) -> dict[int, int]:
    """Return the stock of a store by product."""
    query = "select product_id, inventory_level from retail.inventory where store_id = %s"
    return dict(rows(connection_, query, store))


def offences(*stores: int) -> str:
    """Return the statement that makes stores ready to be shut out."""
    acts = [
        f"({store}, 'blocking', true, now() - interval '{number} s', now(), 'x')"
        for store in stores
        for number in range(limits.SHUT_OUT_AFTER)
    ]
    names = "store_id, kind, harmed_others, acted_at, since, what"
    return f"insert into retail.tenant_acts ({names}) values {', '.join(acts)}"
