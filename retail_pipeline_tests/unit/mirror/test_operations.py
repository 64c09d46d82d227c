"""Which of the stores' operations in MongoDB are ended, judged from what one look saw, and who made MongoDB die."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from pymongo.errors import AutoReconnect

from retail_pipeline.mirror import operations
from retail_pipeline.mirror.client import Client
from retail_pipeline.mirror.operations import Operation, Patrol, judge
from retail_pipeline.warehouse import limits
from retail_pipeline.warehouse.tenant_acts import HARMFUL, Act

SHORT = limits.MONGO_MEMORY + 1
HOG = Operation(1, 7, limits.MONGO_HURRY + 1, "walmart_realtime.store_7.transactions", "127.0.0.1:1")


def kinds(seconds: float, memory: int, resisting: tuple[int, ...] = ()) -> list[str]:
    """Name what is done about an operation that has lasted so long while so many bytes are in use."""
    return [verdict.act.kind for verdict in judge([replace(HOG, seconds=seconds)], memory, resisting)]


def test_an_operation_is_ended_when_it_has_lasted_too_long() -> None:
    assert kinds(limits.STATEMENT - 1, 0) == []
    assert kinds(limits.STATEMENT + 1, 0) == ["operation"]
    assert "operation" not in HARMFUL, "it is a limit of its own"


def test_while_memory_is_short_it_is_ended_soon() -> None:
    assert kinds(limits.MONGO_HURRY + 1, SHORT) == ["operation"]
    assert kinds(limits.MONGO_HURRY / 2, SHORT) == []


def test_only_what_goes_on_although_it_was_ended_counts_as_what_holds_the_memory() -> None:
    assert kinds(limits.MONGO_HURRY + 1, SHORT, resisting=(1,)) == ["memory"]
    assert kinds(limits.MONGO_HURRY + 1, 0, resisting=(1,)) == []
    assert "memory" in HARMFUL


def test_what_is_told_names_the_store_and_not_what_it_asked() -> None:
    [verdict] = judge([replace(HOG, seconds=limits.STATEMENT + 1)], 0)
    assert verdict.act.store_id == 7
    assert "store_user_7 on walmart_realtime.store_7.transactions" in verdict.act.sentence


class Scene:
    """What a patrol sees: operations, memory beside the cache, the time, and a server that is there or is lost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.running: list[Operation] = []
        self.memory = 0
        self.now = 0.0
        self.is_lost = False
        self.told_to_end: list[int | str] = []
        monkeypatch.setattr(operations, "running", self._running)
        monkeypatch.setattr(operations, "memory_beside_cache", lambda _: self.memory)
        self.patrol = Patrol(cast("Client", {"admin": self}), lambda: self.now)

    def _running(self, _: Client) -> list[Operation]:
        if self.is_lost:
            raise AutoReconnect("connection closed")
        return self.running

    def command(self, _: str, *, op: int | str) -> dict[str, Any]:
        """Take killOp."""
        self.told_to_end.append(op)
        return {}

    def look(self, *running: Operation, memory: int = SHORT, after: float = 0.5) -> list[Act]:
        """Look so many seconds later at what runs then."""
        self.running, self.memory, self.now = list(running), memory, self.now + after
        return self.patrol.look()

    def lose(self) -> list[Act]:
        """Look when the server has died."""
        self.is_lost = True
        try:
            return self.patrol.look()
        finally:
            self.is_lost = False


@pytest.fixture(name="scene")
def _scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def harm(acts: list[Act]) -> list[int]:
    """Name the stores whose acts count towards a shut-out."""
    return [act.store_id for act in acts if act.harmed_others]


def test_what_was_told_to_end_has_a_moment_to_stop(scene: Scene) -> None:
    assert [act.kind for act in scene.look(HOG)] == ["operation"]
    assert scene.look(HOG) == []
    assert [act.kind for act in scene.look(HOG, after=1)] == ["memory"]
    assert scene.look(HOG, after=1) == [], "it is told once"
    assert scene.told_to_end == [1, 1, 1, 1]


def test_who_held_the_memory_when_the_server_was_lost_made_it_die(scene: Scene) -> None:
    scene.look(HOG)
    [act] = scene.lose()
    assert harm([act]) == [7]
    with pytest.raises(AutoReconnect):
        scene.lose()


def test_what_stopped_when_told_to_did_not_make_it_die(scene: Scene) -> None:
    innocent = replace(HOG, opid=2, store_id=8)
    scene.look(HOG, innocent)
    scene.look(HOG)
    assert harm(scene.lose()) == [7]


def test_of_several_stores_that_ran_on_none_is_to_blame(scene: Scene) -> None:
    scene.look(HOG, replace(HOG, opid=2, store_id=8))
    acts = scene.lose()
    assert [act.kind for act in acts] == ["memory", "memory"]
    assert harm(acts) == []


def test_a_server_that_is_lost_while_memory_is_not_short_is_nobodys_doing(scene: Scene) -> None:
    scene.look(replace(HOG, seconds=limits.STATEMENT + 1), memory=0)
    with pytest.raises(AutoReconnect):
        scene.lose()


def test_one_that_was_blamed_already_is_not_blamed_again(scene: Scene) -> None:
    scene.look(HOG)
    assert harm(scene.look(HOG, after=2)) == [7]
    with pytest.raises(AutoReconnect):
        scene.lose()


def test_while_an_operation_could_take_the_memory_it_is_looked_at_more_often(scene: Scene) -> None:
    scene.look(HOG, memory=0)
    assert scene.patrol.pause < 1
    scene.look()
    assert scene.patrol.pause == limits.PAUSE
