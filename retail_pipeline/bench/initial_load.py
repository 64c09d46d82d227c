"""How fast are collections filled? Beside pymongo's insert_many, and beside Debezium's own snapshot through Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from psycopg2.extensions import parse_dsn

from retail_pipeline.bench import ceiling, database, servers
from retail_pipeline.bench.cdc_drain import MONGO_DURABILITY
from retail_pipeline.bench.cdc_sides import write_secrets
from retail_pipeline.bench.company import Company, fill
from retail_pipeline.bench.database import BenchError, Site, store_login
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.mirror import client, fidelity, initial_snapshot, snapshot
from retail_pipeline.replication import connectors, topics
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, MONGO_DATABASE, RED, Table
from retail_pipeline.warehouse import roles
from retail_pipeline.warehouse.connection import connect_dsn

LEAST_OF_CEILING = 0.8
LEAST_OF_DEBEZIUM = 4.0

_CUSTOMERS = 20
_TIMEOUT = 600.0
_PAUSE = 0.005


@dataclass(frozen=True)
class Sizes:
    """How much is loaded: a company whose sales came with a file, in so many rounds."""

    stores: int = 200
    products: int = 50
    lines: int = 240_000
    rounds: int = 3


@dataclass
class _Figures:
    """Documents a second of each round, and the seconds of the whole snapshot, the start of the stream included."""

    ours: list[float] = field(default_factory=list)
    ceiling: list[float] = field(default_factory=list)
    debezium: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    threads: int = 0
    documents: int = 0


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Measure on servers of the bench's own."""
    del settings  # the servers that are there have collections of their own
    with servers.own(say) as own:
        return measure(own, say, sizes or Sizes())


def measure(settings: Settings, say: Report, sizes: Sizes) -> Result:
    """Measure on these servers, which nothing else streams from or to."""
    with database.sites(settings, "initial", stores=1) as (site,):
        roles.provision(site.settings)
        fill(site, Company(sizes.stores, sizes.products, _CUSTOMERS, sizes.lines))
        _only_streamed(site)
        _drop(site.settings)
        faults: list[str] = []
        with _clean(site):
            figures = _rounds(site, sizes, faults, say)
        with connect_dsn(site.address(store_login(1))) as session:
            durability = database.durability(session)
    return Result(
        name="initial-load",
        ours="the initial snapshot, from the slot's exported one in PostgreSQL to the collections in their places",
        baseline="insert_many of the same documents, ready in memory, by 1 to 4 threads; and Debezium's snapshot, from "
        "its first document to its last, through Kafka and the same sinks",
        comparisons=[
            Comparison("insert_many", "docs/s", figures.ours, figures.ceiling, least=LEAST_OF_CEILING),
            Comparison("Debezium's snapshot", "docs/s", figures.ours, figures.debezium, least=LEAST_OF_DEBEZIUM),
        ],
        sizes=asdict(sizes),
        durability=durability | MONGO_DURABILITY,
        checks={"MongoDB": "different" if faults else "equal to PostgreSQL after each load, document for document"},
        details={
            "load": {
                "documents": figures.documents,
                "ceiling_threads": figures.threads,
                "whole_seconds": [round(seconds, 1) for seconds in figures.whole],
            }
        },
        faults=faults,
    )


def _only_streamed(site: Site) -> None:
    """Leave the streamed tables and the small ones: Debezium's snapshot is of the streamed ones."""
    with connect_dsn(site.superuser) as session, session.cursor() as cursor:
        cursor.execute("truncate retail.observations, retail.conflicts")


