"""What does one store's excess cost its neighbors? Their sales, a load, the batch and `verify`, with it and without."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retail_pipeline import stack
from retail_pipeline.bench import cdc_generator, database, servers
from retail_pipeline.bench.cdc_arrivals import percentile
from retail_pipeline.bench.cdc_drain import MONGO_DURABILITY
from retail_pipeline.bench.cdc_generator import Plan, Sale
from retail_pipeline.bench.company import Company, fill, stock_up
from retail_pipeline.bench.database import Site
from retail_pipeline.bench.excesses import EXCESSES, NOTHING, Excess, Offender, committed
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import initial_snapshot, tenants
from retail_pipeline.settings import Settings
from retail_pipeline.source import generator
from retail_pipeline.source.generator_draws import Shape
from retail_pipeline.tables import SLOT
from retail_pipeline.warehouse import consistency, migrations, roles
from retail_pipeline.warehouse.connection import connect_dsn, dsn, store_role

MOST_P99 = 3.0
MOST_MS = 3_000.0

_OFFENDER = 1
_CUSTOMERS = 20
_LOOK = 0.25
_RESTART_SECONDS = 120.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured: which excesses, and sales a second of so many neighbors, all together.

    They sell for `quiet` seconds before an excess begins and for as long after it; `lines` are those of the file that
    is loaded beside it, of all stores, where `commands` are run at all.
    """

    stores: int = 20
    products: int = 2_000
    sold: int = 20_000
    neighbors: int = 4
    rate: int = 40
    quiet: int = 15
    lines: int = 500
    commands: bool = True
    excesses: Sequence[Excess] = EXCESSES


@dataclass
class _Found:
    """What came of one excess: latencies in milliseconds, moments as nanoseconds of CLOCK_MONOTONIC."""

    excess: Excess
    began: int
    ended: int
    offender: Offender
    sales: Sequence[Sale] = ()
    refusal: str = ""
    acts: Sequence[tuple[str, int]] = ()
    standstill: float = 0.0
    commands: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def shut_out(self) -> int | None:
        """When the store was shut out, or None."""
        return min((moment for kind, moment in self.acts if kind == "shut_out"), default=None)

    @property
    def quiet(self) -> list[float]:
        """The sales that were due and done before it began."""
        return _latencies(self.sales, 0, self.began)

    @property
    def caught_up(self) -> int | None:
        """The first moment from the shut-out on at which no sale that is due waits any longer, or None."""
        return None if self.shut_out is None else caught_up(self.sales, self.shut_out)

    @property
    def beside(self) -> list[float]:
        """The sales that were due while it went on, or that waited behind those."""
        return _latencies(self.sales, self.began, self.caught_up or self.ended)

    @property
    def then(self) -> list[float]:
        """The sales once those that had waited were made, or all beside it where nobody was shut out."""
        if self.caught_up is None:
            return self.beside
        return _latencies(self.sales, self.caught_up, time.monotonic_ns())

    def as_details(self) -> dict[str, Any]:
        """Return what happened, for the report."""
        kinds = [kind for kind, _ in self.acts]
        return {
            "slowest_ms": round(max(self.beside + self.then, default=0.0)),
            "quiet_p99_ms": _p99(self.quiet),
            "p99_ms": _p99(self.beside),
            "p99_then_ms": _p99(self.then),
            "sales": len(self.sales),
            "goes": self.offender.goes,
            "at_it_s": round(self.offender.seconds, 1),
            "refusals": self.offender.refusals,
            "acts": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "shut_out_after_s": self._after(self.shut_out),
            "caught_up_after_s": self._after(self.caught_up),
            "slot_standstill_s": round(self.standstill, 1),
        } | {f"{name}_s": round(seconds, 1) for name, seconds in self.commands.items()}

    def _after(self, moment: int | None) -> float | None:
        return None if moment is None else round((moment - self.began) / 1e9, 1)


def caught_up(sales: Sequence[Sale], since: int) -> int:
    """Return the first moment from `since` on at which each sale that was due is made: an open loop has a queue."""
    while (last := max((sale.committed_ns for sale in sales if sale.due_ns < since), default=since)) > since:
        since = last
    return since


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Measure on servers of the bench's own, with a stream and a supervisor."""
    del settings  # the stores of a deployment that is there are not to be disturbed
    sizes = sizes or Sizes()
    with servers.own(say) as own:
        migrations.migrate(own.require("postgres_dsn"))
        open_stores(Site(own, {}), sizes, say)
        initial_snapshot.take(own)
        stack.up(_bare(own), say, dagster=False, supervise=True)
        return measure(own, say, sizes)


