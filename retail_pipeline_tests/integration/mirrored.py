"""A small company and its mirror in MongoDB, and what tests of the mirror and the stream share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812
from pymongo.database import Database

from retail_pipeline.mirror import client, snapshot, writing
from retail_pipeline.mongodb import USERS_DATABASE
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, MIRRORED, MONGO_DATABASE, SLOT
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import shop

Document = dict[str, Any]

TIMEOUT = 60.0


@dataclass(frozen=True)
class Line:
    """A line of a sale of a file: product, units, and the stock that was recorded with it."""

    product: int
    units: int
    recorded: int | None


def joined(warehouse: Settings, stack: Settings) -> Settings:
    """Return the settings of a database of its own beside the servers of the test run."""
    return replace(
        warehouse, mongo_uri=stack.mongo_uri, kafka_bootstrap=stack.kafka_bootstrap, connect_url=stack.connect_url
    )


def empty(settings: Settings) -> None:
    """Empty MongoDB of what another test left, and let the services' users in."""
    with client.connect(settings, client.administrator(settings)) as opened:
        opened.drop_database(MONGO_DATABASE)
    client.provision(settings)


def fill(settings: Settings) -> None:
    """Fill every collection from PostgreSQL, without a stream."""
    with snapshot.take(settings) as now, client.connect(settings, client.WRITER) as opened:
        for table in MIRRORED:
            writing.fill_next(client.mirror(opened), table.name, now.documents(table))
            writing.swap(client.mirror(opened), table.name)


@contextmanager
def administrator(settings: Settings) -> Iterator[Database[Document]]:
    """Open the mirror's database as someone who may do anything with it."""
    with client.connect(settings, client.administrator(settings)) as opened:
        yield client.mirror(opened)


@contextmanager
def superuser(settings: Settings) -> Iterator[Connection]:
    """Open PostgreSQL as someone who may do anything, each statement its own transaction."""
    with connection.connect_dsn(settings.require("postgres_dsn"), autocommit=True) as session:
        yield session


def move_slot(settings: Settings) -> None:
    """Move the slot to the end of the WAL, past whatever Debezium has not read; nobody may be reading it."""
    with superuser(settings) as session:
        shop.run(session, "select pg_replication_slot_advance(%s, pg_current_wal_lsn())", SLOT)


@contextmanager
def sink_without_rights(settings: Settings) -> Iterator[None]:
    """Let MongoDB refuse the sinks whatever they ask for, which fails their tasks."""
    roles = [{"role": client.SINK_ROLE, "db": MONGO_DATABASE}]
    with client.connect(settings, client.administrator(settings)) as opened:
        users = opened[USERS_DATABASE]
        users.command({"revokeRolesFromUser": client.SINK, "roles": roles})
        try:
            yield
        finally:
            users.command({"grantRolesToUser": client.SINK, "roles": roles})


def bring(settings: Settings, store: int, number: int, moment: str, lines: Sequence[Line]) -> None:
    """Bring a sale as a load does: with its number, its moment and the stock recorded with each line."""
    with connection.connect(settings, connection.LOADER) as session:
        shop.run(
            session,
            "insert into retail.transactions values (%s, %s, %s, %s, 1, false, null, 1, false)",
            *(number, moment, shop.customer(store), store),
        )
        if not shop.rows(session, "select 1 from retail.files"):
            shop.run(
                session,
                "insert into retail.files values (1, repeat('0', 64), true, 'made.csv', 1, 1, 1, 0, 0, '{}', '{}',"
                " now(), 0)",
            )
            # So that a file that is loaded later gets another number.
            shop.run(session, "select nextval('retail.file_number')")
        for line_number, line in enumerate(lines, start=1):
            shop.run(
                session,
                "insert into retail.transaction_details values (%s, %s, %s, %s, %s, %s)",
                *(number, line_number, store, line.product, line.units, f"{line.product}.50"),
            )
            if line.recorded is not None:
                shop.run(
                    session,
                    "insert into retail.observations values (%s, %s, %s, 1, %s, %s, 'Mon', false)",
                    *(store, number, line_number, 2, line.recorded),
                )


def raw(database: Database[Document], collection: str, identity: Document) -> bytes | None:
    """Return a document as it is stored."""
    batch: Any = next(database[collection].find_raw_batches({"_id": identity}), None)
    return batch or None


def row(settings: Settings, table: str, *key: Any) -> bytes | None:
    """Return the document that a row of PostgreSQL should have."""
    with snapshot.latest(settings) as latest:
        return latest.by_key(BY_NAME[table], [key]).get(key)


def eventually(done: Callable[[], Any], what: str, timeout: float = TIMEOUT) -> Any:
    """Wait until something is so, and return it; fail with `what` where it never is."""
    until = time.monotonic() + timeout
    while not (answer := done()):
        assert time.monotonic() < until, f"{what}: not within {timeout:.0f} s"
        time.sleep(0.05)
    return answer
