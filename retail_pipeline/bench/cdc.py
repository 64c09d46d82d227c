"""How long until MongoDB has a sale, and how fast is a backlog gone? Beside a floor, and beside the predecessor."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from retail_pipeline.bench import cdc_arrivals, cdc_drain, cdc_generator, cdc_sides, database, servers
from retail_pipeline.bench.cdc_arrivals import Watch
from retail_pipeline.bench.cdc_generator import Plan, Sale
from retail_pipeline.bench.cdc_sides import Floor, Ours, Predecessor, Side
from retail_pipeline.bench.company import Company, fill
from retail_pipeline.bench.database import BenchError, store_login
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.bench.warm_up import until_warm
from retail_pipeline.mirror import client, fidelity
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import roles
from retail_pipeline.warehouse.connection import connect_dsn

MOST_P50 = 3.0
MOST_P99 = 8.0
MOST_OF_PREDECESSOR = 1 / 25

_CUSTOMERS = 20
_PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


@dataclass(frozen=True)
class Sizes:
    """How much is measured: sales a second and for how many seconds, after `lead_in` seconds that do not count.

    Before them `warm_up` sales go through the stream, `warm_ups` times at most, for Java compiles while it runs. A sale
    that is not there after `late` seconds counts as having taken so long. The predecessor is left out where it gets no
    seconds.
    """

    stores: int = 16
    products: int = 200
    lines: int = 3_000
    rates: Sequence[tuple[int, int]] = ((50, 14), (200, 10))
    predecessor_rate: int = 50
    predecessor_seconds: int = 12
    lead_in: int = 3
    late: int = 10
    warm_up: int = 5_000
    warm_up_rate: int = 250
    warm_ups: int = 5
    rounds: int = 3
    backlog: int = 200_000


@dataclass
class _Figures:
    """What the rounds of one side at one rate found: milliseconds by percentile; the counts are of all rounds."""

    rounds: list[dict[str, float]] = field(default_factory=list)
    sales: int = 0
    late: int = 0
    behind_ms: float = 0.0

    def add(self, latencies: Sequence[float], late_ms: float, behind_ms: float) -> None:
        self.rounds.append(
            {name: cdc_arrivals.percentile(latencies, percent) for name, percent in _PERCENTILES.items()}
        )
        self.sales += len(latencies)
        self.late += sum(latency >= late_ms for latency in latencies)
        self.behind_ms = max(self.behind_ms, behind_ms)

    def of(self, name: str) -> list[float]:
        return [figures[name] for figures in self.rounds]

    def as_details(self) -> dict[str, Any]:
        medians = {f"{name}_ms": round(statistics.median(self.of(name)), 1) for name in _PERCENTILES}
        return {**medians, "sales": self.sales, "late_or_lost": self.late, "generator_behind_ms": self.behind_ms}


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Measure on servers of the bench's own."""
    del settings  # the servers that are there have a stream of their own
    with servers.own(say) as own:
        return measure(own, say, sizes or Sizes())


def measure(settings: Settings, say: Report, sizes: Sizes) -> Result:
    """Measure on these servers, which nothing else streams from or to."""
    with database.sites(settings, "cdc", "cdc_floor", "cdc_predecessor", stores=sizes.stores) as sites:
        roles.provision(sites[0].settings)
        for site in sites:
            fill(site, Company(sizes.stores, sizes.products, _CUSTOMERS, sizes.lines))
        with cdc_sides.prepared(*sites) as (ours, floor, predecessor):
            # The backlogs first: Java compiles while it runs, and what has run for days is through with that.
            drained = cdc_drain.measure(ours, sizes.backlog, sizes.rounds, say)
            figures = _latencies(ours, floor, predecessor, sizes, say)
            faults = _faults(figures, drained, ours, say)
            with connect_dsn(sites[0].address(store_login(1))) as session:
                durability = database.durability(session)
    return Result(
        name="cdc",
        ours="from a sale's COMMIT to the last of its 11 documents in a change stream, through Debezium and Kafka",
        baseline="the floor: seen by pg_recvlogical, the documents written by pymongo; the predecessor's connectors; "
        "pymongo's upserts of the backlog's documents by 1 to 4 threads",
        comparisons=_comparisons(figures, drained, sizes),
        sizes=asdict(sizes),
        durability=durability | cdc_drain.MONGO_DURABILITY,
        checks={"MongoDB": "different" if faults else "equal to PostgreSQL after it all, document for document"},
        details={f"{rate}/s, {name}": found.as_details() for (name, rate), found in figures.items()}
        | {"backlog": drained.as_details()},
        faults=faults,
    )


_AllFigures = dict[tuple[str, int], _Figures]


