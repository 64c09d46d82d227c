"""What becomes of an hour of sales, with one fault after the other? All equal at the end, and nothing that only grows.

Several writers make a hundred sales a second and what goes with them. Faults come from a deck of all that take short,
shuffled, one after the other was healed. All the while the memory of each process and the retained WAL are noted.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import psutil
import psycopg2
import pymongo
from pymongo.errors import PyMongoError

from retail_pipeline.errors import RetailError
from retail_pipeline.healing import health, probes
from retail_pipeline.healing.health import Remedy
from retail_pipeline.healing.remedies import BY_CONNECT
from retail_pipeline.replication import connectors, lag, slot
from retail_pipeline.stack.dagster import CodeServer, Webserver
from retail_pipeline.stack.supervisor import Supervisor
from retail_pipeline.tables import SLOT
from retail_pipeline_tests.faults import jvm, links, memory, trial
from retail_pipeline_tests.faults.comparison import Comparison
from retail_pipeline_tests.faults.faults import FAULTS, Fault
from retail_pipeline_tests.faults.journal import Committed
from retail_pipeline_tests.faults.memory import Sample
from retail_pipeline_tests.faults.testbed import BACK_WITHIN, SERVERS, Testbed, until

SALES_PER_SECOND = 100.0
WRITERS = 4
# What the writers make, of their sum: sales, and as much of everything else as keeps a company in goods.
WEIGHTS = {
    "sale": 88,
    "large_sale": 1,
    "several_sales": 4,
    "give_back": 6,
    "void": 3,
    "receipt": 12,
    "correct_stock": 2,
    "change_sale": 5,
    "change_price": 4,
    "change_quantity": 2,
    "renumber_line": 2,
    "delete_line": 3,
    "delete_sale": 4,
}
SALES_OF = {"sale": 1, "large_sale": 1, "several_sales": 3}
# Some changes find nothing to do, and none is made up for that a dead server prevented.
_MARGIN = 1.1
PROCESSES = (*SERVERS, Supervisor.name, Webserver.name)
DECK = tuple(fault for fault in FAULTS if not fault.is_long)

JVMS = ("kafka", "connect")

_SAMPLE_EACH, _HEAP_EACH = 5.0, 30.0
_ASKED_WITHIN = 2
_REST = (10.0, 40.0)
_HEALED_WITHIN = 300.0
# What a fault held up is drained beside a hundred new sales a second, which by themselves fill two slow cores; how long
# that takes is told, and after this the next fault comes all the same.
ON_TIME_WITHIN = 180.0
_DRAINED_WITHIN, _EQUAL_WITHIN = 600.0, 300.0
# A look asks every server; more often, and the looks would slow down what they look at.
_LOOK_EACH = 5.0


@dataclass(frozen=True)
class Injected:
    """A fault of the soak: when it was injected, and how long after its end everything ran again as it should.

    `on_time` is the seconds until no change waited for longer than tolerated either, None where the next fault came
    before. `failure` says why it could not be injected, as when another one had just stopped what it needs.
    """

    name: str
    at: float
    seconds: float
    on_time: float | None = None
    failure: str = ""


@dataclass
class Soak:
    """What was seen; times in seconds since the beginning, sizes in bytes."""

    seed: int
    seconds: float = 0.0
    injected: list[Injected] = field(default_factory=list)
    memory: dict[str, list[Sample]] = field(default_factory=dict)
    retained: list[Sample] = field(default_factory=list)
    wal_written: int = 0
    journal: Committed = field(default_factory=Committed)
    found: Comparison = field(default_factory=Comparison)
    equal_after: float = 0.0
    failure: str = ""

    @property
    def sales(self) -> int:
        """Count the sales."""
        return sum(count * self.journal.kinds[kind] for kind, count in SALES_OF.items())

    @property
    def judged_from(self) -> float:
        """When the part begins over which slopes are taken: the last two thirds."""
        return self.seconds / 3


def _itself(name: str, family: list[psutil.Process]) -> list[psutil.Process]:
    """Leave out the children of a server that are something else: servers of the supervisor, runs of the code server.

    The code server's definitions are in a process right below it, and runs are below that.
    """
    above = family[:1]
    if name == Supervisor.name:
        return above
    if name == CodeServer.name:
        return above + [one for one in family[1:] if one.ppid() == above[0].pid]
    return family


class Watch:
    """The thread that notes memory and WAL, every few seconds, of what answers."""

    def __init__(self, testbed: Testbed, soak: Soak, begun: float) -> None:
        self._testbed = testbed
        self._with_timeouts = probes.with_timeouts(testbed.settings, _ASKED_WITHIN)
        self._soak = soak
        self._begun = begun
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def begin(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_EACH):
            at = time.monotonic() - self._begun
            for name in PROCESSES:
                with suppress(psutil.Error):
                    sample = memory.of(_itself(name, self._testbed.family(name)), at)
                    if sample is not None:
                        self._note(name, sample)
            with suppress(RetailError, psycopg2.Error):
                self._soak.retained.append(Sample(at, SLOT, memory.WARM_UP, self._retained()))

    def _note(self, name: str, sample: Sample) -> None:
        """Note a sample, with what the server has for its cache; not while it does not tell that."""
        samples = self._soak.memory.setdefault(name, [])
        cache = sample.cache if name == "postgres" else 0
        try:
            if name == "mongo":
                cache = sample.rss - self._kept_by_mongodb()
            elif name in JVMS and sample.age >= memory.WARM_UP:
                # Garbage is collected for it, which stops the program for a moment.
                if samples and sample.at - samples[-1].at < _HEAP_EACH:
                    return
                cache = jvm.cache(psutil.Process(int(sample.life.split()[0])))
        except (PyMongoError, OSError):
            return
        samples.append(replace(sample, cache=cache))

    def _retained(self) -> int:
        found = slot.health(self._with_timeouts)
        return found.retained_bytes if found else 0

    def _kept_by_mongodb(self) -> int:
        """Return what mongod has allocated beside WiredTiger's cache; what its allocator holds free is not in it."""
        with pymongo.MongoClient[Any](self._with_timeouts.require("mongo_uri")) as opened:
            status = opened.admin.command("serverStatus")
        allocated = status["tcmalloc"]["generic"]["current_allocated_bytes"]
        return int(allocated - status["wiredTiger"]["cache"]["bytes currently in the cache"])


