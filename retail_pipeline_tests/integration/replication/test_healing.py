"""What breaks the stream is seen by the sensor and healed by it, and with healing off it stays broken."""

from __future__ import annotations

import gc
import json
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import psycopg2
import pytest
from kafka import KafkaProducer, TopicPartition
from pymongo.database import Database

from retail_pipeline.definitions import defs
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.schedules import repair_schedule
from retail_pipeline.defs.sensors.connector_health import LETTERS, RUN, SLOT, connector_health_sensor
from retail_pipeline.healing import dead_letters, health, remedies
from retail_pipeline.healing.healer import Healer
from retail_pipeline.healing.health import Problem, Remedy
from retail_pipeline.mirror import client, continuity, fidelity, initial_snapshot, write_lock, writing
from retail_pipeline.replication import connectors, lag, publication, slot, topics
from retail_pipeline.replication.connect import FAILED, PAUSED, ConnectClient, is_running, states
from retail_pipeline.replication.kafka import ADMIN, client_settings
from retail_pipeline.settings import Settings
from retail_pipeline.status import stream
from retail_pipeline.tables import RED, STREAM_PUBLICATION
from retail_pipeline.tables import SLOT as SLOT_NAME
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document
from retail_pipeline_tests.plug import PulledPlugError

INVENTORY = RED[-1]
SINK = connectors.sink(INVENTORY)
DEFINITIONS = defs()


@dataclass
class Operations:
    """The sensor and the runs that it asks for, as Dagster's daemon would run them; nobody else does anything."""

    settings: Settings
    monkeypatch: pytest.MonkeyPatch
    instance: dg.DagsterInstance
    cursor: str | None = None
    runs: int = 0

    def tick(self, *, heal: bool, settings: Settings | None = None) -> dg.SensorResult:
        """Evaluate the sensor once, and make the runs that it asks for."""
        platform = self._platform(settings or self.settings, heal=heal)
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"platform": platform}, definitions=DEFINITIONS
        )
        result = connector_health_sensor(context)
        assert isinstance(result, dg.SensorResult)
        # Every tick is to tell its verdict; when it may keep it to itself is tested elsewhere.
        self.cursor = json.dumps({**json.loads(result.cursor or "{}"), "told": None})
        for request in result.run_requests or []:
            self._run(request.job_name or "", request, platform)
        return result

    def night(self, *, heal: bool) -> str:
        """Let it be the time at which all is compared, and make the run; return why there is none."""
        platform = self._platform(self.settings, heal=heal)
        result = repair_schedule(dg.build_schedule_context(self.instance, resources={"platform": platform}))
        if isinstance(result, dg.SkipReason):
            return str(result.skip_message)
        assert isinstance(result, dg.RunRequest)
        self._run(repair_schedule.job_name, result, platform)
        return ""

    def _platform(self, given: Settings, *, heal: bool) -> Platform:
        self.monkeypatch.setenv("RETAIL_HOME", str(given.home))
        self.monkeypatch.setenv("RETAIL_HEAL", str(int(heal)))
        return Platform(
            postgres_dsn=given.require("postgres_dsn"),
            mongo_uri=given.require("mongo_uri"),
            kafka_bootstrap=given.require("kafka_bootstrap"),
            connect_url=given.require("connect_url"),
        )

    def _run(self, job: str, request: dg.RunRequest, platform: Platform) -> None:
        self.runs += 1
        done = DEFINITIONS.resolve_job_def(job).execute_in_process(
            run_config=request.run_config, instance=self.instance, resources={"platform": platform}
        )
        assert done.success

    def until_well(self) -> None:
        """Tick until nothing is wrong; and then every document is as its row."""

        def well() -> bool:
            return all(passed for passed, _ in checks(self.tick(heal=True)).values())

        mirrored.eventually(well, "health", timeout=300)
        assert fidelity.verify(self.settings, RED, grace_seconds=60).equal

    def stays_broken(self, check: str, words: str) -> None:
        """Tick with healing off: the problem is told, first as new, and nothing is done about it."""
        mirrored.eventually(lambda: words in checks(self.tick(heal=False))[check][1], words)

        def persists() -> bool:
            result = self.tick(heal=False)
            passed, told = checks(result)[check]
            return not passed and words in told and "for " in str(result.skip_reason)

        mirrored.eventually(persists, f"{words}, still")
        assert self.runs == 0
        assert [line for line in stream.lines(self.settings) if words in line.detail and not line.ok], "as in `status`"


