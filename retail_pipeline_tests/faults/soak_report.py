"""What is told of a soak? docs/soak.md, and the bounds that its figures are held against."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from retail_pipeline.replication.lag import TOLERATED_AGE
from retail_pipeline.settings import PROJECT
from retail_pipeline_tests.faults import memory
from retail_pipeline_tests.faults.memory import MB
from retail_pipeline_tests.faults.soak import DECK, ON_TIME_WITHIN, PROCESSES, SALES_PER_SECOND, Injected, Soak

DOCUMENT = PROJECT / "docs" / "soak.md"
# Shorter runs are for those who change the program; only of a long one it is written down.
TOLD_FROM_MINUTES = 45.0
# The least that any object costs that is kept for a row: a JVM's header and the reference to it.
LEAST_OBJECT = 24
# They handle no rows. What they look at each few seconds is let go at once.
LOOKERS = ("supervisor", "dagster_code_server", "dagster_webserver", "dagster_daemon")
LOOKERS_BOUND = 30.0
# Of the WAL that is written; a slot that does not move retains all of it.
WAL_SHARE = 0.05
_HOUR = 3600.0
_TITLES = {
    "postgres": "PostgreSQL, without its shared buffers",
    "mongo": "mongod, without WiredTiger's cache",
    "kafka": "Kafka broker, without free heap, code and buffers",
    "connect": "Kafka Connect, without free heap, code and buffers",
    "dagster_code_server": "Dagster's code server",
    "dagster_daemon": "Dagster's daemon",
    "dagster_webserver": "Dagster's webserver",
    "supervisor": "supervisor",
}


@dataclass(frozen=True)
class Growth:
    """How a process's memory grew, in MB an hour: as it is, and without its cache, which `bound` is held against.

    None where no process of its lived for long enough between two faults.
    """

    name: str
    lives: int
    most: float
    rss: float | None
    own: float | None
    bound: float

    @property
    def is_bounded(self) -> bool:
        """Whether it keeps to its bound."""
        return self.own is not None and self.own <= self.bound


def growths(soak: Soak) -> list[Growth]:
    """Take the slope of each process."""
    by_rows = soak.journal.touched / soak.seconds * _HOUR * LEAST_OBJECT / MB
    found = []
    for name in PROCESSES:
        samples = memory.since(soak.memory.get(name, []), soak.judged_from)
        warm_up = memory.PYTHON_WARM_UP if name in LOOKERS else memory.WARM_UP
        found.append(
            Growth(
                name,
                len({sample.life for sample in samples}),
                max((sample.rss for sample in samples), default=0) / MB,
                memory.slope(samples, lambda sample: sample.rss, warm_up),
                memory.slope(samples, lambda sample: sample.own, warm_up),
                LOOKERS_BOUND if name in LOOKERS else by_rows,
            )
        )
    return found


def retained(soak: Soak) -> Growth:
    """Take the slope of the WAL that the slot retains."""
    samples = memory.since(soak.retained, soak.judged_from)
    slope = memory.slope(samples, lambda sample: sample.rss)
    most = max((sample.rss for sample in samples), default=0) / MB
    return Growth("WAL", 1, most, slope, slope, soak.wal_written / soak.seconds * _HOUR / MB * WAL_SHARE)


def as_text(soak: Soak) -> str:
    """Write the document."""
    wal = retained(soak)
    injected = [one for one in soak.injected if not one.failure]
    return _TEXT.format(
        day=datetime.now(UTC).date().isoformat(),
        cores=os.cpu_count(),
        load=os.getloadavg()[2],
        minutes=soak.seconds / 60,
        seed=soak.seed,
        wanted=SALES_PER_SECOND,
        tolerated=TOLERATED_AGE,
        sales=soak.sales,
        per_second=soak.sales / soak.seconds,
        changes=soak.journal.changes,
        touched=soak.journal.touched,
        rows=soak.found.rows,
        found=soak.found.sentence(),
        equal_after=soak.equal_after,
        injected=len(injected),
        kinds=len({one.name for one in injected}),
        deck=len(DECK),
        slowest=max((one.seconds for one in injected), default=0),
        late=len([one for one in injected if one.on_time is None]),
        timeout=ON_TIME_WITHIN,
        wal_most=wal.most,
        wal_slope=_figure(wal.own),
        wal_bound=wal.bound,
        wal_share=WAL_SHARE,
        least=LEAST_OBJECT,
        lookers_bound=LOOKERS_BOUND,
        warm_up=memory.WARM_UP / 60,
        python_warm_up=memory.PYTHON_WARM_UP / 60,
        memory="\n".join(_row(growth) for growth in growths(soak)),
        faults="\n".join(_faults(injected)),
    )


def _row(growth: Growth) -> str:
    cells = (
        _TITLES[growth.name],
        str(growth.lives),
        f"{growth.most:,.0f} MB",
        _figure(growth.rss),
        _figure(growth.own) if growth.is_bounded else f"**{_figure(growth.own)}**",
        f"{growth.bound:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _figure(slope: float | None) -> str:
    return "no long life" if slope is None else f"{slope:+,.1f}"


def _faults(injected: list[Injected]) -> list[str]:
    by_name: dict[str, list[Injected]] = defaultdict(list)
    for one in injected:
        by_name[one.name].append(one)
    return [
        f"| {name} | {len(times)} | {max(one.seconds for one in times):.0f} s | {_longest(times)} |"
        for name, times in sorted(by_name.items())
    ]


def _longest(times: list[Injected]) -> str:
    known = [one.on_time for one in times if one.on_time is not None]
    return f"{max(known):.0f} s" if len(known) == len(times) else "not before the next fault"


_TEXT = """<!-- Written by `make soak`. Change the program, not this file. -->
# An hour of sales under faults

