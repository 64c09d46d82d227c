"""Between batch and stream nothing is lost, nothing is old, and an interruption needs no hand."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.database import Database

from retail_pipeline.errors import MirrorError, ReplicationError
from retail_pipeline.mirror import continuity, fidelity, initial_snapshot, write_lock, writing
from retail_pipeline.replication import connectors, slot, topics
from retail_pipeline.replication.connect import FAILED, ConnectClient, states
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, RED, SLOT
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document
from retail_pipeline_tests.plug import PulledPlugError


def change(settings: Settings, statement: str, *arguments: Any) -> None:
    with connection.connect(settings, connection.LOADER, autocommit=True) as loader:
        shop.run(loader, statement, *arguments)


def equal(settings: Settings) -> bool:
    return fidelity.verify(settings, grace_seconds=60).equal


def test_what_is_complete_is_left_alone(streaming: Settings, database: Database[Document]) -> None:
    initial_snapshot.take(streaming, force=True)
    before = continuity.state(streaming)
    assert before["state"] == continuity.COMPLETE
    assert before["rows"].keys() == {table.name for table in MIRRORED}
    report = initial_snapshot.take(streaming)
    assert (report.loaded, report.reason, report.lsn) == (False, "complete", before["lsn"])
    assert continuity.state(streaming) == before
    assert [name for name in database.list_collection_names() if name.endswith(writing.NEXT)] == []


def test_changes_during_the_load_arrive(streaming: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are committed after the slot and before the stream: in no snapshot, and in no connector's reach yet."""
    fill = writing.fill_next
    number = iter(range(8001, 9000))

    def fill_while_selling(*arguments: Any) -> writing.Filled:
        written = fill(*arguments)
        mirrored.bring(streaming, 1, next(number), "2024-06-01 10:00", [mirrored.Line(100, 1, None)])
        change(streaming, "update retail.inventory set inventory_level = inventory_level + 1 where store_id = 1")
        change(streaming, "delete from retail.inventory where (store_id, product_id) = (2, 109)")
        return written

    monkeypatch.setattr(writing, "fill_next", fill_while_selling)
    assert initial_snapshot.take(streaming, force=True).loaded
    assert equal(streaming)


POINTS: dict[str, tuple[Any, str]] = {
    "before_the_old_stream_is_stopped": (connectors, "halt"),
    "before_the_slot": (slot, "drop"),
    "with_the_slot_made": (writing, "fill_next"),
    "before_the_swap": (writing, "swap"),
    "before_the_stream": (connectors, "register"),
}