def checks(result: dg.SensorResult) -> dict[str, tuple[bool, str]]:
    found = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    return {one.check_name: (one.passed, one.description or "") for one in found}


@pytest.fixture
def operations(streaming: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operations]:
    """Return a stream that is well, and leave it so."""
    initial_snapshot.take(streaming)
    with dg.DagsterInstance.ephemeral() as instance:
        made = Operations(streaming, monkeypatch, instance)
        made.until_well()
        made.runs, made.cursor = 0, None
        yield made


@contextmanager
def worker(settings: Settings) -> Iterator[ConnectClient]:
    with ConnectClient(settings.require("connect_url")) as opened:
        yield opened


def change(settings: Settings, statement: str, *arguments: Any) -> None:
    with connection.connect(settings, connection.LOADER, autocommit=True) as loader:
        shop.run(loader, statement, *arguments)


def touch(settings: Settings) -> None:
    change(settings, "update retail.inventory set inventory_level = inventory_level + 1")


def tasks(connect: ConnectClient) -> list[str]:
    return states(connect.status(SINK) or {})[1:]


def test_a_task_that_failed_is_restarted_once_its_cause_is_gone(operations: Operations) -> None:
    settings = operations.settings
    with worker(settings) as connect:
        with mirrored.sink_without_rights(settings):
            touch(settings)
            # All of them: one that fails a moment later than the others may do so after the look that found all well.
            mirrored.eventually(lambda: set(tasks(connect)) == {FAILED}, "failed tasks")

        operations.stays_broken(RUN, f"connector {SINK} failed")
        assert FAILED in tasks(connect)
        operations.until_well()

        assert is_running(connect.status(SINK) or {})


