"""What does it take to know that MongoDB equals PostgreSQL? `verify`, beside downloading both sides to compare them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from psycopg2 import sql

from retail_pipeline.bench import database, servers
from retail_pipeline.bench.cdc_drain import MONGO_DURABILITY
from retail_pipeline.bench.company import Company, fill
from retail_pipeline.bench.database import BenchError, Site, store_login
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.mirror import client, fidelity, snapshot, writing
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, MONGO_DATABASE, SCHEMA, Table
from retail_pipeline.warehouse import roles
from retail_pipeline.warehouse.connection import READER, connect, connect_dsn

_CUSTOMERS = 20
_ROWS_AT_ONCE = 5_000

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Sizes:
    """How much is compared: a company of about 2.4 rows a sold line; in so many rounds, with so many differences."""

    stores: int = 200
    products: int = 50
    lines: int = 420_000
    rounds: int = 3
    planted: int = 10


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Measure on servers of the bench's own."""
    del settings  # the servers that are there have collections of their own
    with servers.own(say, "postgres", "mongo") as own:
        return measure(own, say, sizes or Sizes())


def measure(settings: Settings, say: Report, sizes: Sizes) -> Result:
    """Measure on these servers, whose collections nothing else writes."""
    with database.sites(settings, "verify", stores=1) as (site,):
        roles.provision(site.settings)
        fill(site, Company(sizes.stores, sizes.products, _CUSTOMERS, sizes.lines))
        _drop(site.settings)
        try:
            rows = _mirror(site)
            say(f"{rows:,} rows of {len(MIRRORED)} tables on both sides")
            ours, baseline = _rounds(site.settings, rows, sizes, say)
            faults = _faults(site.settings, sizes.planted)
        finally:
            _drop(site.settings)
        with connect_dsn(site.address(store_login(1))) as session:
            durability = database.durability(session)
    return Result(
        name="verify",
        ours="verify: every row and document, as bytes, in one pass with flat memory",
        baseline="both sides downloaded whole, table by table, each row and document decoded and compared by key",
        comparisons=[
            Comparison("seconds", "s", ours, baseline),
            Comparison(
                "rows", "rows/s", [rows / seconds for seconds in ours], [rows / seconds for seconds in baseline]
            ),
        ],
        sizes=asdict(sizes),
        durability=durability | MONGO_DURABILITY,
        checks={"differences": "not all found" if faults else f"{sizes.planted} planted of each kind, found by both"},
        details={"compared": {"rows": rows, "tables": len(MIRRORED)}},
        faults=faults,
    )


def _mirror(site: Site) -> int:
    """Fill the collections, and count the documents."""
    client.provision(site.settings)
    with snapshot.take(site.settings) as now, client.connect(site.settings, client.WRITER) as mongo:
        rows = 0
        for table in MIRRORED:
            rows += writing.fill_next(client.mirror(mongo), table.name, now.documents(table)).documents
            writing.swap(client.mirror(mongo), table.name)
        return rows


def _rounds(settings: Settings, rows: int, sizes: Sizes, say: Report) -> tuple[list[float], list[float]]:
    """Compare both ways in turns; who begins changes."""
    ours: list[float] = []
    baseline: list[float] = []

    def verify() -> None:
        started = time.monotonic()
        report = fidelity.verify(settings)
        ours.append(time.monotonic() - started)
        if not report.equal:
            raise BenchError(report.as_text())

    def download() -> None:
        started = time.monotonic()
        found = sum(len(differing(settings, table)) for table in MIRRORED)
        baseline.append(time.monotonic() - started)
        if found:
            raise BenchError(f"The download found {found} differences where verify found none.")

    for number in range(1, sizes.rounds + 1):
        for compare in (verify, download) if number % 2 else (download, verify):
            compare()
        say(f"round {number}: {ours[-1]:.1f} s, {rows / ours[-1]:,.0f} rows/s; download {baseline[-1]:.1f} s")
    return ours, baseline


def differing(settings: Settings, table: Table) -> set[Row]:
    """Return the keys of a table that differ, found by downloading both sides; it shares no code with `verify`."""
    key = [table.column_names.index(name) for name in table.key]
    with connect(settings, READER) as session, session.cursor(name="bench") as cursor:
        session.cursor().execute("set row_security = off")
        cursor.itersize = _ROWS_AT_ONCE
        columns = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
        cursor.execute(sql.SQL("select {} from {}").format(columns, sql.Identifier(SCHEMA, table.name)))
        rows = {tuple(row[place] for place in key): row for row in map(_plain, cursor)}
    with client.connect(settings, client.ANALYST) as mongo:
        found = client.mirror(mongo)[table.name].find(batch_size=_ROWS_AT_ONCE)
        documents = {row[0]: row[1] for row in _keyed(found, table)}
    return {one for one in rows.keys() | documents.keys() if rows.get(one) != documents.get(one)}


def _keyed(found: Any, table: Table) -> Iterator[tuple[Row, Row]]:
    for document in found:
        identity = document.pop("_id")
        key = tuple(identity[name] for name in table.key)
        yield _plain(key), _plain(document.values())


def _plain(values: Any) -> Row:
    """Return what is equal on both sides: decimals by value, moments as the text that MongoDB has."""
    return tuple(
        value.to_decimal()
        if isinstance(value, Decimal128)
        else value.isoformat() + "Z"
        if isinstance(value, dt.datetime)
        else value.isoformat()
        if isinstance(value, dt.date)
        else value
        for value in values
    )


def _faults(settings: Settings, planted: int) -> list[str]:
    """Plant documents that are missing, that differ and that are too many, and see whether both ways find them."""
    with client.connect(settings, client.WRITER) as mongo:
        collection = client.mirror(mongo)["transaction_details"]
        some = list(collection.find(limit=3 * planted))
        for number, document in enumerate(some):
            if number % 3 == 0:
                collection.delete_one({"_id": document["_id"]})
            elif number % 3 == 1:
                price = document["unit_price"].to_decimal() + Decimal("0.01")
                collection.update_one({"_id": document["_id"]}, {"$set": {"unit_price": Decimal128(price)}})
            else:
                identity = document["_id"] | {"line_number": 1_000 + number}
                collection.insert_one(document | {"_id": identity})
    table = next(table for table in MIRRORED if table.name == "transaction_details")
    report = fidelity.verify(settings, [table], grace_seconds=0.0).tables[0]
    told = {"missing": report.missing, "different": report.different, "extra": report.extra}
    faults = [f"verify: {count} {kind}, not {planted}" for kind, count in told.items() if count != planted]
    found = len(differing(settings, table))
    if found != 3 * planted:
        faults.append(f"the download: {found} differences, not {3 * planted}")
    return faults


def _drop(settings: Settings) -> None:
    with client.connect(settings, client.administrator(settings)) as mongo:
        mongo.drop_database(MONGO_DATABASE)
