"""What does the whole thing do? Everything once on one file, mending what it finds broken, and a summary to read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retail_pipeline import runs, stack
from retail_pipeline.errors import MirrorError, WarehouseError
from retail_pipeline.mirror import client, fidelity, repair
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BUSINESS, MONGO_DATABASE
from retail_pipeline.warehouse import connection

Say = Callable[[str], None]

# How long a sale may take to MongoDB before the demo says that the stream does not run, in seconds.
_PATIENCE = 60


@dataclass(frozen=True)
class Sale:
    """A sale made by a store's own login, and its way to MongoDB."""

    role: str
    store_id: int
    transaction_id: int
    milliseconds: float
    document: dict[str, Any]


def run(settings: Settings, csv: Path | None, say: Say) -> int:
    """Start, load, stream, check, sell; give 0, or raise the RetailError of the step that could not be done."""
    began = time.monotonic()
    say("Servers")
    stack.up(settings, say)
    stack.export(settings)
    settings = Settings.from_environment()
    path = (csv or settings.csv).expanduser().resolve()
    say(f"Load and stream {path.name}, as the Dagster job initial_load")
    report = runs.load(settings, path, accept=False, say=say)
    say("Does MongoDB equal PostgreSQL?")
    mended = _mend(settings, say)
    say("One live sale")
    sale = sell(settings)
    say(
        f"  transaction {sale.transaction_id} of {sale.role} was in MongoDB {sale.milliseconds:.0f} ms after its commit"
    )
    _summary(settings, report, mended, sale, say)
    say(f"  Took {time.monotonic() - began:.0f} s. The servers stay up; `make down` stops them.")
    return 0


def _mend(settings: Settings, say: Say) -> str:
    """Verify and repair what differs; give the sentence for the summary."""
    found = fidelity.verify(settings)
    say(f"  {found.as_text()}")
    if found.equal:
        return "every document equals its row"
    repaired = repair.repair(settings, report=lambda line: say(f"  {line}"))
    if not repaired.after.equal:
        raise MirrorError(
            f"MongoDB still differs from PostgreSQL after a repair: {repaired.after.as_text()}",
            "look at `retail-pipeline status`, then run `retail-pipeline repair` again",
        )
    mended = sum(repaired.written.values()) + sum(repaired.deleted.values())
    return f"{mended:,} documents differed and were mended; now every document equals its row"


def sell(settings: Settings) -> Sale:
    """Sell one unit as the login of the first store that has stock, and wait for the document by a change stream.

    The milliseconds run from just after COMMIT to the arrival of the change event, on one clock.
    """
    role, store_id = _seller(settings)
    with client.connect(settings, "analyst") as mongo, connection.connect(settings, role) as postgres:
        transactions = mongo[MONGO_DATABASE]["transactions"]
        with transactions.watch(full_document="updateLookup", max_await_time_ms=20) as changes:
            with postgres.cursor() as cursor:
                cursor.execute(
                    "select product_id from retail.inventory order by inventory_level desc, product_id limit 1"
                )
                product = cursor.fetchone()
                cursor.execute("select customer_id from retail.customers order by customer_id limit 1")
                customer = cursor.fetchone()
                if product is None or customer is None:
                    message = f"Store {store_id} has no product or no customer to sell with."
                    raise WarehouseError(message, "load a file with sales of this store")
                cursor.execute(
                    "call retail.insert_transaction(p_store_id => %s, p_customer_id => %s, p_payment_method_id => 1,"
                    " p_product_ids => %s, p_quantities => %s)",
                    (store_id, customer[0], [product[0]], [1]),
                )
                answer = cursor.fetchone()
            postgres.commit()
            committed = time.monotonic()
            if answer is None:
                raise WarehouseError("insert_transaction answered without a transaction_id.")
            key = {"store_id": store_id, "transaction_id": answer[0]}
            while time.monotonic() - committed < _PATIENCE:
                change = changes.try_next()
                if change is not None and dict(change.get("documentKey", {}).get("_id", {})) == key:
                    elapsed = (time.monotonic() - committed) * 1000
                    return Sale(role, store_id, answer[0], elapsed, dict(change["fullDocument"]))
    message = f"Transaction {answer[0]} was committed, but did not reach MongoDB in {_PATIENCE} seconds."
    raise MirrorError(message, "see `retail-pipeline status` for the connectors, the slot and the lag")


def _seller(settings: Settings) -> tuple[str, int]:
    with connection.connect(settings, "retail_admin") as postgres, postgres.cursor() as cursor:
        cursor.execute("select store_id from retail.inventory where inventory_level > 0 order by store_id limit 1")
        row = cursor.fetchone()
    if row is None:
        raise WarehouseError("No store has anything in stock.", "load a file with `retail-pipeline load CSV`")
    return f"store_user_{row[0]}", row[0]


def _summary(settings: Settings, report: dict[str, Any], mended: str, sale: Sale, say: Say) -> None:
    with connection.connect(settings, "retail_reader") as postgres, postgres.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(quantity), 0), coalesce(sum(quantity * unit_price), 0) from retail.transaction_details"
        )
        units, revenue = cursor.fetchone() or (0, 0)
    with client.connect(settings, "analyst") as mongo:
        database = mongo[MONGO_DATABASE]
        documents = {table.name: database[table.name].count_documents({}) for table in BUSINESS}
        alerts = database["fraud_alerts"].count_documents({})
        reorder = database["inventory_analytics"].count_documents({"below_reorder_point": True})
    say("")
    say("Summary")
    say(f"  The file: {runs.sentence(report)}")
    say(f"  {'table':<20} {'PostgreSQL':>12} {'MongoDB':>12}")
    for table in BUSINESS:
        say(f"  {table.name:<20} {report['tables'][table.name]:>12,} {documents[table.name]:>12,}")
    say(f"  Units sold {units:,}, revenue {revenue:,.2f} (the demo's own sales included).")
    say(f"  Fidelity: {mended}.")
    say(f"  Fraud alerts: {alerts:,}. Products at or below their reorder point: {reorder:,}.")
    say(f"  Live sale: transaction {sale.transaction_id} by {sale.role}, in MongoDB after {sale.milliseconds:.0f} ms.")
    say(f"  Dagster: {stack.ui_address(settings)}   (make ui)")
