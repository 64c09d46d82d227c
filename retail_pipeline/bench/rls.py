"""What does row-level security cost a store? Its back office's queries, against the same with an explicit WHERE."""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.bench import database, plans
from retail_pipeline.bench.company import FOLDER, Company, fill
from retail_pipeline.bench.database import UNRESTRICTED, BenchError, Site, store_login
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import connect_dsn

MOST = 1.10
MOST_MORE_MS = 0.1

_TENANT_CONDITION = re.compile(r"/\*(.*?)\*/")
_PARAMETER_TYPES = {"1_sale_by_number": "bigint", "2_stock_of_a_product": "integer", "3_todays_sales": "timestamp"}


@dataclass(frozen=True)
class Sizes:
    """How much is measured: the company, and for each query so many rounds of so many seconds a side."""

    stores: int = 400
    lines: int = 1_000_000
    products: int = 500
    rounds: int = 7
    seconds: float = 0.25


@dataclass(frozen=True)
class Query:
    """A query of a store's back office. `text` has $1 where its argument belongs, if it has one."""

    name: str
    text: str
    argument: str
    type: str

    @classmethod
    def read(cls, path: Path, arguments: dict[str, str]) -> Query:
        """Read a file of sql/bench/back_office; its first lines say what it is for."""
        lines = [line for line in path.read_text().splitlines() if not line.startswith("--")]
        type_ = _PARAMETER_TYPES.get(path.stem, "")
        return cls(path.stem.partition("_")[2], "\n".join(lines).strip(), arguments.get(path.stem, ""), type_)

    def as_store(self) -> str:
        """Return the text that a store sends: which rows are its own is not its business."""
        return _TENANT_CONDITION.sub("", self.text)

    def as_unrestricted(self, store: int) -> str:
        """Return the same text with the store's rows asked for."""
        return _TENANT_CONDITION.sub(lambda found: found[1].strip().replace(":store", str(store)), self.text)

    def statement(self, text: str, *, prepared: bool) -> str:
        """Return what is sent each time."""
        value = f"{self.type} '{self.argument}'"
        if prepared:
            return f"execute {self.name}" + (f"({value})" if self.argument else "")
        return text.replace("$1", value)

    def prepare(self, text: str) -> str:
        """Return what is sent once before."""
        return f"prepare {self.name}" + (f"({self.type})" if self.argument else "") + f" as {text}"


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Measure every query, prepared and not, in a company of that size."""
    sizes = sizes or Sizes()
    store = max(sizes.stores // 2, 1)
    with database.sites(settings, "rls", stores=store) as (site,):
        say(f"filling a company of {sizes.stores:,} stores and {sizes.lines:,} sold lines")
        fill(site, Company(sizes.stores, sizes.products, 50, sizes.lines))
        with (
            connect_dsn(site.address(store_login(store)), autocommit=True) as ours,
            connect_dsn(site.address(UNRESTRICTED), autocommit=True) as baseline,
        ):
            _require_fair_sides(ours, baseline)
            queries = _queries(site, store)
            faults: list[str] = []
            comparisons = []
            for query in queries:
                say(f"measuring {query.name}")
                _require_same_rows(ours, baseline, query, store)
                for prepared in (False, True):
                    comparisons.append(_compare(ours, baseline, query, store, sizes, prepared=prepared))
                    faults += _plan_faults(ours, query, prepared=prepared)
            return Result(
                name="rls",
                ours="queries of a store's back office by its own login, narrowed by row-level security",
                baseline="the same text with an explicit WHERE, by a role that no policy narrows",
                comparisons=comparisons,
                sizes=asdict(sizes),
                durability=database.durability(ours),
                checks={"plans": f"{2 * len(queries)} by the tenant's index, {plans.TENANT_FUNCTION} once a table"},
                faults=faults,
            )


def _queries(site: Site, store: int) -> list[Query]:
    """Read the queries, with arguments that find something of the store."""
    with connect_dsn(site.superuser) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select max(transaction_id), max(transaction_date)::date from retail.transactions where store_id = %s",
            (store,),
        )
        sale, day = cursor.fetchone() or (None, None)
    arguments = {"1_sale_by_number": str(sale), "2_stock_of_a_product": "7", "3_todays_sales": str(day)}
    return [Query.read(path, arguments) for path in sorted((FOLDER / "back_office").glob("*.sql"))]


def _require_fair_sides(ours: Connection, baseline: Connection) -> None:
    """Refuse to measure where the store is not narrowed by policies, or the other side is."""
    for connection, narrowed in ((ours, True), (baseline, False)):
        with connection.cursor() as cursor:
            cursor.execute("select row_security_active('retail.transactions')")
            if cursor.fetchone() != (narrowed,):
                raise BenchError(f"Policies {'do not' if narrowed else ''} narrow {connection.info.user}.")


def _require_same_rows(ours: Connection, baseline: Connection, query: Query, store: int) -> None:
    """Refuse to compare two queries that do not answer the same."""
    answers = []
    for connection, text in ((ours, query.as_store()), (baseline, query.as_unrestricted(store))):
        with connection.cursor() as cursor:
            cursor.execute(query.statement(text, prepared=False))
            answers.append(cursor.fetchall())
    if answers[0] != answers[1] or not answers[0]:
        raise BenchError(f"The two sides of {query.name} do not answer the same, or nothing.")


def _compare(
    ours: Connection, baseline: Connection, query: Query, store: int, sizes: Sizes, *, prepared: bool
) -> Comparison:
    """Time both sides in turns, each call alone; a round's figure is the median of its calls."""
    sides = ((ours, query.as_store()), (baseline, query.as_unrestricted(store)))
    statements = [query.statement(text, prepared=prepared) for _, text in sides]
    figures: tuple[list[float], list[float]] = ([], [])
    with ours.cursor() as our_cursor, baseline.cursor() as baseline_cursor:
        cursors = (our_cursor, baseline_cursor)
        if prepared:
            for cursor, (_, text) in zip(cursors, sides, strict=True):
                cursor.execute(query.prepare(text))
        for _ in range(10):  # after five calls PostgreSQL has decided how to plan a prepared one
            _round(cursors, statements, 0)
        for _ in range(sizes.rounds):
            for figure, value in zip(figures, _round(cursors, statements, sizes.seconds), strict=True):
                figure.append(value)
    name = f"{query.name.replace('_', ' ')}, {'prepared' if prepared else 'not prepared'}"
    return Comparison(name, "ms", figures[0], figures[1], most=MOST, most_more=MOST_MORE_MS)


def _round(cursors: tuple[Cursor, Cursor], statements: list[str], seconds: float) -> list[float]:
    """Call both sides in turns for twice so many seconds, at least once; return each side's median in milliseconds."""
    times: tuple[list[float], list[float]] = ([], [])
    ends = time.perf_counter() + 2 * seconds
    first = 0
    while True:
        for side in (first, 1 - first):
            begins = time.perf_counter()
            cursors[side].execute(statements[side])
            cursors[side].fetchall()
            times[side].append((time.perf_counter() - begins) * 1000)
        first = 1 - first
        if time.perf_counter() >= ends:
            return [statistics.median(side) for side in times]


def _plan_faults(ours: Connection, query: Query, *, prepared: bool) -> list[str]:
    with ours.cursor() as cursor:
        plan = plans.explain(cursor, query.statement(query.as_store(), prepared=prepared))
    return [f"{query.name}, {'prepared' if prepared else 'not prepared'}: {fault}" for fault in plans.faults(plan)]