FAULTS: dict[str, tuple[Callable[[ConnectClient, str], object], str]] = {
    "deleted": (lambda connect, name: connect.delete(name), "is not registered"),
    "changed": (
        lambda connect, name: connect.put_config(name, (connect.config(name) or {}) | {"tasks.max": "1", "x": "y"}),
        "is not configured as declared",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", [connectors.SOURCE, SINK])
def test_a_connector_that_is_gone_or_changed_is_registered_as_declared(
    operations: Operations, fault: str, name: str
) -> None:
    break_it, words = FAULTS[fault]
    with worker(operations.settings) as connect:
        break_it(connect, name)
        touch(operations.settings)

        operations.stays_broken(RUN, words)
        operations.until_well()

        wanted = connectors.configurations(operations.settings)[name]
        assert connectors.fingerprint(connect.config(name) or {}) == connectors.fingerprint(wanted)


def test_a_silent_source_is_restarted_and_does_not_wait_for_a_slot_that_a_dead_connection_holds(
    operations: Operations,
) -> None:
    def reader() -> object:
        with connection.connect(operations.settings, connection.CDC) as opened, opened.cursor() as cursor:
            cursor.execute("select active_pid from pg_replication_slots where slot_name = %s", (SLOT_NAME,))
            return (cursor.fetchone() or (None,))[0]

    before = reader()
    silent = Problem("silent source", "no heartbeat", Remedy.RESTART_WHOLE, connectors.SOURCE)
    done = remedies.apply(operations.settings, [silent])

    assert done == {"silent source": f"{connectors.SOURCE}: restarted, its slot taken from it"}
    mirrored.eventually(lambda: reader() not in (None, before), "another reader")
    operations.until_well()


def test_a_connector_that_somebody_paused_is_told_and_left_paused(operations: Operations) -> None:
    with worker(operations.settings) as connect:
        connect.pause(SINK)
        mirrored.eventually(lambda: states(connect.status(SINK) or {})[0] == PAUSED, "a pause")
        for _ in range(3):
            passed, told = checks(operations.tick(heal=True))[RUN]
            assert not passed
            assert "is paused: somebody has to resume it" in told
        assert states(connect.status(SINK) or {})[0] == PAUSED
        connect.resume(SINK)


def lose_the_slot(settings: Settings) -> None:
    """Drop it under its reader, which Debezium answers by making another one, with a gap."""
    with mirrored.superuser(settings) as session:

        def dropped() -> bool:
            shop.run(session, "select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where active")
            with suppress(psycopg2.errors.ObjectInUse):
                shop.run(session, "select pg_drop_replication_slot(%s)", SLOT_NAME)
                return True
            return False

        mirrored.eventually(dropped, "the slot gone")


def make_another_slot(settings: Settings) -> None:
    with worker(settings) as connect:
        connect.stop(connectors.SOURCE)
    lose_the_slot(settings)
    touch(settings)
    with mirrored.superuser(settings) as session:
        shop.run(session, "select pg_create_logical_replication_slot(%s, 'pgoutput')", SLOT_NAME)


def invalidate_the_slot(settings: Settings) -> None:
    """Let PostgreSQL give it up because it retains more WAL than it may."""
    with worker(settings) as connect:
        connect.stop(connectors.SOURCE)
    with mirrored.superuser(settings) as session:
        shop.run(session, "alter system set max_slot_wal_keep_size = '1MB'")
        shop.run(session, "select pg_reload_conf()")
        try:

            def lost() -> bool:
                shop.run(session, "select pg_logical_emit_message(false, 'fill', repeat('x', 20000000))")
                shop.run(session, "select pg_switch_wal()")
                shop.run(session, "checkpoint")
                return bool(shop.rows(session, "select from pg_replication_slots where wal_status = 'lost'"))

            mirrored.eventually(lost, "a lost slot")
        finally:
            shop.run(session, "alter system reset max_slot_wal_keep_size")
            shop.run(session, "select pg_reload_conf()")


def move_the_slot(settings: Settings) -> None:
    """Move it past changes that Debezium has not read, and would not miss."""
    with worker(settings) as connect:
        connect.stop(connectors.SOURCE)
    touch(settings)
    mirrored.move_slot(settings)


def change_the_publication(settings: Settings) -> None:
    """Take a table out and put it back: PostgreSQL leaves out what was changed meanwhile, and says nothing."""
    alter = f"alter publication {STREAM_PUBLICATION}"
    with mirrored.superuser(settings) as session:
        shop.run(session, f"{alter} drop table retail.inventory")
        touch(settings)
        shop.run(session, f"{alter} add table retail.inventory")


def filter_the_publication(settings: Settings) -> None:
    """Publish no deletes, and of one table the rows of one store alone."""
    alter = f"alter publication {STREAM_PUBLICATION}"
    rest = ", ".join(table.qualified for table in publication.STREAMED if table is not INVENTORY)
    with mirrored.superuser(settings) as session:
        shop.run(session, f"{alter} set table {rest}, {INVENTORY.qualified} where (store_id = 1)")
        shop.run(session, f"{alter} set (publish = 'insert, update')")
    touch(settings)


def lose_records(settings: Settings) -> None:
    """Let a topic forget what its sink, which is stopped, has not read, as it does after a week."""

    def behind() -> list[lag.PartitionLag]:
        return [one for one in lag.positions(settings) if one.topic == INVENTORY.topic and one.lag]

    touch(settings)
    mirrored.eventually(behind, "records that wait")
    with topics.administrator(settings) as kafka:
        kafka.delete_records({TopicPartition(one.topic, one.partition): one.end_offset for one in behind()})


def forget_the_state(settings: Settings) -> None:
    """Lose what MongoDB knows of the initial snapshot."""
    with mirrored.administrator(settings) as whole:
        assert whole[client.STATE].delete_one({"state": continuity.COMPLETE}).deleted_count == 1


@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (change_the_publication, f"the publication {STREAM_PUBLICATION} was changed"),
        (filter_the_publication, f"the publication {STREAM_PUBLICATION} was changed"),
        (lose_records, f"the topics {INVENTORY.topic} have lost changes"),
        (forget_the_state, "never done on this MongoDB"),
        (lose_the_slot, "the slot is gone"),
        (make_another_slot, "the slot is another one"),
        (invalidate_the_slot, "the slot is lost"),
        (move_the_slot, "the slot was moved"),
    ],
)
def test_after_a_gap_the_stream_needs_resnapshot_and_rows_deleted_in_it_go(
    operations: Operations, database: Database[Document], lose: Callable[[Settings], None], told: str
) -> None:
    settings = operations.settings
    change(settings, "insert into retail.inventory values (3, 110, 5) on conflict do nothing")
    key = {"store_id": 3, "product_id": 110}
    mirrored.eventually(lambda: mirrored.raw(database, "inventory", key), "the row that will be deleted")
    with worker(settings) as connect:
        connect.stop(SINK)  # so that the gap is certain: what was read before the loss waits in Kafka
    change(settings, "delete from retail.inventory where (store_id, product_id) = (3, 110)")
    lose(settings)
    touch(settings)

    operations.stays_broken(SLOT, f"the stream cannot go on: {told}")
    assert mirrored.raw(database, "inventory", key) is not None
    operations.until_well()

    assert operations.runs == 1
    assert mirrored.raw(database, "inventory", key) is None
    health_now = slot.health(settings)
    assert health_now is not None
    assert health_now.usable


