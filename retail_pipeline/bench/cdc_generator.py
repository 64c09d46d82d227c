"""Sales at a steady rate, whatever becomes of them: an open loop in a process of its own."""

from __future__ import annotations

import json
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retail_pipeline.warehouse.connection import connect_dsn

BASKET = 5

_SALE = """
call retail.insert_transaction(
    p_store_id => %s, p_customer_id => %s, p_payment_method_id => 1, p_product_ids => %s, p_quantities => %s)
"""


@dataclass(frozen=True)
class Plan:
    """What to sell: the address of each store's login, from `first_store` on; sales a second, of all stores together.

    A store sells in one session, one sale after the other, so the stock after each sale is known without asking. The
    journal is written at the end, one line of JSON a sale.
    """

    addresses: Sequence[str]
    customers: int
    rate: float
    seconds: float
    seed: int
    journal: str
    first_store: int = 1


@dataclass(frozen=True)
class Sale:
    """A sale that was committed; times are nanoseconds of CLOCK_MONOTONIC, which all processes share.

    `levels` are product and stock after the sale, in the order of the lines. `due_ns` is when it should have begun,
    `committed_ns` when the client knew of its commit.
    """

    store: int
    transaction_id: int
    levels: Sequence[tuple[int, int]]
    due_ns: int
    committed_ns: int


def read_journal(path: Path) -> list[Sale]:
    """Read what was sold, in the order in which it was due."""
    sales = [Sale(**json.loads(line)) for line in path.read_text().splitlines()]
    return sorted(sales, key=lambda sale: sale.due_ns)


@contextmanager
def started(plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """Sell in a process of its own, whose end is awaited at the end of the block."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if process.stdin:
            with process.stdin as stdin:
                json.dump(asdict(plan), stdin)
        yield process


def failure(process: subprocess.Popen[str]) -> str:
    """Await the end of such a process; return the last line that it said where it failed, else ''."""
    said = (process.stderr.read() if process.stderr else "").strip().splitlines() or ["it said nothing"]
    return said[-1] if process.wait() else ""


def main() -> None:
    """Sell as the plan on standard input says."""
    plan = Plan(**json.load(sys.stdin))
    dues: list[queue.SimpleQueue[int | None]] = [queue.SimpleQueue() for _ in plan.addresses]
    ready = threading.Barrier(len(dues) + 1)
    sales: list[Sale] = []
    failures: list[BaseException] = []

    def sell(number: int) -> None:
        try:
            _sell(plan, number, dues[number], ready, sales)
        except BaseException as error:  # noqa: BLE001  a thread's error would only be printed
            failures.append(error)
            ready.abort()

    threads = [threading.Thread(target=sell, args=(number,)) for number in range(len(dues))]
    for thread in threads:
        thread.start()
    try:
        ready.wait()
        _pace(plan, dues)
    except threading.BrokenBarrierError:
        pass
    for thread, due in zip(threads, dues, strict=True):
        due.put(None)
        thread.join()
    Path(plan.journal).write_text("".join(json.dumps(asdict(sale)) + "\n" for sale in sales))
    if failures:
        raise failures[0]


def _pace(plan: Plan, dues: Sequence[queue.SimpleQueue[int | None]]) -> None:
    """Hand out each sale when it is due, to the stores in turns, without looking at how far they are."""
    begins = time.monotonic_ns() + 20_000_000
    for number in range(int(plan.rate * plan.seconds)):
        due = begins + int(number * 1e9 / plan.rate)
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        dues[number % len(dues)].put(due)


def _sell(
    plan: Plan, number: int, dues: queue.SimpleQueue[int | None], ready: threading.Barrier, sales: list[Sale]
) -> None:
    store = plan.first_store + number
    choose = random.Random(plan.seed * 1000 + store)  # noqa: S311  a draw of products, no secret
    first_customer = (store - 1) * plan.customers + 1
    with connect_dsn(plan.addresses[number], autocommit=True) as session, session.cursor() as cursor:
        cursor.execute("select product_id, inventory_level from retail.inventory where inventory_level > 1000000")
        stock = dict(cursor.fetchall())
        products = sorted(stock)
        ready.wait()
        for due in iter(dues.get, None):
            basket = choose.sample(products, BASKET)
            arguments: list[Any] = [store, first_customer, basket, [1] * BASKET]
            cursor.execute(_SALE, arguments)
            committed = time.monotonic_ns()
            (transaction_id,) = cursor.fetchone() or (0,)
            for product in basket:
                stock[product] -= 1
            sales.append(Sale(store, transaction_id, [(product, stock[product]) for product in basket], due, committed))


if __name__ == "__main__":
    main()
