"""What do tenants and triggers cost a sale? insert_transaction by stores, against one function without either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from retail_pipeline.bench import database, pgbench
from retail_pipeline.bench.company import FOLDER, Company, fill, stock_up
from retail_pipeline.bench.database import UNRESTRICTED, BenchError, Site, store_login
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import consistency
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline.warehouse.limits import MOST_CONNECTIONS

LEAST = 0.8
TARGET_AT = 8  # connections

_UNITS_OF_A_BASKET = 8  # the sum of the quantities in the scripts


@dataclass(frozen=True)
class Sizes:
    """How much is measured. The connections of one run are spread over `selling` stores, as evenly as can be."""

    stores: int = 400
    selling: int = 4
    products: int = 50
    lines: int = 60_000
    connections: Sequence[int] = (1, 8, 32)
    rounds: int = 7
    seconds: int = 5
    warm_up: int = 3


@dataclass
class _Side:
    """One of the two databases: who sells there, by which script, and what was sold so far."""

    site: Site
    script: str
    by_store_login: bool
    sold: int = 0
    failed: int = 0

    def sell(self, connections: int, sizes: Sizes) -> float:
        """Sell for one round; return the sales of a second."""
        figures = pgbench.run(FOLDER / self.script, self._clients(connections, sizes), sizes.seconds, sizes.warm_up)
        self.sold += figures.done
        self.failed += figures.failed
        return figures.per_second

    def _clients(self, connections: int, sizes: Sizes) -> list[pgbench.Client]:
        selling = min(sizes.selling, connections)
        clients = []
        for store in range(1, selling + 1):
            share = connections // selling + (store <= connections % selling)
            login = store_login(store) if self.by_store_login else UNRESTRICTED
            variables = {"store": store, "products": sizes.products, "customers": _CUSTOMERS}
            clients.append(pgbench.Client(self.site.address(login), share, variables))
        return clients


_CUSTOMERS = 50


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Sell on both sides in turns, round by round, and look afterwards whether the stock is right to the unit."""
    sizes = sizes or Sizes()
    if max(sizes.connections) > sizes.selling * MOST_CONNECTIONS:
        raise BenchError(f"{sizes.selling} stores cannot have {max(sizes.connections)} connections.")
    with database.sites(settings, "sale", "sale_baseline", stores=sizes.selling) as (our_site, baseline_site):
        ours = _Side(our_site, "sale.pgbench", by_store_login=True)
        baseline = _Side(baseline_site, "baseline_sale.pgbench", by_store_login=False)
        for side in (ours, baseline):
            say(f"filling {sizes.stores:,} stores, {sizes.products} products, {sizes.lines:,} lines sold before")
            fill(side.site, Company(sizes.stores, sizes.products, _CUSTOMERS, sizes.lines))
            stock_up(side.site)
        with connect_dsn(baseline_site.superuser) as connection, connection.cursor() as cursor:
            cursor.execute((FOLDER / "baseline_sale.sql").read_text())
            cursor.execute(f"grant execute on all functions in schema retail to {UNRESTRICTED}")
        _require_fair_sides(ours.site, baseline.site)

        before = {id(side): _state(side.site) for side in (ours, baseline)}
        comparisons = [_compare(ours, baseline, connections, sizes, say) for connections in sizes.connections]
        faults = _faults(ours, before[id(ours)], "ours") + _faults(baseline, before[id(baseline)], "the baseline")
        with connect_dsn(ours.site.address(store_login(1))) as connection:
            durability = database.durability(connection)
        return Result(
            name="sale",
            ours="retail.insert_transaction by the stores' own logins",
            baseline="one function of the same statements and checks, no RLS and no trigger, by an unrestricted role",
            comparisons=comparisons,
            sizes=asdict(sizes),
            durability=durability,
            checks={
                "sales": f"{ours.sold:,} and {baseline.sold:,}",
                "deadlocks and other failures": f"{ours.failed} and {baseline.failed}",
                "stock": "wrong" if faults else "right to the unit on both sides",
            },
            faults=faults,
        )


