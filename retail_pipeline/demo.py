"""What does the whole thing do? Everything once on one file, repairing what it finds broken, and a summary to read."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2

from retail_pipeline import runs, stack
from retail_pipeline.errors import MirrorError, WarehouseError
from retail_pipeline.healing import dead_letters
from retail_pipeline.mirror import client, fidelity
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.tables import BUSINESS, MIRRORED
from retail_pipeline.warehouse import connection

Say = Callable[[str], None]

# How long a sale may take to MongoDB before the demo says that the stream does not run, in seconds.
_TIMEOUT = 60
_SALES = 5
_BEST_STOCKED = """
select product_id from retail.inventory where inventory_level > 0 order by inventory_level desc, product_id limit 1
"""


@dataclass(frozen=True)
class Sale:
    """A sale made by a store's own login, and its way to MongoDB."""

    role: str
    transaction_id: int
    milliseconds: float


@dataclass(frozen=True)
class Totals:
    """What both sides hold at one moment: rows and documents by table, units and revenue."""

    rows: dict[str, int]
    documents: dict[str, int]
    units: int
    revenue: Decimal


@dataclass(frozen=True)
class Outcome:
    """What the summary tells: the load in a sentence, what was found broken and repaired, the totals, the sales."""

    load: str
    repaired: list[str]
    totals: Totals
    sales: list[Sale]


def run(settings: Settings, csv: Path | None, say: Say) -> int:
    """Start, load, stream, check, sell; return 0, or raise the RetailError of the step that could not be done."""
    began = time.monotonic()
    say("Servers")
    repaired = [f"{name} had died and was restarted" for name in stack.restarted(settings)]
    stack.up(settings, lambda line: say(f"  {line}"), supervise=settings.supervise)
    settings = stack.export(settings)
    path = (csv or settings.csv or SAMPLE).expanduser().resolve()
    say(f"Load and stream {path.name}, as the Dagster job initial_load")
    materialized = runs.load(settings, path, accept=False, say=say)
    report = runs.report_of(materialized)
    if not report["read"]:
        changes = runs.refreshed(materialized).items()
        repaired += [
            f"{name}: {count:,} documents of the batch were not as their rows and are now" for name, count in changes
        ]
    say("Does MongoDB equal PostgreSQL?")
    repaired += _repair(settings, say)
    totals = _totals(settings)
    say("Live sales")
    sales = sell(settings, _SALES, say)
    for sale in sales:
        say(f"  transaction {sale.transaction_id} of {sale.role}: in MongoDB {sale.milliseconds:.0f} ms after COMMIT")
    _summary(Outcome(runs.sentence(report), repaired, totals, sales), settings, say)
    say(f"  Took {time.monotonic() - began:.0f} s. The servers stay up; `make down` stops them.")
    return 0


def _repair(settings: Settings, say: Say) -> list[str]:
    """Verify and repair what differs; return what was repaired, a line a table."""
    found = fidelity.verify(settings)
    say(f"  {found.as_text()}")
    if found.equal:
        return []
    repaired = dead_letters.repair_and_acknowledge(settings, MIRRORED, report=lambda line: say(f"  {line}"))
    if not repaired.after.equal:
        raise MirrorError(
            f"MongoDB still differs from PostgreSQL after a repair: {repaired.after.as_text()}",
            "look at `retail-pipeline status`, then run `retail-pipeline repair` again",
        )
    return [f"{one.as_text()}: repaired" for one in found.tables if not one.equal]


def sell(settings: Settings, wanted: int, say: Say) -> list[Sale]:
    """Sell `wanted` times one unit, as the login of the first store that can; a change stream sees each arrive.

    The milliseconds run from just after COMMIT to the arrival of the change event, on one clock. The first sale on a
    stream that was just started is the slowest, because everything on its way works for the first time.
    """
    role, store_id = seller(settings, say)
    with client.connect(settings, client.ANALYST) as mongo, connection.connect(settings, role) as postgres:
        transactions = client.mirror(mongo)["transactions"]
        # An insert may arrive as an update: a resync replaces documents.
        with transactions.watch(full_document="updateLookup", max_await_time_ms=20) as changes:
            changes.try_next()
            return [_sell_one(postgres, changes, role, store_id) for _ in range(wanted)]


def _sell_one(postgres: Any, changes: Any, role: str, store_id: int) -> Sale:
    number = _sale(postgres, store_id)
    postgres.commit()
    committed = time.monotonic()
    key = {"store_id": store_id, "transaction_id": number}
    while time.monotonic() - committed < _TIMEOUT:
        change = changes.try_next()
        if change is not None and change.get("documentKey", {}).get("_id") == key:
            return Sale(role, number, (time.monotonic() - committed) * 1000)
    raise MirrorError(
        f"Transaction {number} was committed, but did not reach MongoDB in {_TIMEOUT} seconds.",
        "see `retail-pipeline status` for the connectors, the slot and the lag",
    )


