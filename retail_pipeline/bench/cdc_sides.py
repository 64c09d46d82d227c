"""Three ways from a commit to MongoDB, each from a database of its own; one runs at a time, the others are stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil
from psycopg2.extensions import parse_dsn
from pymongo.database import Database

from retail_pipeline.bench import cdc_floor
from retail_pipeline.bench.database import BenchError, Site
from retail_pipeline.mirror import client, initial_snapshot
from retail_pipeline.replication import connectors, publication, topics
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.settings import Settings
from retail_pipeline.stack.connect import Connect
from retail_pipeline.stack.state import State
from retail_pipeline.tables import MONGO_DATABASE, PUBLICATION, RED
from retail_pipeline.warehouse.connection import connect_dsn

FLOOR_DATABASE, PREDECESSOR_DATABASE = "bench_floor", "bench_predecessor"
_FLOOR_SLOT, _PREDECESSOR_SLOT = "retail_bench_floor", "walmart_slot"
_PREDECESSOR_TOPICS = "walmart.predecessor"
_PREDECESSOR_SOURCE, _PREDECESSOR_SINK = "postgres-source-transactions", "mongodb-sink-transactions"


class Side(Protocol):
    """One of the ways: where its sales are made, and where their documents are to be seen."""

    name: str
    site: Site
    mongo_database: str

    def running(self) -> Any:
        """Let it run for a block."""


@dataclass
class Ours:
    """The stream as it is: registered and stopped by what the initial snapshot and `up` use."""

    site: Site
    name: str = "ours"
    mongo_database: str = MONGO_DATABASE

    @contextmanager
    def running(self) -> Iterator[None]:
        """Register the connectors, and stop them in the end."""
        connectors.register(self.site.settings)
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop every connector; what is committed from now on waits in the slot."""
        _stop(self.site.settings, connectors.names())

    def processor_seconds(self) -> float:
        """Return for how long Kafka Connect has used a processor, by which it is told when Java has compiled."""
        connect = State(self.site.settings.home).process(Connect.name)
        if connect is None:
            raise BenchError("Kafka Connect is not one of this home's servers, so nobody can tell when it is warm.")
        times = psutil.Process(connect.pid).cpu_times()
        return float(times.user + times.system)


