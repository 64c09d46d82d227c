"""Does MongoDB hold what PostgreSQL holds? Every row and every document, byte for byte, in both directions."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bson
import psycopg2
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from retail_pipeline.errors import CouldNotTellError, RetailError, first_line
from retail_pipeline.mirror import comparison, documents, snapshot, writing
from retail_pipeline.mirror.client import ANALYST, connect, mirror
from retail_pipeline.mirror.comparison import Difference, Kind
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, Flow, Table

GRACE_SECONDS = 10.0
EXAMPLES = 20
# So many deviating keys of one table are followed until they are equal or stand; with more the table is read again.
_TRACKED = 20_000
# A document that the stream keeps changing is given up on as still in flight after so many grace periods.
_ROUNDS = 6


@dataclass(frozen=True)
class Mismatch:
    """A document that is not as it should be: which, how, and in which fields."""

    table: str
    kind: str
    key: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableReport:
    """What was found of one table: counts of everything, and the first mismatches in full."""

    table: str
    rows: int
    documents: int
    missing: int = 0
    extra: int = 0
    different: int = 0
    in_flight: int = 0
    examples: tuple[Mismatch, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing is missing, extra or different."""
        return not (self.missing or self.extra or self.different)

    def as_text(self) -> str:
        """Say it in one line, with the first mismatch."""
        if self.equal:
            return f"{self.table}: {self.rows:,} rows, all equal"
        first = self.examples[0] if self.examples else None
        example = f", such as {first.key} ({first.kind})" if first else ""
        return (
            f"{self.table}: of {self.rows:,} rows {self.missing:,} missing and {self.different:,} different in MongoDB,"
            f" {self.extra:,} documents without a row{example}"
        )


