"""Which value decides which? The dependencies that the tables are built on, declared; a file may contradict each.

A product has one name, a supplier one lead time, and so on. Where rows disagree, the latest sale wins (tie: the larger
transaction_id, store_id, line_number); what lost is kept with its line and counted here by dependency.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY = "day"


@dataclass(frozen=True)
class Dependency:
    """The columns of the file in `determinant` decide the value of `dependent`.

    The winner stands in `table`.`column`. What lost stands in the column `loser` of `loser_table`.
    """

    determinant: tuple[str, ...]
    dependent: str
    table: str
    column: str
    loser: str
    loser_table: str = "conflicts"

    @property
    def name(self) -> str:
        """How counts of its conflicts are labelled."""
        return f"{', '.join(self.determinant)} -> {self.dependent}"


def _of(determinant: str, table: str, *dependents: tuple[str, str]) -> tuple[Dependency, ...]:
    """Declare several dependents, each with its column in `table`; losers have the same column in conflicts."""
    return tuple(
        Dependency(tuple(determinant.split()), dependent, table, column, column) for dependent, column in dependents
    )


_SALE = "store_id transaction_id"

DEPENDENCIES: tuple[Dependency, ...] = (
    *_of(
        _SALE,
        "transactions",
        ("transaction_date", "transaction_date"),
        ("customer_id", "customer_id"),
        ("promotion_applied", "promotion_applied"),
    ),
    Dependency(tuple(_SALE.split()), "payment_method", "transactions", "payment_method_id", "payment_method"),
    Dependency(tuple(_SALE.split()), "promotion_type", "transactions", "promotion_id", "promotion_type"),
    Dependency(tuple(_SALE.split()), "weather_conditions", "transactions", "weather_id", "weather_conditions"),
    Dependency(tuple(_SALE.split()), "stockout_indicator", "transactions", "stockout", "stockout"),
    *_of("product_id", "products", ("product_name", "product_name")),
    Dependency(("product_id",), "category", "products", "category_id", "category_name"),
    *_of(
        "product_id",
        "products",
        ("supplier_id", "supplier_id"),
        ("reorder_point", "reorder_point"),
        ("reorder_quantity", "reorder_quantity"),
    ),
    # The price paid is on the line anyway, and the stock recorded with a sale in the observations.
    Dependency(("product_id",), "unit_price", "products", "unit_price", "unit_price", "transaction_details"),
    Dependency(
        ("store_id", "product_id"), "inventory_level", "inventory", "inventory_level", "recorded_stock", "observations"
    ),
    *_of("supplier_id", "suppliers", ("supplier_lead_time", "lead_time_days")),
    *_of("store_id", "stores", ("store_location", "store_location")),
    *_of(
        "customer_id",
        "customers",
        ("customer_age", "age"),
        ("customer_gender", "gender"),
        ("customer_income", "income"),
        ("customer_loyalty_level", "loyalty_level"),
    ),
    *_of(
        f"store_id product_id {DAY}",
        "demand_forecast",
        ("forecasted_demand", "forecasted_demand"),
        ("actual_demand", "actual_demand"),
    ),
)

NAMES: tuple[str, ...] = tuple(dependency.name for dependency in DEPENDENCIES)