def _latencies(ours: Ours, floor: Floor, predecessor: Predecessor, sizes: Sizes, say: Report) -> _AllFigures:
    """Measure ours and the floor at each rate, in rounds and in turns, then the predecessor; who begins changes."""
    figures: _AllFigures = {}
    _warm_up(ours, sizes, say)
    turns: list[tuple[int, Side, int, int]] = []
    for number in range(1, sizes.rounds + 1):
        pair: list[Side] = [ours, floor] if number % 2 else [floor, ours]
        turns += [(number, side, rate, seconds) for rate, seconds in sizes.rates for side in pair]
    if sizes.predecessor_seconds:
        # Last of all: its other converters make Java compile again what the connectors share.
        rounds = range(1, sizes.rounds + 1)
        turns += [(number, predecessor, sizes.predecessor_rate, sizes.predecessor_seconds) for number in rounds]
    for number, side, rate, seconds in turns:
        latencies, behind = _segment(side, rate, seconds, sizes, seed=number)
        found = figures.setdefault((side.name, rate), _Figures())
        found.add(latencies, sizes.late * 1000, behind)
        told = ", ".join(f"{name} {value:.1f}" for name, value in found.rounds[-1].items())
        say(f"round {number}, {rate}/s, {side.name}: {told} ms")
    return figures


def _warm_up(ours: Ours, sizes: Sizes, say: Report) -> None:
    """Sell until Kafka Connect needs hardly less of a processor for a sale than the best before: Java has compiled."""
    seconds = max(1, sizes.warm_up // sizes.warm_up_rate)
    sales = seconds * sizes.warm_up_rate

    def block() -> None:
        _segment(ours, sizes.warm_up_rate, seconds, sizes, seed=0)

    for cost in until_warm(block, ours.processor_seconds, sizes.warm_ups):
        say(f"sales, not counted: {sales:,}, each {1000 * cost / sales:.1f} ms of processor in Kafka Connect")


def _segment(side: Side, rate: int, seconds: int, sizes: Sizes, seed: int) -> tuple[list[float], float]:
    """Let one side run, sell, and wait for the documents; return milliseconds of each sale that counts.

    Beside them how far the generator fell behind its own clock, in milliseconds.
    """
    settings = side.site.settings
    with (
        side.running(),
        client.connect(settings, client.administrator(settings)) as mongo,
        tempfile.TemporaryDirectory(prefix="retail-bench-") as folder,
        cdc_arrivals.watch(mongo[side.mongo_database]) as watch,
    ):
        plan = Plan(
            addresses=[side.site.address(store_login(store)) for store in range(1, sizes.stores + 1)],
            customers=_CUSTOMERS,
            rate=rate,
            seconds=sizes.lead_in,
            seed=seed,
            journal=str(Path(folder) / "journal"),
        )
        # What was just started does its first work, and is through with it before anything counts.
        _await(sell(plan, watch), watch, sizes.late)
        watch.changes.clear()
        sales = sell(replace(plan, seconds=seconds), watch)
        found = _await(sales, watch, sizes.late)
    behind = max((sale.committed_ns - sale.due_ns) / 1e6 for sale in sales)
    return cdc_arrivals.latencies(sales, found, sizes.late * 1000), round(behind, 1)


def sell(plan: Plan, watch: Watch) -> list[Sale]:
    """Run the generator to its end, reading the change stream meanwhile; return what it sold.

    Raises BenchError where the generator fails.
    """
    with cdc_generator.started(plan) as generator:
        watch.until(lambda: generator.poll() is not None)
        if said := cdc_generator.failure(generator):
            raise BenchError(f"The generator of sales failed: {said}")
    return cdc_generator.read_journal(Path(plan.journal))


def _await(sales: Sequence[Sale], watch: Watch, late: int) -> dict[cdc_arrivals.Token, int]:
    """Read the change stream until every document was seen or is late; return when each was first seen."""
    wanted = {token for sale in sales for token in cdc_arrivals.tokens(sale)}
    until = time.monotonic() + late
    found: dict[cdc_arrivals.Token, int] = {}

    def complete() -> bool:
        nonlocal found
        over = time.monotonic() > until
        if over or len(watch.changes) >= len(wanted):
            found = cdc_arrivals.seen(watch.changes)
        return over or wanted <= found.keys()

    watch.until(complete)
    return found


def _comparisons(figures: _AllFigures, drained: cdc_drain.Drained, sizes: Sizes) -> list[Comparison]:
    found = []
    for rate, _ in sizes.rates:
        ours, floor = figures["ours", rate], figures["floor", rate]
        for name, most in (("p50", MOST_P50), ("p99", MOST_P99)):
            found.append(Comparison(f"{rate} sales/s, {name}", "ms", ours.of(name), floor.of(name), most=most))
    rate = sizes.predecessor_rate
    if ("predecessor", rate) in figures:
        ours, before = figures["ours", rate], figures["predecessor", rate]
        name = f"{rate} sales/s, p50, predecessor"
        found.append(Comparison(name, "ms", ours.of("p50"), before.of("p50"), most=MOST_OF_PREDECESSOR))
    return [*found, drained.comparison()]


def _faults(figures: _AllFigures, drained: cdc_drain.Drained, ours: Ours, say: Report) -> list[str]:
    """Return what makes the figures worthless: a document that is lost, or a stream that does not end up equal."""
    faults = list(drained.faults)
    lost = sum(found.late for (name, _), found in figures.items() if name == ours.name)
    with ours.running():
        report = fidelity.verify(ours.site.settings)
    say(report.as_text())
    if not report.equal:
        faults.append(f"{report.as_text()} ({lost} sales were late or lost)")
    return faults
