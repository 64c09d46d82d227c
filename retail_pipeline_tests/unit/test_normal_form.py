"""Each table is in Boyce-Codd normal form under the declared dependencies: what decides anything decides the row."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from retail_pipeline.tables import BUSINESS, BY_NAME, TABLES, Column, Table
from retail_pipeline_tests.dependencies import DAY, DEPENDENCIES

Attributes = frozenset[str]
# The names that mean the same wherever they stand; any other column of our own tables is of that table alone.
SHARED = {"store_id", "transaction_id", "line_number", "product_id", "customer_id", "file_id"}
# The same name as the list price, and another thing: what was paid.
ANOTHER = {("transaction_details", "unit_price")}
# Lookups whose name is a key too.
NAMED = {
    "categories": "category_name",
    "promotions": "promotion_type",
    "payment_methods": "payment_method",
    "weather": "weather_conditions",
}
# Its columns are what a row of a file said otherwise: of the row, whatever decides them elsewhere.
NORMAL = [table for table in TABLES if table.name != "conflicts"]


def attribute(table: str, column: str) -> str:
    """Name a column so that two columns have the same name where they mean the same."""
    business = table in {one.name for one in BUSINESS} and (table, column) not in ANOTHER
    return column if business or column in SHARED else f"{table}.{column}"


def attributes(table: Table) -> Attributes:
    """Return the attributes of a table."""
    return frozenset(attribute(table.name, column) for column in table.column_names)


def dependencies(tables: list[Table]) -> list[tuple[Attributes, Attributes]]:
    """Return what decides what: each table's key its row, a lookup's name its row, and the declared dependencies."""
    found = [(frozenset(attribute(table.name, column) for column in table.key), attributes(table)) for table in tables]
    found += [(frozenset({name}), attributes(BY_NAME[table])) for table, name in NAMED.items()]
    for one in DEPENDENCIES:
        determinant = frozenset("forecast_date" if name == DAY else name for name in one.determinant)
        found.append((determinant, frozenset({attribute(one.table, one.column)})))
    return found


def violations(table: Table, decided: list[tuple[Attributes, Attributes]]) -> list[str]:
    """Name each set of columns that decides another column of the table and yet not the row."""
    own = attributes(table)
    found = []
    for size in range(1, len(own)):
        for chosen in itertools.combinations(sorted(own), size):
            closure = set(chosen)
            while more := {name for left, right in decided if left <= closure for name in right} - closure:
                closure |= more
            reached = closure & own
            if reached - set(chosen) and reached != own:
                found.append(f"{', '.join(chosen)} -> {', '.join(sorted(reached - set(chosen)))}")
    return found


@pytest.mark.parametrize("table", NORMAL, ids=lambda table: table.name)
def test_a_table_is_in_boyce_codd_normal_form(table: Table) -> None:
    assert violations(table, dependencies(NORMAL)) == []


@pytest.mark.parametrize(
    ("table", "column"),
    [("transactions", "store_location"), ("inventory", "reorder_point"), ("products", "lead_time_days")],
)
def test_a_column_that_something_else_decides_would_be_noticed(table: str, column: str) -> None:
    original = BY_NAME[table]
    denormalized = replace(original, columns=(*original.columns, Column(column, "text", "planted")))
    known = dependencies([one for one in NORMAL if one.name != table])

    assert violations(denormalized, [*known, *dependencies([denormalized])]) != []