def _sale(postgres: Any, store_id: int) -> int:
    """Sell one unit of what the store has most of; return the sale's number."""
    with postgres.cursor() as cursor:
        cursor.execute(_BEST_STOCKED)
        product = _require(cursor.fetchone(), store_id)
        cursor.execute("select customer_id from retail.customers order by customer_id limit 1")
        customer = _require(cursor.fetchone(), store_id)
        cursor.execute(
            "call retail.insert_transaction(p_store_id => %s, p_customer_id => %s, p_payment_method_id => 1,"
            " p_product_ids => %s, p_quantities => %s)",
            (store_id, customer[0], [product[0]], [1]),
        )
        return int(cursor.fetchone()[0])


def _require(row: Any, store_id: int) -> Any:
    if row is None:
        raise WarehouseError(
            f"Store {store_id} has no product or no customer to sell with.", "load a file with sales of this store"
        )
    return row


def seller(settings: Settings, say: Say) -> tuple[str, int]:
    """Return login and number of the first store that can sell; tell which cannot, and why.

    A store may be disabled, use all of its connections, have made itself read only, or keep its stock locked: that is
    its own affair and stops nothing here. Each tries to lock what it would sell, for a sale that is undone would take a
    number; no store can lock the list of stores.
    """
    with connection.connect(settings, connection.ADMIN) as postgres, postgres.cursor() as cursor:
        cursor.execute("select store_id from retail.stores order by store_id")
        stores = [row[0] for row in cursor.fetchall()]
    for store_id in stores:
        role = connection.store_role(store_id)
        try:
            with connection.connect(settings, role) as postgres, postgres.cursor() as cursor:
                cursor.execute("set local lock_timeout = '1s'")
                cursor.execute(f"{_BEST_STOCKED} for no key update")
                found = cursor.fetchone()
                postgres.rollback()
            _require(found, store_id)
        except (psycopg2.Error, WarehouseError) as error:
            reason = error.message if isinstance(error, WarehouseError) else str(error).partition("\n")[0]
            say(f"  {role} cannot sell now, so another store does: {reason}")
        else:
            return role, store_id
    if stores:
        raise WarehouseError("No store can sell.", "the lines above tell why; see `retail-pipeline status`")
    raise WarehouseError("There is no store.", "load a file with `retail-pipeline load CSV`")


def _totals(settings: Settings) -> Totals:
    counts = " union all ".join(f"select '{table.name}', count(*) from {table.qualified}" for table in BUSINESS)  # noqa: S608 - declared names
    with connection.connect(settings, connection.READER) as postgres, postgres.cursor() as cursor:
        cursor.execute(counts)
        rows = dict(cursor.fetchall())
        cursor.execute("select sum(quantity), sum(quantity * unit_price) from retail.transaction_details")
        units, revenue = cursor.fetchone() or (0, Decimal(0))
    with client.connect(settings, client.ANALYST) as mongo:
        documents = {table.name: client.mirror(mongo)[table.name].count_documents({}) for table in BUSINESS}
    return Totals(rows, documents, units or 0, revenue or Decimal(0))


def _summary(outcome: Outcome, settings: Settings, say: Say) -> None:
    with client.connect(settings, client.ANALYST) as mongo:
        alerts = client.mirror(mongo)["fraud_alerts"].count_documents({})
        reorder = client.mirror(mongo)["inventory_analytics"].count_documents({"below_reorder_point": True})
    totals, sales = outcome.totals, outcome.sales
    say("")
    say("Summary")
    say(f"  The file: {outcome.load}")
    say(f"  {'before the live sales':<22} {'PostgreSQL':>12} {'MongoDB':>12}")
    for table in BUSINESS:
        say(f"  {table.name:<22} {totals.rows[table.name]:>12,} {totals.documents[table.name]:>12,}")
    say(f"  Units sold {totals.units:,}, revenue {totals.revenue:,.2f}.")
    for line in outcome.repaired:
        say(f"  Repaired: {line}.")
    say("  Fidelity: every document equals its row.")
    say(f"  Fraud alerts: {alerts:,}. Products of a store at or below their reorder point: {reorder:,}.")
    usual = statistics.median(sale.milliseconds for sale in sales)
    say(
        f"  Live: {sales[0].role} sold transactions {sales[0].transaction_id} to {sales[-1].transaction_id};"
        f" from COMMIT to MongoDB {usual:.0f} ms in the middle, {sales[0].milliseconds:.0f} ms the first."
    )
    say(f"  Dagster: {stack.ui_address(settings)}   (make ui)")