def open_stores(site: Site, sizes: Sizes, say: Report) -> None:
    """Fill a company that has more of everything than it can sell, and let its stores in."""
    say(f"{sizes.stores} stores, {sizes.products:,} products, {sizes.sold:,} lines sold before")
    fill(site, Company(sizes.stores, sizes.products, _CUSTOMERS, sizes.sold))
    stock_up(site)
    roles.provision(site.settings)


def measure(settings: Settings, say: Report, sizes: Sizes) -> Result:
    """Measure in this database, whose stores are open and watched."""
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as folder:
        files = _files(Path(folder), sizes)
        try:
            found = [_measure(settings, excess, sizes, files, say) for excess in sizes.excesses]
        finally:
            _let_in_again(settings)
    with connect_dsn(settings.require("postgres_dsn")) as connection:
        wrong = [f"{what}: {count}" for what, count in consistency.violations(connection).items() if count]
    with connect_dsn(dsn(settings, store_role(_OFFENDER + 1))) as session:
        durability = database.durability(session)
    return Result(
        name="noisy-neighbor",
        ours=f"sales of {sizes.neighbors} stores, {sizes.rate} a second, while another store goes too far",
        baseline="the same in the seconds before it",
        comparisons=[comparison for one in found for comparison in _comparisons(one)],
        sizes={name: value for name, value in asdict(sizes).items() if name != "excesses"},
        durability=durability | MONGO_DURABILITY,
        checks={"stock": "wrong" if wrong else "right to the unit"},
        details={one.excess.name: one.as_details() for one in found},
        faults=wrong + [f"{one.excess.name}: {fault}" for one in found for fault in one.faults],
    )


def _comparisons(found: _Found) -> Iterator[Comparison]:
    """Return none where nothing was sold beside it, which is a refused sale and so a fault."""
    quiet = found.quiet
    name = found.excess.name
    if not (quiet and found.then):
        return
    slowest = max(found.beside + found.then)
    yield Comparison(f"{name}: slowest", "ms", [slowest], [max(quiet)], most=1.0, most_more=MOST_MS)
    p99 = [percentile(found.then, 99)]
    yield Comparison(f"{name}: p99 then", "ms", p99, [percentile(quiet, 99)], most=MOST_P99)


def _bare(settings: Settings) -> Settings:
    """Return the settings without addresses, by which the servers are told from others'."""
    return Settings.from_environment({"RETAIL_HOME": str(settings.home)})


def _files(folder: Path, sizes: Sizes) -> Iterator[Path]:
    """Make a file for each load, with sales that no other has."""
    number = 0
    while True:
        number += 1
        path = folder / f"sales-{number}.csv"
        first = 900_000_001 + number * sizes.lines
        generator.write(Shape(sizes.lines, stores=sizes.stores, seed=number, first_transaction_id=first), path)
        yield path


def _measure(settings: Settings, excess: Excess, sizes: Sizes, files: Iterator[Path], say: Report) -> _Found:
    """Sell beside one excess, then run the commands beside it, for which a store that was shut out is let in again."""
    say(f"{excess.name}: sales of {sizes.neighbors} neighbors for {2 * sizes.quiet + excess.seconds} s")
    _let_in_again(settings)
    with _selling(settings, sizes, excess.seconds) as sales, _position(settings) as standstills:
        time.sleep(sizes.quiet)
        began, wall = time.monotonic_ns(), time.time_ns()
        with committed(excess, settings, _OFFENDER) as offender:
            time.sleep(excess.seconds)
            ended = time.monotonic_ns()
    found = _Found(excess, began, ended, offender, sales.made, sales.refusal)
    found.standstill = max(standstills, default=0.0)
    acts = _acts(settings, wall)
    found.acts = [(kind, began + moment - wall) for store, kind, moment in acts if store == _OFFENDER]
    found.faults += [f"the watch acted on store {store}: {kind}" for store, kind, _ in acts if store != _OFFENDER]
    if found.refusal:
        found.faults.append(f"a sale was refused: {found.refusal}")
    if excess.name != NOTHING and not offender.goes and not offender.refusals:
        found.faults.append("the store did nothing")
    if found.shut_out and not found.then:
        found.faults.append("the sales that waited were not made before the last was due")
    if sizes.commands:
        if found.shut_out:
            _let_in_again(settings)
        with committed(excess, settings, _OFFENDER):
            time.sleep(1)
            _run_commands(settings, found, next(files))
    say(f"{excess.name}: {found.as_details()}")
    return found