@dataclass
class Floor:
    """pg_recvlogical and pymongo, in a process of their own."""

    site: Site
    name: str = "floor"
    mongo_database: str = FLOOR_DATABASE

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the process, wait until it reads its slot, and end it."""
        settings = self.site.settings
        plan = {
            "postgres": self.site.superuser,
            "mongo": settings.require("mongo_uri"),
            "slot": _FLOOR_SLOT,
            "database": self.mongo_database,
        }
        command = [sys.executable, "-m", cdc_floor.__name__]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with process:
            try:
                if process.stdin is None or process.stdout is None:
                    raise BenchError("The floor's process has no pipes.")
                process.stdin.write(json.dumps(plan) + "\n")
                process.stdin.flush()
                if process.stdout.readline().strip() != cdc_floor.READY:
                    raise BenchError("The floor's process ended before it read its slot.")
                yield
            finally:
                if process.stdin:
                    process.stdin.close()


@dataclass
class Predecessor:
    """The project that first had this idea: its connectors, with what they need to deliver anything at all here.

    Its own are converters, plugin, publication of all tables and the defaults, of which a poll interval of 500 ms is
    one. Added are passwords, topics that were made, with one partition, and this project's schema.
    """

    site: Site
    name: str = "predecessor"
    mongo_database: str = PREDECESSOR_DATABASE

    @contextmanager
    def running(self) -> Iterator[None]:
        """Register the two connectors, or let them go on, and stop them in the end."""
        settings = self.site.settings
        try:
            with ConnectClient(settings.require("connect_url")) as connect:
                for name, configuration in self._configurations(write_secrets(self.site)).items():
                    if connect.config(name) is None:
                        connect.put_config(name, configuration)
                    else:
                        connect.resume(name)
                    connect.wait_running([name])
            yield
        finally:
            _stop(settings, [_PREDECESSOR_SOURCE, _PREDECESSOR_SINK])

    def _configurations(self, secrets: Path) -> dict[str, dict[str, str]]:
        address = parse_dsn(self.site.superuser)
        names = [table.name for table in RED]
        converters = {
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
        }
        source = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "plugin.name": "pgoutput",
            "database.hostname": address["host"],
            "database.port": address["port"],
            "database.user": address["user"],
            "database.password": f"${{file:{secrets}:postgres.password}}",
            "database.dbname": address["dbname"],
            "topic.prefix": _PREDECESSOR_TOPICS,
            "table.include.list": ",".join(table.qualified for table in RED),
            "slot.name": _PREDECESSOR_SLOT,
            "publication.name": PUBLICATION,
        }
        sink = {
            "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
            "tasks.max": "1",
            "topics": ",".join(self.topics()),
            "connection.uri": f"${{file:{secrets}:mongo.uri}}",
            "database": self.mongo_database,
            "consumer.override.auto.offset.reset": "earliest",
        }
        sink |= {f"topic.override.{topic}.collection": name for topic, name in zip(self.topics(), names, strict=True)}
        return {_PREDECESSOR_SOURCE: source | converters, _PREDECESSOR_SINK: sink | converters}

    @staticmethod
    def topics() -> list[str]:
        """Name its topics."""
        return [f"{_PREDECESSOR_TOPICS}.{table.qualified}" for table in RED]


@contextmanager
def prepared(ours: Site, floor: Site, predecessor: Site) -> Iterator[tuple[Ours, Floor, Predecessor]]:
    """Make slots and collections for each way; all are stopped. Remove them at the end, before their databases go."""
    settings = ours.settings
    sides = Ours(ours), Floor(floor), Predecessor(predecessor)
    _drop_mongo_databases(settings)
    try:
        initial_snapshot.take(settings, force=True)
        sides[0].stop()
        publication.ensure(predecessor.settings)
        with topics.administrator(settings) as kafka:
            kafka.create_topics({topic: {"num_partitions": 1} for topic in Predecessor.topics()})
        with connect_dsn(floor.superuser, autocommit=True) as session, session.cursor() as cursor:
            cursor.execute("select pg_create_logical_replication_slot(%s, 'test_decoding')", (_FLOOR_SLOT,))
        for name in (FLOOR_DATABASE, PREDECESSOR_DATABASE):
            with _administrator(settings, name) as database:
                for table in RED:
                    database.create_collection(table.name)
        yield sides
    finally:
        _remove(settings, predecessor)
        write_secrets(ours).unlink()


def write_secrets(site: Site) -> Path:
    """Write what a connector with the administrators' rights logs in with; return the file for its references."""
    path = site.settings.home / "secrets" / "bench.properties"
    path.touch(mode=0o600)
    password = parse_dsn(site.superuser)["password"]
    path.write_text(f"mongo.uri={site.settings.require('mongo_uri')}\npostgres.password={password}\n")
    return path


def _remove(settings: Settings, predecessor: Site) -> None:
    with ConnectClient(settings.require("connect_url")) as connect:
        for name in (_PREDECESSOR_SINK, _PREDECESSOR_SOURCE):
            connect.delete(name)
    connectors.halt(settings)
    with connect_dsn(predecessor.superuser, autocommit=True) as session, session.cursor() as cursor:
        cursor.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = any(%s)",
            ([_FLOOR_SLOT, _PREDECESSOR_SLOT],),
        )
    with topics.administrator(settings) as kafka:
        present = set(kafka.list_topics())
        kafka.delete_topics([topic for topic in Predecessor.topics() if topic in present])
    _drop_mongo_databases(settings)


def _drop_mongo_databases(settings: Settings) -> None:
    for name in (MONGO_DATABASE, FLOOR_DATABASE, PREDECESSOR_DATABASE):
        with _administrator(settings, name) as database:
            database.client.drop_database(name)


@contextmanager
def _administrator(settings: Settings, name: str) -> Iterator[Database[Any]]:
    with client.connect(settings, client.administrator(settings)) as opened:
        yield opened[name]


def _stop(settings: Settings, names: list[str]) -> None:
    with ConnectClient(settings.require("connect_url")) as connect:
        for name in names:
            if connect.config(name) is not None:
                connect.stop(name)