@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_load_starts_over_by_itself(
    streaming: Settings, database: Database[Document], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    before = {table.name: database[table.name].count_documents({}) for table in MIRRORED}

    def pull(*_: Any) -> None:
        raise PulledPlugError

    with monkeypatch.context() as patch:
        patch.setattr(*POINTS[point], pull)
        with pytest.raises(PulledPlugError):
            initial_snapshot.take(streaming, force=True)
    assert continuity.state(streaming)["state"] == continuity.LOADING
    # Readers still see the old documents, whole.
    assert before == {table.name: database[table.name].count_documents({}) for table in MIRRORED}
    change(streaming, "update retail.inventory set inventory_level = inventory_level + 1 where store_id = 2")

    report = initial_snapshot.take(streaming)

    assert report.loaded
    assert "interrupted" in report.reason
    assert continuity.state(streaming)["state"] == continuity.COMPLETE
    assert equal(streaming)


def test_an_interruption_in_the_middle_of_the_swap_is_repaired(
    streaming: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = writing.swap
    swapped: list[str] = []

    def swap_some(database: Any, name: str) -> None:
        if len(swapped) == len(MIRRORED) // 2:
            raise PulledPlugError
        swap(database, name)
        swapped.append(name)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "swap", swap_some)
        with pytest.raises(PulledPlugError):
            initial_snapshot.take(streaming, force=True)
    assert initial_snapshot.take(streaming).loaded
    assert equal(streaming)


def lose_the_slot(settings: Settings) -> None:
    with ConnectClient(settings.require("connect_url")) as client:
        client.stop(connectors.SOURCE)
    assert slot.drop(settings)


def lose_the_topics(settings: Settings) -> None:
    with ConnectClient(settings.require("connect_url")) as client:
        client.stop(connectors.SOURCE)
        for table in RED:
            client.delete(connectors.sink(table))
    with topics.administrator(settings) as client:
        client.delete_topics([RED[0].topic])
    with topics.administrator(settings) as kafka:
        mirrored.eventually(lambda: RED[0].name not in topics.identity(kafka)[1], "a topic gone")


def recreate_the_topics(settings: Settings) -> None:
    """As somebody does who deletes one and lets a connector bring it back, between two looks."""
    lose_the_topics(settings)
    topics.ensure(settings)


@pytest.mark.parametrize("lose", [lose_the_slot, lose_the_topics, recreate_the_topics])
def test_a_loss_is_noticed_and_rows_deleted_in_the_gap_go(
    streaming: Settings, database: Database[Document], lose: Callable[[Settings], None]
) -> None:
    change(streaming, "insert into retail.inventory values (3, 110, 5) on conflict do nothing")
    key = {"store_id": 3, "product_id": 110}
    mirrored.eventually(lambda: mirrored.raw(database, "inventory", key), "the row that will be deleted")
    lose(streaming)
    change(streaming, "delete from retail.inventory where (store_id, product_id) = (3, 110)")

    report = initial_snapshot.take(streaming)

    assert report.loaded
    assert mirrored.raw(database, "inventory", key) is None
    assert equal(streaming)


@pytest.mark.parametrize("lose", [lose_the_slot, recreate_the_topics])
def test_nobody_registers_connectors_where_the_stream_needs_a_resnapshot(
    streaming: Settings, lose: Callable[[Settings], None]
) -> None:
    lose(streaming)
    with pytest.raises(MirrorError, match="the stream cannot go on"):
        initial_snapshot.register(streaming)
    assert initial_snapshot.take(streaming).loaded
    assert {state["changed"] for state in initial_snapshot.register(streaming).values()} == {False}


def test_that_the_slot_was_moved_is_remembered_once_debezium_went_on_behind_the_gap(
    streaming: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slot_advanced_past_source() -> bool:
        found = slot.health(streaming)
        assert found is not None
        return connectors.slot_advanced_past_source(streaming, found.confirmed_lsn)

    with ConnectClient(streaming.require("connect_url")) as client:
        mirrored.eventually(lambda: client.offsets(connectors.SOURCE), "a source that has read something")
        assert not slot_advanced_past_source()
        client.stop(connectors.SOURCE)
        change(streaming, "update retail.inventory set inventory_level = inventory_level + 1 where store_id = 1")
        mirrored.move_slot(streaming)
        assert slot_advanced_past_source()
        assert "was moved" in continuity.look(streaming).reason
        client.resume(connectors.SOURCE)
        # It refuses to where PostgreSQL has meanwhile forgotten how to decode from its offset.
        mirrored.eventually(
            lambda: not slot_advanced_past_source() or FAILED in states(client.status(connectors.SOURCE) or {}),
            "a source that goes on, or refuses to",
        )
    assert not fidelity.verify(streaming, RED, grace_seconds=2).equal

    with monkeypatch.context() as patch:
        patch.setattr(connectors, "slot_advanced_past_source", lambda *_: False)
        assert "was moved" in continuity.look(streaming).reason
        assert initial_snapshot.take(streaming).loaded
    assert continuity.look(streaming).reason == ""
    assert equal(streaming)


def test_a_transaction_that_nobody_ends_holds_a_snapshot_up_for_so_long_only_and_is_named(
    streaming: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "_OTHERS_WITHIN", 1)
    with connection.connect(streaming, connection.LOADER) as forgotten:
        shop.run(forgotten, "update retail.inventory set inventory_level = inventory_level + 1 where store_id = 1")

        with pytest.raises(ReplicationError, match=rf"pid {forgotten.info.backend_pid}, {connection.LOADER}"):
            initial_snapshot.take(streaming, force=True)

    assert initial_snapshot.take(streaming).loaded
    assert equal(streaming)


def test_connectors_are_not_registered_beside_a_snapshot(streaming: Settings) -> None:
    waited: list[str] = []
    with ThreadPoolExecutor(1) as pool, write_lock.hold(streaming):
        registered = pool.submit(initial_snapshot.register, streaming, waited.append)
        mirrored.eventually(lambda: waited, "word that it waits")
        assert not registered.done()
    assert registered.result().keys() == set(connectors.names())


def test_a_stream_is_not_registered_without_its_slot(streaming: Settings) -> None:
    lose_the_slot(streaming)
    with pytest.raises(ReplicationError, match="would begin with a gap"):
        connectors.register(streaming)
    assert slot.health(streaming) is None, "Debezium made a slot of its own"
    initial_snapshot.take(streaming)
    assert equal(streaming)


def test_the_slot_of_another_database_is_not_dropped(streaming: Settings, stack_settings: Settings) -> None:
    lose_the_slot(streaming)
    with mirrored.superuser(stack_settings) as other:
        shop.run(other, "select pg_create_logical_replication_slot(%s, 'pgoutput')", SLOT)
        try:
            with pytest.raises(ReplicationError, match="belongs to another database"):
                initial_snapshot.take(streaming)
            assert shop.rows(other, "select database from pg_replication_slots where slot_name = %s", SLOT) == [
                ("walmart",)
            ]
        finally:
            shop.run(other, "select pg_drop_replication_slot(%s)", SLOT)
    assert initial_snapshot.take(streaming).loaded
    assert equal(streaming)


def test_an_old_change_never_lands_on_a_newer_document(streaming: Settings, database: Database[Document]) -> None:
    """Changes wait in Kafka while the sink is stopped; then the slot is lost and the row changes once more."""
    with ConnectClient(streaming.require("connect_url")) as client:
        client.stop(connectors.sink(RED[-1]))
        for level in range(500, 520):
            change(streaming, "update retail.inventory set inventory_level = %s where store_id = 1", level)
        before = slot.health(streaming)
        assert before is not None
        mirrored.eventually(
            lambda: (now := slot.health(streaming)) and now.confirmed_lsn != before.confirmed_lsn, "changes in Kafka"
        )
    lose_the_slot(streaming)
    change(streaming, "update retail.inventory set inventory_level = 777 where store_id = 1")

    with database["inventory"].watch(max_await_time_ms=50) as changes:
        initial_snapshot.take(streaming)
        # The stream works; whatever was before this change in Kafka has been written before it.
        change(streaming, "update retail.inventory set inventory_level = 778 where store_id = 1")
        count = database["inventory"].count_documents({"store_id": 1})
        levels: list[int] = []
        while levels.count(778) < count:
            one = mirrored.eventually(changes.try_next, "a change")
            if one["operationType"] in ("replace", "insert"):
                levels.append(one["fullDocument"]["inventory_level"])
            elif one["operationType"] == "invalidate":
                break
    mirrored.eventually(
        lambda: database["inventory"].distinct("inventory_level", {"store_id": 1}) == [778], "the last change"
    )
    assert equal(streaming)
    assert set(levels) <= {777, 778}