def _compare(ours: _Side, baseline: _Side, connections: int, sizes: Sizes, say: Report) -> Comparison:
    """Sell on both sides in turns; who begins changes from round to round."""
    figures: dict[int, list[float]] = {id(ours): [], id(baseline): []}
    for number in range(sizes.rounds):
        for side in (ours, baseline) if number % 2 == 0 else (baseline, ours):
            figures[id(side)].append(side.sell(connections, sizes))
        our, their = figures[id(ours)][-1], figures[id(baseline)][-1]
        say(f"{connections} connections, round {number + 1}: {our:,.0f} and {their:,.0f} sales/s")
    return Comparison(
        name=f"{connections} connection{'s' if connections > 1 else ''}",
        unit="sales/s",
        ours=figures[id(ours)],
        baseline=figures[id(baseline)],
        least=LEAST if connections == TARGET_AT else None,
    )


def _require_fair_sides(ours: Site, baseline: Site) -> None:
    """Refuse to measure where the sides differ in anything but the policies and the triggers."""
    with (
        connect_dsn(ours.address(store_login(1))) as store,
        connect_dsn(baseline.address(UNRESTRICTED)) as unrestricted,
    ):
        facts = []
        for connection in (store, unrestricted):
            with connection.cursor() as cursor:
                cursor.execute(_SHAPE)
                facts.append(cursor.fetchall())
                cursor.execute(_RULES)
                facts.append(cursor.fetchall())
    our_shape, our_rules, baseline_shape, baseline_rules = facts
    if our_shape != baseline_shape:
        raise BenchError("The two sides of the sale do not have the same indexes and constraints.")
    if not our_rules or baseline_rules:
        raise BenchError("The baseline of the sale has policies or triggers, or ours has none.")


_SHAPE = """
select c.relname, pg_get_indexdef(i.indexrelid) as definition
from pg_index as i
inner join pg_class as c on i.indrelid = c.oid
where c.relnamespace = 'retail'::regnamespace
union all
select c.relname, pg_get_constraintdef(k.oid)
from pg_constraint as k
inner join pg_class as c on k.conrelid = c.oid
where c.relnamespace = 'retail'::regnamespace and k.contype <> 't'
order by 1, 2
"""

_RULES = """
select c.relname
from pg_class as c
where c.relnamespace = 'retail'::regnamespace and (
    c.relrowsecurity
    or exists (select from pg_trigger as g where g.tgrelid = c.oid and not g.tgisinternal)
)
"""

_STATE = """
select
    (select count(*) from retail.transactions),
    (select count(*) from retail.transaction_details),
    (select count(*) from retail.stock_movements),
    (select sum(inventory_level) from retail.inventory),
    (select deadlocks from pg_stat_database where datname = current_database())
"""


def _state(site: Site) -> tuple[int, ...]:
    with connect_dsn(site.superuser) as connection, connection.cursor() as cursor:
        cursor.execute(_STATE)
        return tuple(int(value) for value in cursor.fetchone() or ())


def _faults(side: _Side, before: tuple[int, ...], name: str) -> list[str]:
    """Compare what pgbench says was sold with what the tables say; and the tables with each other."""
    sales, lines, movements, stock, deadlocks = (
        now - then for now, then in zip(_state(side.site), before, strict=True)
    )
    # A client that is stopped at the end may have sold once more than it was told of.
    told = {
        "sales": (sales, side.sold),
        "lines": (lines, 5 * sales),
        "units of stock": (-stock, _UNITS_OF_A_BASKET * sales),
        "deadlocks": (deadlocks, 0),
        "failures": (side.failed, 0),
    }
    found = [f"{name}: {is_:,} {what}, not {should:,}" for what, (is_, should) in told.items() if is_ != should]
    if not sales < movements <= lines:
        found.append(f"{name}: {movements:,} movements for {lines:,} lines")
    with connect_dsn(side.site.superuser) as connection:
        found += [f"{name}: {what}: {count}" for what, count in consistency.violations(connection).items() if count]
    return found