def _let_in_again(settings: Settings) -> None:
    """Let the store in with its usual settings, whatever it was shut out for."""
    roles.add_store(settings, _OFFENDER)
    until = time.monotonic() + _RESTART_SECONDS
    while True:
        try:
            tenants.add_store(settings, _OFFENDER)
        except MirrorError:
            # One that doubles an array costs MongoDB its process, which the supervisor starts again.
            if time.monotonic() > until:
                raise
        else:
            return


def _run_commands(settings: Settings, found: _Found, file: Path) -> None:
    command = Path(sys.executable).with_name("retail-pipeline")
    dagster = [sys.executable, "-m", "dagster", "job", "execute", "-m", "retail_pipeline.definitions", "-j"]
    for name, words in {
        "load": [str(command), "load", str(file)],
        "batch": [*dagster, "green_refresh"],
        "verify": [str(command), "verify"],
    }.items():
        began = time.monotonic()
        environment = os.environ | stack.variables(_bare(settings))
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        found.commands[name] = time.monotonic() - began
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
            found.faults.append(f"{name} ended with {done.returncode}: {last[0]}")


@dataclass
class _Sales:
    made: Sequence[Sale] = ()
    refusal: str = ""


@contextmanager
def _selling(settings: Settings, sizes: Sizes, seconds: int) -> Iterator[_Sales]:
    """Let the neighbors sell in a process of their own; what they sold is there when the block and their time end."""
    neighbors = range(_OFFENDER + 1, _OFFENDER + 1 + sizes.neighbors)
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as folder:
        plan = Plan(
            addresses=[dsn(settings, store_role(store)) for store in neighbors],
            customers=_CUSTOMERS,
            rate=sizes.rate,
            seconds=2 * sizes.quiet + seconds,
            seed=1,
            journal=str(Path(folder) / "journal"),
            first_store=_OFFENDER + 1,
        )
        sales = _Sales()
        with cdc_generator.started(plan) as process:
            yield sales
            sales.refusal = cdc_generator.failure(process)
        sales.made = cdc_generator.read_journal(Path(plan.journal))


@contextmanager
def _position(settings: Settings) -> Iterator[list[float]]:
    """Watch the position that WAL is kept for while the block runs; return the seconds of each standstill."""
    standstills: list[float] = []
    over = threading.Event()

    def watch() -> None:
        with connect_dsn(settings.require("postgres_dsn"), autocommit=True) as session, session.cursor() as cursor:
            last, since = None, time.monotonic()
            while not over.wait(_LOOK):
                cursor.execute("select restart_lsn from pg_replication_slots where slot_name = %s", (SLOT,))
                position, now = cursor.fetchone(), time.monotonic()
                if position != last:
                    last, since = position, now
                standstills.append(now - since)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield standstills
    finally:
        over.set()
        thread.join()


def _acts(settings: Settings, since_ns: int) -> list[tuple[int, str, int]]:
    """Return what the watch did since then: the store, the kind, and when, in nanoseconds since 1970."""
    with connect_dsn(settings.require("postgres_dsn")) as session, session.cursor() as cursor:
        cursor.execute(
            "select store_id, kind, (extract(epoch from acted_at) * 1000000000)::bigint from retail.tenant_acts"
            " where acted_at >= to_timestamp(%s) order by act_id",
            (since_ns / 1e9,),
        )
        return [(store, kind, int(moment)) for store, kind, moment in cursor.fetchall()]


def _p99(latencies: Sequence[float]) -> int | None:
    return round(percentile(latencies, 99)) if latencies else None


def _latencies(sales: Sequence[Sale], first: int, last: int) -> list[float]:
    return [(sale.committed_ns - sale.due_ns) / 1e6 for sale in sales if first <= sale.due_ns < last]
