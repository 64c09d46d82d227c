"""A change that is committed in PostgreSQL is in MongoDB soon, exactly, and with no program of ours running."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from typing import Any

import psycopg2
import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from kafka import KafkaConsumer, TopicPartition
from pymongo.database import Database

from retail_pipeline.errors import ReplicationError
from retail_pipeline.mirror import fidelity
from retail_pipeline.replication import connectors, lag, progress, publication, slot, topics
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.replication.kafka import ADMIN, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.tables import PUBLICATION, RED, STREAM_PUBLICATION, TABLES, Table
from retail_pipeline.warehouse import connection, sqlstates
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document


def seen(changes: Any, number: int) -> list[tuple[str, str, Document]]:
    """Wait for changes in MongoDB; return operation, collection and identity of each."""
    found = [mirrored.eventually(changes.try_next, "a change in MongoDB") for _ in range(number)]
    return [(one["operationType"], one["ns"]["coll"], one["documentKey"]["_id"]) for one in found]


def arrived(settings: Settings, database: Database[Document], table: str, **key: Any) -> Document | None:
    """Wait until the document is byte for byte what the row should be; return it."""
    wanted = mirrored.row(settings, table, *key.values())
    mirrored.eventually(lambda: mirrored.raw(database, table, key) == wanted, f"{table} {key}")
    return database[table].find_one({"_id": key})


def test_a_sale_of_a_store_is_in_all_three_collections(streaming: Settings, database: Database[Document]) -> None:
    with database.watch(max_await_time_ms=50) as changes:
        with connection.connect(streaming, connection.store_role(1)) as store:
            number = shop.sell(store, [100, 101], [2, 3])
            store.commit()
        sale: Document = {"store_id": 1, "transaction_id": number}
        assert sorted(seen(changes, 5), key=str) == sorted(
            [
                ("insert", "transactions", sale),
                ("insert", "transaction_details", {**sale, "line_number": 1}),
                ("insert", "transaction_details", {**sale, "line_number": 2}),
                ("replace", "inventory", {"store_id": 1, "product_id": 100}),
                ("replace", "inventory", {"store_id": 1, "product_id": 101}),
            ],
            key=str,
        )
    for table in ("transactions", "transaction_details", "inventory"):
        (report,) = fidelity.verify(streaming, [one for one in RED if one.name == table]).tables
        assert report.equal


def test_a_streamed_document_has_the_promised_fields_order_and_types(
    streaming: Settings, database: Database[Document]
) -> None:
    mirrored.bring(streaming, 1, 5001, "2024-04-10 15:00:00", [mirrored.Line(100, 1, None)])
    document = arrived(streaming, database, "transactions", store_id=1, transaction_id=5001)
    assert document is not None
    assert list(document.items()) == [
        ("_id", {"store_id": 1, "transaction_id": 5001}),
        ("transaction_id", 5001),
        ("transaction_date", "2024-04-10T15:00:00Z"),
        ("customer_id", 11),
        ("store_id", 1),
        ("payment_method_id", 1),
        ("promotion_applied", False),
        ("promotion_id", None),
        ("weather_id", 1),
        ("stockout", False),
    ]
    assert type(document["transaction_id"]) is type(document["_id"]["transaction_id"]) is Int64
    assert type(document["store_id"]) is type(document["_id"]["store_id"]) is int
    line = arrived(streaming, database, "transaction_details", store_id=1, transaction_id=5001, line_number=1)
    assert line is not None
    assert line["unit_price"] == Decimal128("100.50")
    assert list(line) == ["_id", "transaction_id", "line_number", "store_id", "product_id", "quantity", "unit_price"]


def test_null_in_a_column_with_a_default_stays_null(streaming: Settings, database: Database[Document]) -> None:
    """Debezium knows the default, and Connect gives it for NULL wherever it is asked in the usual way."""
    with connection.connect_dsn(streaming.require("postgres_dsn"), autocommit=True) as owner:
        shop.run(owner, "alter table retail.transactions alter weather_id set default 1")
        try:
            mirrored.bring(streaming, 1, 5002, "2024-04-10 15:00:00", [mirrored.Line(100, 1, None)])
            shop.run(owner, "update retail.transactions set weather_id = null where transaction_id = 5002")
            document = arrived(streaming, database, "transactions", store_id=1, transaction_id=5002)
            arrived(streaming, database, "transaction_details", store_id=1, transaction_id=5002, line_number=1)
        finally:
            shop.run(owner, "alter table retail.transactions alter weather_id drop default")
    assert document is not None
    assert document["weather_id"] is None


CHANGES = {
    "transactions": (
        "insert into retail.transactions values (7001, '2024-12-31 23:59:59', 21, 2, 1, true, null, null, false)",
        "update retail.transactions set promotion_id = 1, promotion_applied = true where transaction_id = 7001",
        "delete from retail.transactions where transaction_id = 7001",
        {"store_id": 2, "transaction_id": 7001},
    ),
    "transaction_details": (
        "insert into retail.transaction_details values (21, 9, 2, 105, 1, 9999999999.99)",
        "update retail.transaction_details set unit_price = 0.10 where transaction_id = 21 and line_number = 9",
        "delete from retail.transaction_details where transaction_id = 21 and line_number = 9",
        {"store_id": 2, "transaction_id": 21, "line_number": 9},
    ),
    "inventory": (
        "insert into retail.inventory values (2, 110, 7)",
        "update retail.inventory set inventory_level = 0 where (store_id, product_id) = (2, 110)",
        "delete from retail.inventory where (store_id, product_id) = (2, 110)",
        {"store_id": 2, "product_id": 110},
    ),
}


@pytest.mark.parametrize("table", CHANGES)
def test_insert_update_and_delete_arrive(streaming: Settings, database: Database[Document], table: str) -> None:
    insert, update, delete, identity = CHANGES[table]
    with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
        for statement, operation in ((insert, "insert"), (update, "replace"), (delete, "delete")):
            with database[table].watch(max_await_time_ms=50) as changes:
                shop.run(loader, statement)
                assert seen(changes, 1) == [(operation, table, identity)]
            assert mirrored.raw(database, table, identity) == mirrored.row(streaming, table, *identity.values())


@pytest.mark.parametrize(
    "moment", ["0001-01-01 00:00:00", "1582-10-10 12:00:00", "1969-12-31 23:59:59", "9999-12-31 23:59:59"]
)
def test_every_date_that_is_allowed_is_the_same_by_stream_and_by_batch(
    streaming: Settings, database: Database[Document], moment: str
) -> None:
    with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
        shop.run(loader, "update retail.transactions set transaction_date = %s where transaction_id = 31", moment)
    document = arrived(streaming, database, "transactions", store_id=3, transaction_id=31)
    assert document is not None
    assert document["transaction_date"] == moment.replace(" ", "T") + "Z"


def test_a_changed_key_moves_the_document(streaming: Settings, database: Database[Document]) -> None:
    with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
        shop.run(loader, "insert into retail.inventory values (3, 110, 7)")
        arrived(streaming, database, "inventory", store_id=3, product_id=110)
        shop.run(loader, "delete from retail.inventory where (store_id, product_id) = (1, 109)")
        shop.run(loader, "update retail.inventory set store_id = 1, product_id = 109 where product_id = 110")
    arrived(streaming, database, "inventory", store_id=1, product_id=109)
    arrived(streaming, database, "inventory", store_id=3, product_id=110)
    assert mirrored.raw(database, "inventory", {"store_id": 3, "product_id": 110}) is None


def test_every_change_of_a_store_is_in_one_partition_deletes_too(
    streaming: Settings, database: Database[Document]
) -> None:
    """So each of its rows keeps its order, and a sale is one write a collection."""
    with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
        for store in (1, 2, 3):
            shop.run(loader, "delete from retail.inventory where (store_id, product_id) = (%s, 108)", store)
            shop.run(loader, "insert into retail.inventory values (%s, 108, 2)", store)
            arrived(streaming, database, "inventory", store_id=store, product_id=108)

    topic = next(table.topic for table in RED if table.name == "inventory")
    partitions = [TopicPartition(topic, number) for number in range(topics.PARTITIONS)]
    found: dict[int, set[int]] = {}
    deletes = 0
    with closing(KafkaConsumer(**client_settings(streaming, ADMIN), enable_auto_commit=False)) as consumer:
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(one) < ends[one] for one in partitions):
            for records in consumer.poll(1000).values():
                for record in records:
                    found.setdefault(json.loads(record.key)["store_id"], set()).add(record.partition)
                    deletes += record.value is None
    assert {len(used) for used in found.values()} == {1}
    assert len(set().union(*found.values())) == topics.PARTITIONS
    assert deletes >= len(found)


def test_many_changes_of_one_row_end_with_the_last(streaming: Settings, database: Database[Document]) -> None:
    with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
        for level in range(200):
            shop.run(loader, "update retail.inventory set inventory_level = %s where store_id = 3", level)
    assert fidelity.verify(streaming, RED, grace_seconds=60).equal
    assert database["inventory"].distinct("inventory_level", {"store_id": 3}) == [199]


def test_what_comes_by_copy_in_one_transaction_arrives(streaming: Settings, database: Database[Document]) -> None:
    rows = "".join(f"{number}\t2024-01-01 00:00:00\t31\t3\t1\tf\t\\N\t\\N\tt\n" for number in range(100_000, 200_000))
    with connection.connect(streaming, connection.LOADER) as loader, loader.cursor() as cursor:
        cursor.copy_expert("copy retail.transactions from stdin", StringIO(rows))
    copied = {"transaction_id": {"$gte": 100_000, "$lt": 200_000}}
    mirrored.eventually(lambda: database["transactions"].count_documents(copied) == 100_000, "every row", timeout=300)
    assert fidelity.verify(streaming, RED, grace_seconds=60).equal


@pytest.mark.parametrize("table", RED, ids=lambda table: table.name)
def test_truncate_which_sends_no_event_is_refused(streaming: Settings, table: Table) -> None:
    with connection.connect_dsn(streaming.require("postgres_dsn")) as superuser, superuser.cursor() as cursor:
        with pytest.raises(psycopg2.Error, match="would leave its documents there") as refused:
            cursor.execute(f"truncate {table.qualified} cascade")
        assert refused.value.pgcode == sqlstates.NO_TRUNCATE


def test_no_streamed_column_can_be_stored_out_of_line(streaming: Settings) -> None:
    """A value that is, and does not change, comes as a placeholder; such a table needs REPLICA IDENTITY FULL."""
    with connection.connect(streaming, connection.READER) as reader, reader.cursor() as cursor:
        cursor.execute(
            "select c.relname from pg_class as c where c.relnamespace = 'retail'::regnamespace "
            "and c.relname = any(%s) and c.reltoastrelid <> 0 and c.relreplident <> 'f'",
            ([table.name for table in RED],),
        )
        assert cursor.fetchall() == []


def test_a_sale_that_is_rolled_back_never_arrives(streaming: Settings, database: Database[Document]) -> None:
    with connection.connect(streaming, connection.store_role(1)) as store:
        number = shop.sell(store, [102], [1])
        store.rollback()
        later = shop.sell(store, [102], [1])
        store.commit()
    arrived(streaming, database, "transactions", store_id=1, transaction_id=later)
    assert database["transactions"].find_one({"transaction_id": number}) is None
    # What is late would be another test's change.
    assert fidelity.verify(streaming, RED, grace_seconds=60).equal


def test_a_second_registration_changes_nothing(streaming: Settings) -> None:
    states = connectors.register(streaming)
    assert list(states) == connectors.names()
    assert {state["changed"] for state in states.values()} == {False}


FAULTS: dict[str, Callable[[ConnectClient, str], object]] = {
    "deleted": lambda client, name: client.delete(name),
    "stopped": lambda client, name: client.stop(name),
    "changed": lambda client, name: client.put_config(
        name, (client.config(name) or {}) | {"errors.log.include.messages": "true"}
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", [connectors.SOURCE, connectors.sink(RED[-1])])
def test_a_connector_that_is_not_as_it_should_be_is_brought_back_without_loss(
    streaming: Settings, fault: str, name: str
) -> None:
    with ConnectClient(streaming.require("connect_url")) as client:
        FAULTS[fault](client, name)
    with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
        shop.run(loader, "update retail.inventory set inventory_level = inventory_level + 1")
    states = connectors.register(streaming)
    assert [other for other, state in states.items() if state["changed"]] == [name]
    assert fidelity.verify(streaming, RED, grace_seconds=60).equal


def test_a_task_that_failed_is_told_with_its_reason_and_no_password(streaming: Settings) -> None:
    name = connectors.sink(RED[-1])

    def sell_on(client: ConnectClient) -> bool:
        """Make one more change: the first may have reached the tasks of before."""
        with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
            shop.run(loader, "update retail.inventory set inventory_level = inventory_level + 1")
        client.wait_running([name])
        return False

    with (
        ConnectClient(streaming.require("connect_url")) as client,
        mirrored.sink_without_rights(streaming),
        pytest.raises(ReplicationError, match=f"(?s)Connector {name} failed.*not authorized") as failed,
    ):
        mirrored.eventually(lambda: sell_on(client), "a failed task")
    assert streaming.credentials.password("mongo/retail_sink") not in str(failed.value)

    def runs_again() -> bool:
        """Register until all tasks run: one may fail of the same cause a moment later than the other."""
        try:
            return bool(connectors.register(streaming)[name]["state"] == "RUNNING")
        except ReplicationError:
            return False

    mirrored.eventually(runs_again, "every task of the sink")
    assert fidelity.verify(streaming, RED, grace_seconds=60).equal


def test_lag_is_known_for_each_partition_and_falls_to_nothing(streaming: Settings) -> None:
    mirrored.eventually(lambda: all(one.lag == 0 for one in lag.measure(streaming)), "no lag")
    found = lag.measure(streaming)
    assert {(one.topic, one.partition) for one in found} == {
        (table.topic, partition) for table in RED for partition in range(topics.PARTITIONS)
    }
    assert {one.group for one in found} == {connectors.group(table) for table in RED}


def test_a_stopped_sink_shows_as_lag_and_a_missing_group_as_unknown(streaming: Settings) -> None:
    table = RED[-1]

    def of_the_table() -> list[lag.PartitionLag]:
        return [one for one in lag.measure(streaming) if one.topic == table.topic]

    def sell() -> None:
        with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
            shop.run(loader, "update retail.inventory set inventory_level = inventory_level + 1")

    # Until a change came, a group has nothing to commit, and stopped it is as unknown as a missing one.
    sell()
    mirrored.eventually(lambda: all(one.end_offset and one.lag == 0 for one in of_the_table()), "offsets")
    try:
        with ConnectClient(streaming.require("connect_url")) as client:
            client.stop(connectors.sink(table))
            sell()
            mirrored.eventually(lambda: sum(one.lag or 0 for one in of_the_table()) > 0, "lag")
            behind = [one for one in of_the_table() if one.lag]
            mirrored.eventually(lambda: all((one.age or 0) > 3 for one in of_the_table() if one.lag), "an old change")
            assert {one.age for one in of_the_table() if not one.lag} <= {0.0}
            assert behind
            client.delete_offsets(connectors.sink(table))
        assert {one.lag for one in of_the_table()} == {None}
    finally:
        connectors.register(streaming)
    mirrored.eventually(lambda: {one.lag for one in of_the_table()} == {0}, "no lag")
    # Every change of the table was written a second time, from the first on.
    assert fidelity.verify(streaming, RED, grace_seconds=60).equal


@pytest.mark.parametrize("stopped", [connectors.SOURCE, connectors.sink(RED[-1])])
def test_a_position_is_passed_once_source_and_sinks_have_carried_it(streaming: Settings, stopped: str) -> None:
    with ConnectClient(streaming.require("connect_url")) as client:
        client.stop(stopped)
        try:
            with connection.connect(streaming, connection.LOADER, autocommit=True) as loader:
                shop.run(loader, "update retail.inventory set inventory_level = inventory_level + 1 where store_id = 1")
            position = progress.current_lsn(streaming)
            assert not progress.wait_until_applied(streaming, position, within=5)
        finally:
            client.resume(stopped)
    assert progress.wait_until_applied(streaming, position, within=60)
    assert fidelity.verify(streaming, RED, grace_seconds=0).equal


def test_the_slot_moves_on_while_nobody_sells(streaming: Settings) -> None:
    def read() -> slot.SlotHealth | None:
        found = slot.health(streaming)
        return found if found is not None and found.active else None

    # A task that says that it runs takes the slot a moment later.
    health: slot.SlotHealth = mirrored.eventually(read, "a reader of the slot")
    assert health.usable
    assert not health.in_danger

    def moved() -> bool:
        later = slot.health(streaming)
        assert later is not None
        assert later.beat_at is not None
        assert health.beat_at is not None
        return later.confirmed_lsn != health.confirmed_lsn and later.beat_at > health.beat_at

    mirrored.eventually(moved, "a heartbeat")


def test_both_publications_cover_what_they_must(streaming: Settings) -> None:
    with mirrored.superuser(streaming) as session:
        shop.run(session, f"alter publication {STREAM_PUBLICATION} drop table retail.heartbeat")
        shop.run(session, f"drop publication {PUBLICATION}")
    found = publication.ensure(streaming)
    assert set(found[PUBLICATION]) == {table.name for table in TABLES}
    assert set(found[STREAM_PUBLICATION]) == {*(table.name for table in RED), "heartbeat"}
    assert publication.ensure(streaming) == found


@pytest.mark.usefixtures("streaming")
def test_no_document_came_twice_with_its_identity_in_another_order(database: Database[Document]) -> None:
    for table in RED:
        names = database[table.name].aggregate([{"$project": {"names": {"$objectToArray": "$_id"}}}])
        orders = {tuple(part["k"] for part in one["names"]) for one in names}
        assert orders == {table.key}
