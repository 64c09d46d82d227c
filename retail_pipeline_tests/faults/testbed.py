"""A deployment to break: every server, Dagster's daemon, the supervisor, a loaded company, a writer, a journal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pymongo
from psycopg2.extensions import connection as Connection  # noqa: N812
from pymongo.database import Database
from pymongo.errors import PyMongoError

from retail_pipeline import stack
from retail_pipeline.mirror import initial_snapshot
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.settings import Settings
from retail_pipeline.source import generator
from retail_pipeline.source.generator_draws import Shape
from retail_pipeline.stack.connect import Connect
from retail_pipeline.stack.dagster import CodeServer, Daemon
from retail_pipeline.stack.kafka import Kafka
from retail_pipeline.stack.mongo import Mongo
from retail_pipeline.stack.postgres import Postgres
from retail_pipeline.stack.server import Server
from retail_pipeline.stack.state import State
from retail_pipeline.stack.supervisor import Supervisor
from retail_pipeline.tables import MONGO_DATABASE
from retail_pipeline.warehouse import connection, migrations, roles
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.faults import comparison
from retail_pipeline_tests.faults import journal as journals
from retail_pipeline_tests.faults.comparison import Comparison, Expected
from retail_pipeline_tests.faults.journal import Committed
from retail_pipeline_tests.faults.proxy import Proxy
from retail_pipeline_tests.faults.shop import WEIGHTS
from retail_pipeline_tests.faults.writer import Order
from retail_pipeline_tests.faults.writers import Writers

SERVERS: dict[str, type[Server]] = {
    server.name: server for server in (Postgres, Mongo, Kafka, Connect, CodeServer, Daemon)
}
STORES = 20
RATE = 20.0  # changes a second
# A server that was hit may need this long to answer again, on a busy machine.
BACK_WITHIN = 180.0
_ASK_AGAIN = 0.1
_SENSOR_TELLS = re.compile(r" - \w+_sensor - healing: | - healing, asked for by ")
_TELLS = re.compile(r" (new|worse|healing|recovered): | (died|restarted|failed)\b|could not be looked at")


class Testbed:
    """The deployment in a home. `start` makes it, `down` removes it."""

    __test__ = False

    def __init__(self, home: Path) -> None:
        self.home = home
        self.bare = Settings.from_environment({"RETAIL_HOME": str(home)})
        self.state = State(home)
        self.proxy = Proxy()
        self._folder = home / "fault_suite"
        self.writers = Writers(self._folder)
        # None: a hand has switched it off in part.
        self.heals: bool | None = True
        # False: a trial left it in need of a hand.
        self.is_sound = True

    @property
    def settings(self) -> Settings:
        """Return the addresses of the servers."""
        return Settings.from_environment(stack.environment(self.bare))

    @property
    def journal(self) -> Path:
        """The one writer's record, of the whole suite."""
        (journal,) = self.writers.journals
        return journal

    def start(self, lines: int) -> None:
        """Start the servers, load a generated file of so many lines, fill MongoDB, let the stream and Dagster run."""
        self.proxy.__enter__()
        stack.up(self.bare, print, dagster=False)
        settings = self.settings
        self._folder.mkdir(exist_ok=True)
        file = self._folder / "sales.csv"
        generator.write(Shape(lines, stores=STORES, seed=7), file)
        migrations.migrate(settings.require("postgres_dsn"))
        roles.provision(settings)
        load_file(settings, file)
        roles.provision(settings)
        initial_snapshot.take(settings)
        with self.superuser() as session:
            session.cursor().execute(journals.SCHEMA)
        stack.up(self.bare, print, supervise=True)
        # From here on the batch is known to have run, as after the job of a deployment.
        command = ["-m", "dagster", "job", "execute", "-m", "retail_pipeline.definitions", "-j", "green_refresh"]
        subprocess.run(
            [sys.executable, *command], env=os.environ | stack.variables(self.bare), capture_output=True, check=True
        )

    def down(self) -> None:
        """Stop and remove everything."""
        self.writers.end(kill=True)
        # What hangs does not hear that it should end.
        for name in SERVERS:
            self.resume(name)
        stack.down(self.bare, print, wipe=True)
        self.proxy.__exit__()

    def healing(self, *, on: bool) -> None:
        """Let supervisor and sensors heal from now on, or only look on."""
        if self.heals is on:
            return
        settings = replace(self.bare, heal=on, supervise=on)
        stack.up(settings, print, dagster=False, supervise=False)
        CodeServer(settings, self.state).down()
        stack.up(settings, print, supervise=on)
        self.heals = on

    @contextmanager
    def at_risk(self) -> Iterator[None]:
        """Be sound again only if the block ends well."""
        self.is_sound = False
        yield
        self.is_sound = True

    # Servers

    def server(self, name: str) -> Server:
        """Return one of the embedded servers."""
        return SERVERS[name](self.bare, self.state, print)

    def port(self, name: str) -> int:
        """Return its port."""
        return self.state.port(name)

    def family(self, name: str) -> list[psutil.Process]:
        """Return the processes of a server, the first that of which all others are children."""
        known = self.state.process(name)
        if known is None or not known.alive:
            return []
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(known.pid)
            return [process, *process.children(recursive=True)]
        return []

    def told(self) -> list[str]:
        """Return what supervisors, Dagster's sensors and their runs said so far of what they found and did."""
        found = []
        for path, words in (
            (Supervisor(self.bare, self.state).log, _TELLS),
            (self.server("dagster_code_server").log, _SENSOR_TELLS),
        ):
            found += [line for line in path.read_text().splitlines() if words.search(line)]
        return found

    def kill(self, name: str) -> None:
        """End a server with SIGKILL, all its processes at once."""
        before = self.state.process(name)
        self._signal(name, signal.SIGKILL)
        # The supervisor may have restarted it before anybody looks.
        until(lambda: self.server(name).died or self.state.process(name) != before, f"{name} is dead", 10)

    def hang(self, name: str) -> None:
        """Let a server stand still, its connections open."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self._signal(name, signal.SIGCONT)

    def answers(self, name: str) -> bool:
        """Whether a server answers."""
        return self.server(name).health().state == "running"

    def _signal(self, name: str, what: signal.Signals) -> None:
        for process in self.family(name):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(what)

    # Clients

    @contextmanager
    def superuser(self) -> Iterator[Connection]:
        """Connect to PostgreSQL as someone who may do anything, each statement its own transaction."""
        with connection.connect_dsn(self.settings.require("postgres_dsn"), autocommit=True) as session:
            yield session

    def ask(self, query: str, *values: Any) -> list[Any]:
        """Run a query as superuser."""
        with self.superuser() as session, session.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def mongodb(self) -> Iterator[pymongo.MongoClient[Any]]:
        """Connect to MongoDB as its administrator."""
        with pymongo.MongoClient[Any](self.settings.require("mongo_uri"), serverSelectionTimeoutMS=3000) as opened:
            yield opened

    @contextmanager
    def connect(self) -> Iterator[ConnectClient]:
        """Speak to Kafka Connect."""
        with ConnectClient(self.settings.require("connect_url")) as opened:
            yield opened

    # The writer

    def begin_writer(self, count: int = 1, rate: float = RATE, weights: dict[str, int] = WEIGHTS) -> None:
        """Start it, or several who share the stores and the rate, and wait until some changes are made."""
        settings = self.settings
        stores = {str(store): connection.dsn(settings, connection.store_role(store)) for store in range(1, STORES + 1)}
        admin = connection.dsn(settings, connection.ADMIN)
        self.writers.begin(Order(stores, admin, rate, weights), count)
        self.more_changes(10)

    def more_changes(self, wanted: int) -> None:
        """Wait until so many more changes are committed."""
        before = self.writers.changes()

        def made() -> bool:
            self.writers.see_that_they_live()
            return self.writers.changes() >= before + wanted

        until(made, f"{wanted} more changes", BACK_WITHIN)

    def resolve_unknown(self) -> None:
        """Ask the database for what a writer that was killed left unknown."""
        session = psycopg2.connect(connection.dsn(self.settings, connection.ADMIN))
        try:
            for path in self.writers.journals:
                with journals.Journal(path) as opened:
                    journals.resolve(opened, session)
        finally:
            session.close()

    # The comparison

    def expected(self) -> tuple[Expected, Committed]:
        """Read what MongoDB has to be; nothing writes meanwhile."""
        session = psycopg2.connect(connection.dsn(self.settings, connection.READER))
        try:
            return comparison.expect(comparison.read(session)), journals.committed(*self.writers.journals)
        finally:
            session.close()

    def compare(self, expected: Expected, journal: Committed) -> Comparison:
        """Compare once; a MongoDB that does not answer is a difference."""
        with self.mongodb() as opened:
            database: Database[Any] = opened[MONGO_DATABASE]
            try:
                return comparison.compare(expected, database, journal)
            except PyMongoError as error:
                silent = Comparison()
                silent.differs("servers that do not answer", f"MongoDB: {type(error).__name__}")
                return silent


def until(done: Callable[[], object], what: str, seconds: float, pause: float = _ASK_AGAIN) -> None:
    """Wait for something, looking each `pause`; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(pause)