Four writers, each with stores of its own, make {wanted:.0f} sales a second together, and returns, corrections, receipts
and deletes with them, and note every change in journals. Meanwhile one fault after the other is injected, at random
times: a shuffled deck of all [faults](faults.md) that take less than a minute, then the next deck. Nobody heals but the
supervisor, the sensors and the retries of Debezium, Connect and the drivers. At the end every row is compared with its
document and with the journals.

Last run: {day}, {cores} cores, load average {load:.1f}, {minutes:.0f} minutes, seed {seed}.

- {sales:,} sales, {per_second:.0f} a second over all, the times included in which PostgreSQL was away;
  {changes:,} changes, which touched {touched:,} rows.
- {injected} faults, {kinds} of {deck} kinds: a link is cut only until a restart leads it past the proxy that cuts it.
  After each all ran again as it should, {slowest:.0f} s after its end at the latest; after {late} of them changes that
  it had held up were still coming when the next was injected, {timeout:.0f} s later.
- At the end, {equal_after:.0f} s after the last sale: {found}.

## Memory and WAL

Noted every five seconds; what is told is of the last two thirds of the run. A slope is the median of the slopes between
any two moments of one process that is older than {warm_up:.0f} minutes, Python's {python_warm_up:.0f}, and not on both
sides of its largest step, so a restart, a garbage collection or a single step does not count, and what grows steadily
or in several steps does. All in MB an hour; in bold what is out of its bound.

| process | lives | most memory (RSS) | slope of RSS | slope of what is kept | bound |
|---|---|---|---|---|---|
{memory}

PostgreSQL's shared buffers and WiredTiger's cache hold pages of files and fill up to the size that their settings give
them, 1 GB each; mongod's allocator and the two JVMs hold memory free that they needed once, the JVMs up to the size of
their heap. A JVM fills its cache of compiled code, and each of its threads keeps a buffer as large as its largest read,
so both grow in steps until the first backlog is through. The bound is for what is beside all that: of mongod what is
allocated, of a JVM what lives when all garbage is collected, which is done each half minute, and the rest beside its
heap. Runs of Dagster, and processes that last for less than {warm_up:.0f} minutes, as connections, are not counted. Who
handles rows may grow by less than {least} bytes for each row touched, which is the least that an object costs: nobody
keeps even one for each row.
Supervisor and Dagster handle no rows; {lookers_bound:.0f} MB an hour is a bound on what they may keep of what they look
at. They are Python, whose allocator takes some {python_warm_up:.0f} minutes to find its size: a daemon that nobody
disturbs has 142 MB after 3 minutes, 152 after 12 and 153.6 after 21, and its living objects are as many all the time.

The slot retained at most {wal_most:,.0f} MB of WAL, with a slope of {wal_slope} MB an hour; bound: {wal_bound:,.0f},
which is {wal_share:.0%} of what an hour writes. A slot that does not move would retain all of that.

## Faults

Seconds from the fault's end, at most; on two full cores a backlog drains with what the sales leave.

| fault | injected | until all ran again as it should | and no change waited for more than {tolerated:.0f} s |
|---|---|---|---|
{faults}
"""
