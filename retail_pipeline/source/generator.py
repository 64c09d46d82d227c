"""How is a file made that has the shape of the source file and none of its rows? Drawn in chunks, from a seed.

Everything is drawn as whole numbers (codes, cents, minutes) and turned into text a chunk at a time, so a file of any
length takes the memory of one chunk. The same `Shape` gives the same bytes: the draws are a bit generator's raw
output, which numpy keeps the same from version to version, as it does not for its distributions.

With contradictions, what should follow from a key is drawn again for each row; without, it is a hash of that key.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retail_pipeline.source.generator_draws import CASES, FIRST_TRANSACTION_ID, USUAL_STORES, Draws, Shape
from retail_pipeline.source.generator_text import (
    APPLIANCES,
    COLUMNS,
    DAY_MINUTES,
    DAYS,
    GENDERS,
    LOCATIONS,
    LOYALTY_LEVELS,
    NAMES,
    PAYMENT_METHODS,
    PROMOTIONS,
    WEATHERS,
    WEEKDAYS,
    Columns,
    Integers,
    as_csv,
)

CHUNK_LINES = 50_000  # another number, another file

MOST_LINES_PER_BASKET = 50
MOST_UNITS = 5
PRODUCT_TWICE = 0.06  # of the second lines
HEADER_DISAGREES = 0.06  # of the lines after a sale's first
FORECAST_REDRAWN = 0.1


def _sales(draws: Draws, first_id: int, count: int) -> Columns:
    """Draw what the lines of a sale have in common, one element a sale."""
    shape = draws.shape
    customer = draws.customers[draws.fresh(count, len(draws.customers))]
    store = draws.fresh(count, shape.stores) + 1
    day = draws.fresh(count, DAYS)
    promotion = np.where(draws.happens(count, 0.68), 0, draws.fresh(count, 2) + 1)
    sales = {
        "transaction_id": np.arange(first_id, first_id + count, dtype=np.int64),
        "customer_id": customer,
        "transaction_date": day * DAY_MINUTES + draws.fresh(count, DAY_MINUTES),
        "store_id": store,
        "store_location": draws.declared("location", len(LOCATIONS), store),
        **_customer_facts(draws, customer),
        "payment_method": draws.fresh(count, len(PAYMENT_METHODS)),
        "promotion_applied": (promotion > 0).astype(np.int64),
        "promotion_type": promotion,
        "weather_conditions": draws.fresh(count, len(WEATHERS)),
        "holiday_indicator": draws.declared("holiday", 2, day),
        "weekday": day % len(WEEKDAYS),
        "stockout_indicator": np.zeros(count, dtype=np.int64),
    }
    if shape.contradictions:
        sales["promotion_applied"] = draws.happens(count, 0.52).astype(np.int64)
        sales["weekday"] = draws.fresh(count, len(WEEKDAYS))
        sales["stockout_indicator"] = draws.happens(count, 0.52).astype(np.int64)
    return sales


def _customer_facts(draws: Draws, customer: Integers) -> Columns:
    return {
        "customer_age": 18 + draws.declared("age", 53, customer),
        "customer_gender": draws.declared("gender", len(GENDERS), customer),
        "customer_income": 2_000_000 + draws.declared("income", 10_000_000, customer),
        "customer_loyalty_level": draws.declared("loyalty", len(LOYALTY_LEVELS), customer),
    }


def _line_products(draws: Draws, position: Integers, sale: Integers) -> tuple[Integers, Integers]:
    """Draw each line's product and quantity; the second line may be of the first's product, in another quantity.

    No two lines of a sale are equal otherwise: equal rows would be one row delivered twice.
    """
    pool = draws.products
    count = len(position)
    starts = np.flatnonzero(position == 0)
    again = (position == 1) & draws.happens(count, PRODUCT_TWICE)
    # Steps that together stay below one round of the pool never meet the same product twice.
    step = draws.fresh(count, max((len(pool) - 1) // draws.shape.most_lines, 1)) + 1
    step[again] = 0
    step[starts] = draws.fresh(len(starts), len(pool))
    walked = np.cumsum(step)
    product = pool[(walked - (walked - step)[starts][sale]) % len(pool)]
    quantity = draws.fresh(count, MOST_UNITS) + 1
    quantity[again] = quantity[np.flatnonzero(again) - 1] % MOST_UNITS + 1
    return product, quantity


def _disagree(draws: Draws, columns: Columns, position: Integers) -> None:
    """Let a few lines after a sale's first tell one of the sale's facts otherwise, each fact as often as another."""
    count = len(position)
    fact = np.where((position > 0) & draws.happens(count, HEADER_DISAGREES), draws.fresh(count, 6), -1)
    customer = draws.customers[draws.fresh(count, len(draws.customers))]
    date_ = columns["transaction_date"]
    others: tuple[Columns, ...] = (
        {"payment_method": draws.fresh(count, len(PAYMENT_METHODS))},
        {"weather_conditions": draws.fresh(count, len(WEATHERS))},
        {"promotion_applied": 1 - columns["promotion_applied"], "promotion_type": draws.fresh(count, len(PROMOTIONS))},
        {"stockout_indicator": 1 - columns["stockout_indicator"]},
        {"transaction_date": date_ // DAY_MINUTES * DAY_MINUTES + draws.fresh(count, DAY_MINUTES)},
        {"customer_id": customer, **_customer_facts(draws, customer)},
    )
    for number, other in enumerate(others):
        for name, values in other.items():
            columns[name] = np.where(fact == number, values, columns[name])


def _lines(draws: Draws, first_id: int, sizes: Integers, cases: Integers) -> Columns:
    """Draw the lines of so many sales of these sizes; where there are `cases`, the lines are these."""
    shape = draws.shape
    sale = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    position = np.arange(len(sale), dtype=np.int64) - (np.cumsum(sizes) - sizes)[sale]
    columns = {name: values[sale] for name, values in _sales(draws, first_id, len(sizes)).items()}
    product, quantity = _line_products(draws, position, sale)
    if len(cases):
        case = cases[:, 0]
        product, quantity = draws.products[case % len(draws.products)], cases[:, 2]
        columns["store_id"] = case % shape.stores + 1
        columns["transaction_date"] = (10 + case) * DAY_MINUTES + 60 * cases[:, 1]
    elif shape.contradictions:
        _disagree(draws, columns, position)
    store = columns["store_id"]
    day = columns["transaction_date"] // DAY_MINUTES
    name = draws.declared("name", len(NAMES), product)
    category = draws.fresh(len(sale), 2) if shape.contradictions else (name >= APPLIANCES).astype(np.int64)
    supplier = draws.suppliers[draws.declared("supplier", len(draws.suppliers), product)]
    # A file without contradictions has in stock what a sale takes, which is at most two lines of a product.
    least_stock = 0 if shape.contradictions else 2 * MOST_UNITS
    share = min(shape.stores / USUAL_STORES, 1.0)
    stock = least_stock + draws.declared("stock", 501 - least_stock, store, product, contradicted=share)
    return columns | {
        "product_id": product,
        "product_name": name,
        "category": category,
        "quantity_sold": quantity,
        "unit_price": 5_000 + draws.declared("price", 195_001, product),
        "inventory_level": cases[:, 3] if len(cases) else stock,
        "reorder_point": 50 + draws.declared("point", 101, product),
        "reorder_quantity": 100 + draws.declared("quantity", 201, product),
        "supplier_id": supplier,
        "supplier_lead_time": 1 + draws.declared("lead time", 10, supplier),
        "forecasted_demand": 100 + draws.declared("forecast", 401, store, product, day, contradicted=FORECAST_REDRAWN),
        "actual_demand": 90 + draws.declared("actual", 421, store, product, day, contradicted=FORECAST_REDRAWN),
    }


def chunks(shape: Shape) -> Iterator[Columns]:
    """Draw the file's lines as numbers, whole sales at a time; a code counts into the tuple of its words."""
    draws = Draws(shape)
    next_id = shape.first_transaction_id
    left = shape.rows - len(shape.cases)
    baskets = max(min(CHUNK_LINES, left) // shape.lines_per_basket, 1)
    while left > 0:
        sizes = draws.fresh(baskets, shape.most_lines) + 1
        before = np.cumsum(sizes) - sizes
        sizes = np.minimum(sizes, left - before)[before < left]
        yield _lines(draws, next_id, sizes, CASES[:0])
        next_id += len(sizes)
        left -= int(sizes.sum())
    if len(shape.cases):
        yield _lines(draws, next_id, np.bincount(shape.cases[:, 1]).astype(np.int64), shape.cases)


def write(shape: Shape, path: Path) -> int:
    """Write the file and return its size in bytes."""
    with path.open("wb") as file:
        file.write(",".join(COLUMNS).encode("ascii") + b"\r\n")
        for columns in chunks(shape):
            file.write(as_csv(columns))
        return file.tell()


def _positive(text: str) -> int:
    """Read a number from 1 up, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 up")
    return int(text)


def main(arguments: list[str] | None = None) -> None:
    """Make a file, as the command line tells."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline.source.generator", description=__doc__)
    parser.add_argument("path", type=Path, metavar="OUT.csv")
    parser.add_argument("--rows", type=_positive, required=True, help="lines of sales, the header apart")
    parser.add_argument("--stores", type=_positive, default=USUAL_STORES, help="default %(default)s")
    parser.add_argument("--seed", type=_positive, default=1, help="another seed, another file; default %(default)s")
    parser.add_argument(
        "--contradictions",
        choices=("real", "none"),
        default="real",
        help="as the source file contradicts itself, or not at all; default %(default)s",
    )
    parser.add_argument("--lines-per-basket", type=_positive, default=2, help="the mean; default %(default)s")
    parser.add_argument("--first-transaction-id", type=_positive, default=FIRST_TRANSACTION_ID, metavar="ID")
    given = parser.parse_args(arguments)
    if given.lines_per_basket > MOST_LINES_PER_BASKET:
        parser.error(f"--lines-per-basket {given.lines_per_basket} is above {MOST_LINES_PER_BASKET}")
    shape = Shape(
        rows=given.rows,
        stores=given.stores,
        seed=given.seed,
        contradictions=given.contradictions == "real",
        lines_per_basket=given.lines_per_basket,
        first_transaction_id=given.first_transaction_id,
    )
    try:
        size = write(shape, given.path)
    except OSError as error:
        parser.error(f"{given.path} could not be written: {error.strerror}")
    print(f"{given.path}: {shape.rows} rows, {size} bytes")


if __name__ == "__main__":
    main()