def run(testbed: Testbed, minutes: float, seed: int) -> Soak:
    """Do all of it."""
    soak = Soak(seed)
    # From here on links lead through the proxy, until what restarts a server puts them back.
    links.route(testbed)
    testbed.begin_writer(WRITERS, _rate(), WEIGHTS)
    written, begun = _wal(testbed), time.monotonic()
    watch = Watch(testbed, soak, begun)
    watch.begin()
    try:
        _inject(testbed, soak, begun, minutes * 60)
    finally:
        watch.end()
    soak.seconds = time.monotonic() - begun
    soak.wal_written = _wal(testbed) - written
    testbed.writers.end()
    _compare(testbed, soak)
    return soak


def _inject(testbed: Testbed, soak: Soak, begun: float, seconds: float) -> None:
    """Inject until the time is over, or until something is not healed."""
    chance = random.Random(soak.seed)  # noqa: S311  the seed is told, so that a run can be had again
    deck: list[Fault] = []
    time.sleep(chance.uniform(*_REST))
    while time.monotonic() - begun < seconds:
        # A link is cut as long as it leads through the proxy; for that alone no server is restarted.
        deck = [fault for fault in deck if not fault.needs_proxy or links.is_routed(testbed)]
        if not deck:
            deck = chance.sample(DECK, len(DECK))
            continue
        fault = deck.pop(0)
        at = time.monotonic() - begun
        print(f"{at / 60:5.1f} min  {fault.name}: ", end="", flush=True)
        failure = _run(testbed, fault)
        ended = time.monotonic()
        try:
            until(lambda: not awaited(testbed), f"all is well after: {fault.name}", _HEALED_WITHIN, _LOOK_EACH)
        except AssertionError as error:
            soak.failure = f"{error}; {'; '.join(awaited(testbed))}"
            return
        healed, on_time = time.monotonic() - ended, None
        if _comes_on_time(testbed, ON_TIME_WITHIN):
            on_time = time.monotonic() - ended
        soak.injected.append(Injected(fault.name, at, healed, on_time, failure))
        print(f"{healed:.0f} s, on time after {on_time or float('inf'):.0f} s {failure}", flush=True)
        testbed.writers.see_that_they_live()
        time.sleep(chance.uniform(*_REST))


def _run(testbed: Testbed, fault: Fault) -> str:
    """Inject, and wait until what was hit answers again; say why it could not be injected, empty where it was."""
    failure = ""
    try:
        fault.run(testbed, recovery_disabled=False)
    except (AssertionError, RetailError) as error:
        failure = f"not injected: {error}"
        fault.release(testbed)
    until(lambda: all(map(testbed.answers, fault.back)), f"{', '.join(fault.back)} answers again", BACK_WITHIN)
    return failure


def is_on_time(testbed: Testbed) -> bool:
    """Whether no change waits longer than the lag sensor tolerates."""
    with suppress(RetailError):
        behind = lag.measure(testbed.settings)
        return bool(behind) and all(one.age is not None and one.age <= lag.TOLERATED_AGE for one in behind)
    return False


def _comes_on_time(testbed: Testbed, within: float) -> bool:
    with suppress(AssertionError):
        until(lambda: is_on_time(testbed), "no change waits for long", within, _LOOK_EACH)
        return True
    return False


def awaited(testbed: Testbed) -> list[str]:
    """Say what a healer has yet to do, what does not run, and what could not be seen.

    Dead letters are not of it: their table is repaired once the stream is on time.
    """
    try:
        if found := trial.complaints(testbed):
            return found
        seen = health.observe(testbed.settings)
        problems = health.problems(seen, connectors.configurations(testbed.settings))
    except probes.FAILURES as error:
        return [probes.why(error)]
    remedies = (*BY_CONNECT, Remedy.RESYNCHRONIZE)
    return [
        one.sentence for one in problems if one.remedy in remedies or one.subject == "initial snapshot"
    ] + seen.unreachable


def _compare(testbed: Testbed, soak: Soak) -> None:
    """Compare until all is equal, as a trial does."""
    ended = time.monotonic()
    if not soak.failure:
        until(lambda: not awaited(testbed), "all is well at the end", _HEALED_WITHIN, _LOOK_EACH)
        _comes_on_time(testbed, _DRAINED_WITHIN)
    by_then = time.monotonic() - ended
    expected, soak.journal = testbed.expected()
    while True:
        soak.equal_after = time.monotonic() - ended
        soak.found = testbed.compare(expected, soak.journal)
        if soak.found.equal or soak.equal_after > by_then + _EQUAL_WITHIN:
            return


def _rate() -> float:
    """Return the changes a second of which so many are sales."""
    sales = sum(count * WEIGHTS[kind] for kind, count in SALES_OF.items())
    return SALES_PER_SECOND * _MARGIN * sum(WEIGHTS.values()) / sales


def _wal(testbed: Testbed) -> int:
    ((written,),) = testbed.ask("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
    return int(written)