def test_the_supervisor_heals_without_dagster(operations: Operations) -> None:
    """The same faults as above, told and healed by a process that asks Dagster for nothing."""
    settings, said = operations.settings, list[str]()
    healer = Healer(settings, said.append)
    healer.look()
    assert said == []
    producer = KafkaProducer(**client_settings(settings, ADMIN))
    producer.send(INVENTORY.topic, key=b"no JSON", value=b"no JSON either").get(30)
    producer.close()
    mirrored.eventually(lambda: dead_letters.waiting(settings), "a dead letter")
    lose_the_slot(settings)
    touch(settings)

    def well() -> bool:
        healer.look()
        return not health.problems(health.observe(settings), connectors.configurations(settings))

    mirrored.eventually(well, "health", timeout=300)
    assert fidelity.verify(settings, RED, grace_seconds=60).equal
    assert any("healing: found: the slot is" in line for line in said)
    assert any("healing: inventory: " in line for line in said)


def test_what_no_sensor_met_is_repaired_at_night(operations: Operations, database: Database[Document]) -> None:
    changed = {"$set": {"inventory_level": -1}}
    assert database[INVENTORY.name].update_one({}, changed).modified_count == 1

    assert "RETAIL_HEAL=0" in operations.night(heal=False)
    assert not fidelity.verify(operations.settings, RED).equal
    assert operations.night(heal=True) == ""

    assert operations.runs == 1
    assert fidelity.verify(operations.settings, RED).equal