def _rounds(site: Site, sizes: Sizes, faults: list[str], say: Report) -> _Figures:
    """Load each way, round by round, the three in turns; who begins changes."""
    settings = site.settings
    with snapshot.take(settings) as now:
        documents: ceiling.Documents = {table.name: list(now.documents(table)) for table in MIRRORED}
    figures = _Figures(documents=sum(map(len, documents.values())))
    figures.threads = ceiling.best(ceiling.inserts, settings, documents)

    def ours() -> None:
        report = initial_snapshot.take(settings, force=True)
        figures.ours.append(sum(report.rows.values()) / report.copy_seconds)
        figures.whole.append(report.seconds)
        _compare(settings, MIRRORED, "the initial snapshot", faults)

    def top() -> None:
        figures.ceiling.append(ceiling.inserts(settings, documents, figures.threads))

    def debezium() -> None:
        streamed = sum(len(documents[table.name]) for table in RED)
        figures.debezium.append(_debezium(site, streamed))
        _compare(settings, RED, "Debezium's snapshot", faults)

    for number in range(1, sizes.rounds + 1):
        turns: list[Callable[[], None]] = [ours, top, debezium]
        for measured in turns if number % 2 else [top, ours, debezium]:
            measured()
        say(
            f"round {number}: {figures.ours[-1]:,.0f} docs/s, insert_many by {figures.threads} threads "
            f"{figures.ceiling[-1]:,.0f}, Debezium's snapshot {figures.debezium[-1]:,.0f}"
        )
    return figures


def _compare(settings: Settings, tables: tuple[Table, ...], what: str, faults: list[str]) -> None:
    report = fidelity.verify(settings, tables)
    if not report.equal:
        faults.append(f"after {what}: {report.as_text()}")


def _debezium(site: Site, wanted: int) -> float:
    """Let Debezium read the streamed tables itself into empty collections; return documents a second."""
    settings = site.settings
    connectors.halt(settings)
    with client.connect(settings, client.administrator(settings)) as mongo:
        for table in RED:
            mongo[MONGO_DATABASE].drop_collection(table.name)
    secrets = write_secrets(site)
    topics.ensure(settings)
    configurations = connectors.configurations(settings)
    # Its own login may not see every store's rows; a snapshot by it would be empty.
    configurations[connectors.SOURCE] |= {
        "snapshot.mode": "initial",
        # The stream's are for sales that come one by one.
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "database.user": str(parse_dsn(site.superuser)["user"]),
        "database.password": f"${{file:{secrets}:postgres.password}}",
    }
    with ConnectClient(settings.require("connect_url")) as connect:
        # The sinks first, so that they wait for the first record.
        for name in reversed(connectors.names()):
            connect.put_config(name, configurations[name])
            if name == connectors.SOURCE:
                connect.resume(name)
            else:
                connect.wait_running([name])
        return _from_first_to_last(settings, wanted)


def _from_first_to_last(settings: Settings, wanted: int) -> float:
    """Wait for so many documents of streamed tables; return documents a second."""
    with client.connect(settings, client.ANALYST) as mongo:
        collections = [client.mirror(mongo)[table.name] for table in RED]
        until = time.monotonic() + _TIMEOUT
        first = None
        while True:
            now = sum(collection.estimated_document_count() for collection in collections)
            at = time.monotonic()
            if first is None and now:
                first = now, at
            if first is not None and now >= wanted:
                return (now - first[0]) / (at - first[1])
            if at > until:
                raise BenchError(f"Of {wanted:,} documents {now:,} are there after {_TIMEOUT:g} s.")
            time.sleep(_PAUSE)


@contextmanager
def _clean(site: Site) -> Iterator[None]:
    """Remove slot, connectors and collections in the end, before the database goes."""
    try:
        yield
    finally:
        write_secrets(site)
        connectors.halt(site.settings)
        # Its configuration may refer to the file that goes now, and then nothing could be done with it any more.
        with ConnectClient(site.settings.require("connect_url")) as connect:
            connect.delete(connectors.SOURCE)
        write_secrets(site).unlink()
        _drop(site.settings)


def _drop(settings: Settings) -> None:
    with client.connect(settings, client.administrator(settings)) as mongo:
        mongo.drop_database(MONGO_DATABASE)