@dataclass(frozen=True)
class FidelityReport:
    """What was found of each table."""

    tables: tuple[TableReport, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether MongoDB equals PostgreSQL."""
        return all(table.equal for table in self.tables)

    def as_text(self) -> str:
        """Say it for a person: one line where all is equal, else a line for each table that is not."""
        if self.equal:
            rows = sum(table.rows for table in self.tables)
            return f"Equal: {rows:,} rows of {len(self.tables)} tables, every document as its row."
        wrong = [table.as_text() for table in self.tables if not table.equal]
        return "\n".join(["MongoDB differs from PostgreSQL:", *(f"  {line}" for line in wrong)])

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it."""
        tables = [dataclasses.asdict(table) | {"equal": table.equal} for table in self.tables]
        return {"equal": self.equal, "seconds": round(self.seconds, 3), "tables": tables}


def verify(
    settings: Settings, tables: Sequence[Table] = MIRRORED, *, grace_seconds: float = GRACE_SECONDS
) -> FidelityReport:
    """Compare every row with its document; CouldNotTellError where a server does not answer.

    PostgreSQL is read in one snapshot. What deviates is looked at again until it is right or has stood still for
    `grace_seconds`, because a change on its way is no fault; a batch table is looked at again once.
    """
    started = time.monotonic()
    with could_tell(), connect(settings, ANALYST) as client:
        database = mirror(client)
        with snapshot.take(settings) as now:
            scans = [_scan(now, table, database[table.name]) for table in tables]
        with snapshot.latest(settings) as latest:
            reports = [_followed(settings, scan, latest, database[scan.table.name], grace_seconds) for scan in scans]
    return FidelityReport(tuple(reports), time.monotonic() - started)


def sample(
    settings: Settings, wanted: int = 100, tables: Sequence[Table] = MIRRORED, *, grace_seconds: float = GRACE_SECONDS
) -> FidelityReport:
    """Compare the numbers of rows and documents, and some of them in full: quick enough for a sensor."""
    started = time.monotonic()
    with could_tell(), connect(settings, ANALYST) as client, snapshot.latest(settings) as latest:
        database = mirror(client)
        reports = [_sampled(latest, table, database[table.name], wanted, grace_seconds) for table in tables]
    return FidelityReport(tuple(reports), time.monotonic() - started)


def counts(
    latest: snapshot.Snapshot, table: Table, collection: Collection[Any], grace_seconds: float
) -> tuple[int, int, int]:
    """Count rows and documents, and say how many documents there are too many (below 0: too few).

    While sales go on both numbers move, and MongoDB's is one that PostgreSQL had shortly before: it is right once it
    lies among those that PostgreSQL has had since the first look.
    """
    until = time.monotonic() + grace_seconds
    least = most = latest.count(table)
    while True:
        stored = collection.count_documents({})
        rows = latest.count(table)
        least, most = min(least, rows), max(most, rows)
        too_many = max(0, stored - most) + min(0, stored - least)
        if not too_many or time.monotonic() >= until:
            return rows, stored, too_many
        time.sleep(0.2)


@contextmanager
def could_tell() -> Iterator[None]:
    """Turn an unreachable server into the answer "could not tell", which is neither yes nor no."""
    try:
        yield
    except RetailError as error:
        raise CouldNotTellError(f"The comparison could not be made. {error.message}", error.next_step) from error
    except (psycopg2.Error, PyMongoError) as error:
        raise CouldNotTellError(
            f"The comparison broke off: {type(error).__name__}: {first_line(error)}",
            "see `retail-pipeline status`, then compare again",
        ) from error


@dataclass(frozen=True)
class Scan:
    """The first look at a table: all counts, and the differences as far as they are followed."""

    table: Table
    counter: comparison.Counter
    found: list[Difference]

    @property
    def complete(self) -> bool:
        """Whether every difference is among those that are followed."""
        return self.counter.deviating == len(self.found)


def _scan(now: snapshot.Snapshot, table: Table, collection: Collection[Any]) -> Scan:
    def scan() -> Scan:
        counter = comparison.Counter()
        found: list[Difference] = []
        present = comparison.stored(collection)
        for difference in comparison.differences(now.documents(table), present, table.key, counter):
            if len(found) < _TRACKED:
                found.append(difference)
        return Scan(table, counter, found)

    return writing.again_after_swap(scan)


def _followed(
    settings: Settings, scan: Scan, latest: snapshot.Snapshot, collection: Collection[Any], grace_seconds: float
) -> TableReport:
    """Return what remains of a table's differences once changes on their way have arrived."""
    table = scan.table
    timeout = grace_seconds if table.flow is Flow.RED else 0.0
    until = time.monotonic() + timeout
    while not scan.complete and time.monotonic() < until:
        time.sleep(min(1.0, timeout))
        with snapshot.take(settings) as now:
            scan = _scan(now, table, collection)
    if not scan.complete:
        return _report(scan, scan.found, 0)
    remaining, in_flight = _follow(table, latest, collection, scan.found, timeout)
    return _report(scan, remaining, in_flight)


def _report(scan: Scan, remaining: Sequence[Difference], in_flight: int) -> TableReport:
    kinds = [difference.kind for difference in remaining]
    counter = scan.counter
    return TableReport(
        scan.table.name,
        rows=counter.wanted,
        documents=counter.present,
        missing=kinds.count(Kind.MISSING) if scan.complete else counter.missing,
        extra=kinds.count(Kind.EXTRA) if scan.complete else counter.extra,
        different=kinds.count(Kind.DIFFERENT) if scan.complete else counter.different,
        in_flight=in_flight,
        examples=_examples(scan.table, remaining),
    )


def _examples(table: Table, found: Sequence[Difference]) -> tuple[Mismatch, ...]:
    return tuple(
        Mismatch(table.name, one.kind.value, comparison.shown(one.identity), one.fields()) for one in found[:EXAMPLES]
    )


def _follow(
    table: Table,
    latest: snapshot.Snapshot,
    collection: Collection[Any],
    found: Sequence[Difference],
    grace_seconds: float,
) -> tuple[list[Difference], int]:
    """Look at differences again until each is gone or its document has stood still; count those still moving."""
    start = time.monotonic()
    pending = [(difference, start) for difference in found]
    remaining: list[Difference] = []
    pause = 0.05
    while pending:
        looked = look(table, latest, collection, [difference.identity for difference, _ in pending])
        now = time.monotonic()
        still: list[tuple[Difference, float]] = []
        for (before, since), difference in zip(pending, looked, strict=True):
            if difference is None:
                continue
            # A document that changes is being written by the stream, so its row is on its way too.
            stands_since = since if difference.present == before.present else now
            if now - stands_since >= grace_seconds:
                remaining.append(difference)
            else:
                still.append((difference, stands_since))
        pending = still
        if pending and now - start > _ROUNDS * grace_seconds:
            break
        if pending:
            time.sleep(pause)
            pause = min(1.0, pause * 2)
    return remaining, len(pending)


def look(
    table: Table, latest: snapshot.Snapshot, collection: Collection[Any], identities: Sequence[Any], **find: Any
) -> list[Difference | None]:
    """Look at single documents, MongoDB first and PostgreSQL then; None for each that is as it should be."""
    present = {}
    for batch in collection.find_raw_batches({"_id": {"$in": list(identities)}}, **find):
        for document in comparison.split(batch):
            present[_name(table, comparison.identity(document))] = document
    keys = [documents.key_values(table, identity) for identity in identities]
    rows = latest.by_key(table, [key for key in keys if key is not None])
    return [
        _difference(rows.get(key) if key is not None else None, present.get(_name(table, identity)))
        for identity, key in zip(identities, keys, strict=True)
    ]


def _difference(wanted: bytes | None, present: bytes | None) -> Difference | None:
    if wanted == present:
        return None
    if wanted is None:
        return Difference(Kind.EXTRA, None, present)
    return Difference(Kind.MISSING if present is None else Kind.DIFFERENT, wanted, present)


def _name(table: Table, identity: Any) -> Any:
    """Return what is equal for two `_id` that MongoDB takes for the same."""
    return comparison.sort_key(identity, table.key) or bson.encode({"": identity})


def _sampled(
    latest: snapshot.Snapshot, table: Table, collection: Collection[Any], wanted: int, grace_seconds: float
) -> TableReport:
    timeout = grace_seconds if table.flow is Flow.RED else 0.0
    identities = [comparison.identity(row) for row in latest.some(table, wanted)]
    identities += _some(collection, wanted)
    found = [difference for difference in look(table, latest, collection, _once(identities)) if difference]
    remaining, in_flight = _follow(table, latest, collection, found, timeout)
    rows, stored, too_many = counts(latest, table, collection, timeout)
    kinds = [difference.kind for difference in remaining]
    return TableReport(
        table.name,
        rows=rows,
        documents=stored,
        missing=max(kinds.count(Kind.MISSING), -too_many),
        extra=max(kinds.count(Kind.EXTRA), too_many),
        different=kinds.count(Kind.DIFFERENT),
        in_flight=in_flight,
        examples=_examples(table, remaining),
    )


def _some(collection: Collection[Any], wanted: int) -> list[Any]:
    stages: list[dict[str, Any]] = [{"$sample": {"size": wanted}}, {"$project": {"_id": 1}}]
    return [
        comparison.identity(document)
        for batch in collection.aggregate_raw_batches(stages)
        for document in comparison.split(batch)
    ]


def _once(identities: Iterable[Any]) -> list[Any]:
    return list({bson.encode({"": identity}): identity for identity in identities}.values())