def test_a_resynchronization_that_was_interrupted_is_resumed_at_the_next_tick(
    operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(*_: Any) -> None:
        raise PulledPlugError

    lose_the_slot(operations.settings)
    with monkeypatch.context() as patch:
        patch.setattr(writing, "swap", pull)
        with pytest.raises(PulledPlugError):
            initial_snapshot.take(operations.settings)
    touch(operations.settings)

    operations.stays_broken(SLOT, "the last one was interrupted")
    operations.until_well()

    assert operations.runs == 1
    assert continuity.state(operations.settings)["scope"] == initial_snapshot.RED_ONLY


def test_while_a_run_writes_the_collections_a_lost_connector_is_told_and_left_to_it(operations: Operations) -> None:
    with worker(operations.settings) as connect:
        connect.delete(SINK)
        with write_lock.hold(operations.settings):

            def told() -> bool:
                found = checks(operations.tick(heal=True)).values()
                return any(not passed and SINK in text for passed, text in found)

            mirrored.eventually(told, "the loss told")
            assert connect.config(SINK) is None
        operations.until_well()


def test_a_record_that_cannot_be_read_stops_nothing_and_is_acknowledged_by_a_repair(operations: Operations) -> None:
    settings = operations.settings
    producer = KafkaProducer(**client_settings(settings, ADMIN))
    sent = producer.send(INVENTORY.topic, key=b"no JSON", value=b"no JSON either").get(30)
    producer.close()
    touch(settings)
    mirrored.eventually(lambda: dead_letters.waiting(settings) == {"inventory": 1}, "a dead letter")

    assert fidelity.verify(settings, RED, grace_seconds=60).equal, "its neighbours were written"
    operations.stays_broken(LETTERS, f"{INVENTORY.topic} partition {sent.partition} offset {sent.offset}")
    operations.until_well()

    assert operations.runs == 1
    assert dead_letters.waiting(settings) == {}


def test_a_change_that_mongodb_refuses_is_repaired_with_its_neighbours(
    operations: Operations, database: Database[Document]
) -> None:
    settings = operations.settings
    database.command("collMod", "inventory", validator={"inventory_level": {"$ne": 4711}})
    try:
        change(settings, "update retail.inventory set inventory_level = 4711 where (store_id, product_id) = (1, 100)")
        touch(settings)
        mirrored.eventually(lambda: dead_letters.waiting(settings), "dead letters")
    finally:
        database.command("collMod", "inventory", validator={})

    operations.stays_broken(LETTERS, "could not be written and lie in its dead letters")
    operations.until_well()

    assert operations.runs >= 1


def test_servers_that_do_not_answer_or_hang_are_told_and_no_remedy_is_applied(operations: Operations) -> None:
    """A listener that never answers is what a stopped process looks like."""
    settings = operations.settings
    with worker(settings) as connect, socket.create_server(("127.0.0.1", 0)) as hanging:
        connect.delete(SINK)
        place = f"127.0.0.1:{hanging.getsockname()[1]}"
        away = {
            "Kafka Connect": replace(settings, connect_url="http://127.0.0.1:1"),
            "Connect, hanging": replace(settings, connect_url=f"http://{place}"),
            "PostgreSQL": replace(settings, postgres_dsn=f"postgresql://postgres:x@{place}/streamed"),
            "MongoDB": replace(settings, mongo_uri=f"mongodb://{place}/"),
            "Kafka": replace(settings, kafka_bootstrap=place),
        }
        for name, missing in away.items():
            result = operations.tick(heal=True, settings=missing)
            passed, told = checks(result)[RUN]
            assert not passed, name
            assert "does not" in told or "no answer" in told or "not let" in told, (name, told)
        assert connect.config(SINK) is None
        operations.until_well()
    # kafka-python leaves the sockets of connections that were never made to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_what_was_seen_is_told_with_the_wal_its_limit_and_the_heartbeat(streaming: Settings) -> None:
    def seen() -> dict[str, Any] | None:
        """Look until all is seen, the first heartbeat of a stream that has just begun too."""
        found = health.observe(streaming)
        return None if found.unreachable or found.heartbeat_age is None else health.as_json(found)

    told: dict[str, Any] = mirrored.eventually(seen, "a heartbeat")
    assert set(told["connectors"]) == set(connectors.names())
    assert told["slot"]["limit_bytes"] == 4 * 1024**3
    assert told["heartbeat_age_seconds"] is not None
    assert told["initial_snapshot"] == continuity.COMPLETE
