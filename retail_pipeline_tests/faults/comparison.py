"""Is every committed row a document, and no other? A program of its own, written from the contract alone.

It knows nothing of the mirror: it reads the three streamed tables by COPY as text, makes the documents that the
contract promises, and holds their bytes against those in MongoDB. Equal bytes are equal values, types and order of
fields. The journal says besides what each row was at its last COMMIT, so a change that PostgreSQL lost is seen too.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import bson
import psycopg2
import pymongo
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from psycopg2.extensions import connection as Connection  # noqa: N812
from pymongo.database import Database

from retail_pipeline_tests.faults import journal as journals
from retail_pipeline_tests.faults.journal import Committed

Key = tuple[str, ...]
Row = tuple[str, ...]
NULL = "\\N"
SHOWN = 5


def _integer(text: str) -> int:
    return int(text)


def _bigint(text: str) -> Int64:
    return Int64(text)


def _money(text: str) -> Decimal128:
    return Decimal128(Decimal(text))


def _flag(text: str) -> bool:
    return {"t": True, "f": False}[text]


def _moment(text: str) -> str:
    return text.replace(" ", "T") + "Z"


# As in the contract: columns in their order, each with the type of its field; then the key in its order.
COLUMNS: dict[str, dict[str, Callable[[str], Any]]] = {
    "transactions": {
        "transaction_id": _bigint,
        "transaction_date": _moment,
        "customer_id": _integer,
        "store_id": _integer,
        "payment_method_id": _integer,
        "promotion_applied": _flag,
        "promotion_id": _integer,
        "weather_id": _integer,
        "stockout": _flag,
    },
    "transaction_details": {
        "transaction_id": _bigint,
        "line_number": _integer,
        "store_id": _integer,
        "product_id": _integer,
        "quantity": _integer,
        "unit_price": _money,
    },
    "inventory": {"store_id": _integer, "product_id": _integer, "inventory_level": _integer},
}
KEYS = {
    "transactions": ("store_id", "transaction_id"),
    "transaction_details": ("store_id", "transaction_id", "line_number"),
    "inventory": ("store_id", "product_id"),
}


@dataclass
class Comparison:
    """What was compared, and what differs: for each kind of difference its number and the first few."""

    rows: int = 0
    changes: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.counts

    def differs(self, kind: str, example: str) -> None:
        """Count a difference."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= SHOWN:
            self.examples.setdefault(kind, []).append(example)

    def sentence(self) -> str:
        """Say it in a line."""
        found = "; ".join(f"{count} {kind}: {', '.join(self.examples[kind])}" for kind, count in self.counts.items())
        return f"{self.rows:,} rows and {self.changes:,} changes compared, {found or 'nothing differs'}"


@dataclass(frozen=True)
class Expected:
    """What PostgreSQL holds: rows by table and key, and the bytes of the document that each must be."""

    rows: Mapping[str, Mapping[Key, Row]]
    documents: Mapping[str, Mapping[bytes, Key]]

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(map(len, self.rows.values()))


def key_of(table: str, row: Row) -> Key:
    """Return the values of a row's key, as text."""
    return tuple(row[list(COLUMNS[table]).index(name)] for name in KEYS[table])


@lru_cache(maxsize=1_000_000)
def document(table: str, row: Row) -> bytes:
    """Return the bytes of the document that the contract promises for a row of COPY's text."""
    fields = {
        name: None if text == NULL else typed(text)
        for (name, typed), text in zip(COLUMNS[table].items(), row, strict=True)
    }
    return bson.encode({"_id": {name: fields[name] for name in KEYS[table]}, **fields})


def read(connection: Connection) -> dict[str, dict[Key, Row]]:
    """Read the tables of one moment; no policy may thin them out."""
    found = {}
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("set local row_security = off")
        for table, columns in COLUMNS.items():
            text = io.StringIO()
            cursor.copy_expert(f"copy retail.{table} ({', '.join(columns)}) to stdout", text)
            rows = (tuple(line.split("\t")) for line in text.getvalue().splitlines())
            found[table] = {key_of(table, row): row for row in rows}
    return found


def expect(rows: Mapping[str, Mapping[Key, Row]]) -> Expected:
    """Make the documents."""
    return Expected(rows, {t: {document(t, row): key for key, row in of.items()} for t, of in rows.items()})


def against_journal(found: Comparison, rows: Mapping[str, Mapping[Key, Row]], journal: Committed) -> None:
    """Hold PostgreSQL against what was committed, and look for stock below nothing."""
    found.changes = journal.changes
    for (table, key), wanted in journal.rows.items():
        present = rows[table].get(key)
        if wanted is None and present is not None:
            found.differs("rows deleted and still in PostgreSQL", f"{table} {key}")
        elif wanted is not None and present is None:
            found.differs("committed rows missing in PostgreSQL", f"{table} {key}")
        elif wanted != present:
            found.differs("rows of PostgreSQL that are not as committed", f"{table} {key}: {present}, not {wanted}")
    for (store, product), (*_, level) in rows["inventory"].items():
        if int(level) < 0:
            found.differs("stocks below nothing", f"store {store} product {product}: {level}")


def against_mongodb(found: Comparison, expected: Expected, database: Database[Any]) -> None:
    """Hold every document against its row, and every row against its document."""
    found.rows = expected.count
    for table, wanted in expected.documents.items():
        left = dict(wanted)
        strange = [raw for raw in _raw(database, table) if left.pop(raw, None) is None]
        missing = {key: raw for raw, key in left.items()}
        for raw in strange:
            present = bson.decode(raw)
            key = tuple(str(value) for value in present["_id"].values()) if isinstance(present["_id"], dict) else ()
            row = missing.pop(key, None)
            if row is None:
                found.differs("documents without a row", f"{table} {present['_id']}")
            else:
                found.differs(
                    "documents that are not their row", f"{table} {key}: {_unlike(present, bson.decode(row))}"
                )
        for key in missing:
            found.differs("rows without a document", f"{table} {key}")


def compare(expected: Expected, database: Database[Any], journal: Committed) -> Comparison:
    """Compare everything."""
    found = Comparison()
    against_journal(found, expected.rows, journal)
    against_mongodb(found, expected, database)
    return found


def _raw(database: Database[Any], table: str) -> Iterator[bytes]:
    for batch in database[table].find_raw_batches({}, batch_size=20_000):
        start = 0
        while start < len(batch):
            end = start + int.from_bytes(batch[start : start + 4], "little")
            yield batch[start:end]
            start = end


def _unlike(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say in which fields two documents differ."""
    if list(present) != list(wanted):
        return f"fields {list(present)}, not {list(wanted)}"
    return ", ".join(
        f"{name} is {_shown(present[name])}, not {_shown(wanted[name])}"
        for name in wanted
        if bson.encode({"": present[name]}) != bson.encode({"": wanted[name]})
    )


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {value}"


def main() -> int:
    """Compare once: exit 0 equal, 1 not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", required=True, help="address of a role that sees every row")
    parser.add_argument("--mongodb", required=True, help="address of a user who reads every collection")
    parser.add_argument("--journal", type=Path, nargs="*", default=(), help="those of the writers")
    given = parser.parse_args()
    connection = psycopg2.connect(given.postgres)
    try:
        changes = journals.committed(*given.journal)
        expected = expect(read(connection))
    finally:
        connection.close()
    with pymongo.MongoClient[Any](given.mongodb) as client:
        found = compare(expected, client["walmart_realtime"], changes)
    print(json.dumps(asdict(found)))
    return 0 if found.equal else 1


if __name__ == "__main__":
    sys.exit(main())
