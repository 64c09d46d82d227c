"""How fast is a backlog gone? Rows committed while the stream was stopped, until all their documents are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from retail_pipeline.bench import ceiling
from retail_pipeline.bench.cdc_sides import Ours
from retail_pipeline.bench.company import FOLDER
from retail_pipeline.bench.database import BenchError, Site
from retail_pipeline.bench.result import Comparison, Report
from retail_pipeline.bench.warm_up import until_warm
from retail_pipeline.mirror import client, comparison
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import connect_dsn

LEAST = 0.7
# What each of the two sides waits for; the sink's address and the client of `mirror.client` say so.
MONGO_DURABILITY = {"mongodb_write_concern": "majority, journal"}

_COLLECTIONS = ("transactions", "transaction_details")
_ROWS_OF_A_SALE = 4
_TIMEOUT = 300.0
# Counting costs the servers: once the first documents are there it is done less often. A backlog takes ten seconds.
_BRIEF, _PAUSE = 0.005, 0.05
_COLD_AT_MOST = 8


@dataclass
class Drained:
    """Rows a second of each round and of the backlogs before, the ceiling's number of threads, and what went wrong."""

    ours: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    threads: int = 0
    rows: int = 0
    faults: list[str] = field(default_factory=list)

    def comparison(self) -> Comparison:
        """Set both sides beside each other."""
        return Comparison("drain of a backlog", "rows/s", self.ours, self.baseline, least=LEAST)

    def as_details(self) -> dict[str, Any]:
        """Return what was drained, how fast while Java compiled, and how the ceiling was reached."""
        return {"rows": self.rows, "cold": [round(rate) for rate in self.cold], "ceiling_threads": self.threads}


def measure(ours: Ours, rows: int, rounds: int, say: Report) -> Drained:
    """Leave a backlog and drain it, round by round; in turns with the ceiling, which writes the first one's documents.

    Java compiles while the first ones go: they are told and not counted, until Kafka Connect needs hardly less of a
    processor for a row than the best before. The number of threads is found out beforehand with a fifth of the
    documents.
    """
    settings = ours.site.settings
    found = Drained()

    def cold() -> None:
        found.cold.append(_drain(ours, rows))

    for cost in until_warm(cold, ours.processor_seconds, _COLD_AT_MOST):
        each = 1e6 * cost / rows
        say(f"backlog, not counted: {found.cold[-1]:,.0f} rows/s, each {each:.0f} µs of processor in Kafka Connect")
    documents = _documents(settings, rows)
    found.rows = sum(map(len, documents.values()))
    fifth = {name: some[: len(some) // 5 + 1] for name, some in documents.items()}
    found.threads = ceiling.best(ceiling.upserts, settings, fifth)
    for number in range(1, rounds + 1):
        if number % 2 == 0:
            found.baseline.append(ceiling.upserts(settings, documents, found.threads))
        found.ours.append(_drain(ours, rows))
        if number % 2:
            found.baseline.append(ceiling.upserts(settings, documents, found.threads))
        say(
            f"backlog, round {number}: {found.ours[-1]:,.0f} rows/s, "
            f"upserts by {found.threads} threads {found.baseline[-1]:,.0f} rows/s"
        )
    return found


def _drain(ours: Ours, rows: int) -> float:
    """Commit the backlog while the stream is stopped, start it, and return rows a second.

    From the last look that found none of its documents to the first that found all.
    """
    leave(ours.site, rows)
    with _counted(ours.site.settings) as count:
        before = count()
        wanted = before + rows // _ROWS_OF_A_SALE * _ROWS_OF_A_SALE
        with ours.running():
            empty = time.monotonic()
            until = empty + _TIMEOUT
            while (now := count()) < wanted:
                at = time.monotonic()
                if now == before:
                    empty = at
                if at > until:
                    raise BenchError(f"Of a backlog of {rows:,} rows {now - before:,} are there after {_TIMEOUT:g} s.")
                time.sleep(_BRIEF if now == before else _PAUSE)
            ended = time.monotonic()
    return (wanted - before) / (ended - empty)


def leave(site: Site, rows: int) -> None:
    """Commit so many rows, in batches."""
    with connect_dsn(site.superuser, autocommit=True) as session, session.cursor() as cursor:
        cursor.execute("select set_config('bench.sales', %s, false)", (str(rows // _ROWS_OF_A_SALE),))
        cursor.execute((FOLDER / "backlog.sql").read_text())


@contextmanager
def _counted(settings: Settings) -> Iterator[Callable[[], int]]:
    with client.connect(settings, client.ANALYST) as mongo:
        collections = [client.mirror(mongo)[name] for name in _COLLECTIONS]
        yield lambda: sum(collection.estimated_document_count() for collection in collections)


def _documents(settings: Settings, rows: int) -> ceiling.Documents:
    """Read the last backlog's documents as they were stored."""
    sales = rows // _ROWS_OF_A_SALE
    with client.connect(settings, client.ANALYST) as mongo:
        database = client.mirror(mongo)
        newest = database["transactions"].find_one(sort=[("transaction_id", -1)]) or {}
        after = {"transaction_id": {"$gt": newest["transaction_id"] - sales}}
        found = {}
        for name in _COLLECTIONS:
            batches: Any = database[name].find_raw_batches(after)
            found[name] = [document for batch in batches for document in comparison.split(batch)]
        return found
