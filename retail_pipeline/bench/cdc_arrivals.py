"""When was a sale's last document there? What a change stream of MongoDB shows, beside the generator's journal."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from retail_pipeline.bench.cdc_generator import Sale
from retail_pipeline.tables import BY_NAME

# One document of one sale: its collection, its key, and of stock its level, which names the sale.
Token = tuple[Any, ...]

_WAIT_MS = 50
_ASK_NS = 1_000_000_000
_COLUMNS = {
    "transactions": BY_NAME["transactions"].key,
    "transaction_details": BY_NAME["transaction_details"].key,
    "inventory": (*BY_NAME["inventory"].key, "inventory_level"),
}


def tokens(sale: Sale) -> list[Token]:
    """Name every document that a sale writes: the header, a line for each product, the stock of each."""
    number, store = sale.transaction_id, sale.store
    values = {"transactions": [{"store_id": store, "transaction_id": number}]}
    values["transaction_details"] = [
        {"store_id": store, "transaction_id": number, "line_number": line} for line in range(1, len(sale.levels) + 1)
    ]
    values["inventory"] = [
        {"store_id": store, "product_id": product, "inventory_level": level} for product, level in sale.levels
    ]
    return [token(name, row) for name, rows in values.items() for row in rows]


def token(collection: str, row: Mapping[str, Any]) -> Token:
    """Name the document that holds a row."""
    return (collection, *(row[name] for name in _COLUMNS[collection]))


def seen(changes: Iterable[tuple[int, Any]]) -> dict[Token, int]:
    """Return when each document was first seen. The envelope that the predecessor stores counts as its row."""
    found: dict[Token, int] = {}
    for at, change in changes:
        document = change.get("fullDocument")
        if document is None:
            continue
        row = document.get("after", document)
        if row is not None:
            found.setdefault(token(change["ns"]["coll"], row), at)
    return found


def latencies(sales: Sequence[Sale], found: Mapping[Token, int], late_ms: float) -> list[float]:
    """Return the milliseconds from each sale's commit to its last document; `late_ms` for one that is lost or later."""
    figures = []
    for sale in sales:
        arrived = [found.get(one) for one in tokens(sale)]
        times = [at for at in arrived if at is not None]
        whole = len(times) == len(arrived)
        figures.append(min((max(times) - sale.committed_ns) / 1e6, late_ms) if whole else late_ms)
    return figures


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass
class Watch:
    """A change stream of a database that was opened, and what it has shown so far, with the time of each change."""

    stream: Any
    changes: list[tuple[int, Any]]

    def until(self, done: Callable[[], bool]) -> None:
        """Read until `done`, which is asked whenever nothing is there to be read, and once a second besides."""
        asked = time.monotonic_ns()
        while True:
            change = self.stream.try_next()
            now = time.monotonic_ns()
            if change is not None:
                self.changes.append((now, change))
            if change is None or now - asked > _ASK_NS:
                asked = now
                if done():
                    return


@contextmanager
def watch(database: Database[Any]) -> Iterator[Watch]:
    """Open a change stream; a change is kept as it came, so that reading it costs the machine as little as can be."""
    raw: Any = database.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    with raw.watch(max_await_time_ms=_WAIT_MS) as stream:
        stream.try_next()
        gc.disable()  # a collection while many changes are kept would be measured as theirs
        try:
            yield Watch(stream, [])
        finally:
            gc.enable()
