"""Which of the stores' operations in MongoDB are ended, judged from what one look saw."""

from __future__ import annotations

from retail_pipeline.mirror.operations import Operation, judge
from retail_pipeline.warehouse import limits
from retail_pipeline.warehouse.tenant_acts import HARMFUL


def kinds(seconds: float, memory: int, ended: tuple[int, ...] = ()) -> list[str]:
    """Name what is done about an operation that has lasted so long while so many bytes are in use."""
    operation = Operation(1, 7, seconds, "walmart_realtime.store_7.transactions", "127.0.0.1:1")
    return [act.kind for _, act in judge([operation], memory, ended)]


def test_an_operation_is_ended_when_it_has_lasted_too_long() -> None:
    assert kinds(limits.STATEMENT - 1, 0) == []
    assert kinds(limits.STATEMENT + 1, 0) == ["operation"]
    assert "operation" not in HARMFUL, "it is a limit of its own"


def test_while_memory_is_short_it_is_ended_soon() -> None:
    assert kinds(limits.MONGO_HURRY + 1, limits.MONGO_MEMORY + 1) == ["operation"]
    assert kinds(limits.MONGO_HURRY / 2, limits.MONGO_MEMORY + 1) == []


def test_only_what_goes_on_although_it_was_ended_counts_as_what_holds_the_memory() -> None:
    assert kinds(limits.MONGO_HURRY + 1, limits.MONGO_MEMORY + 1, ended=(1,)) == ["memory"]
    assert kinds(limits.MONGO_HURRY + 1, 0, ended=(1,)) == []
    assert "memory" in HARMFUL


def test_what_is_told_names_the_store_and_not_what_it_asked() -> None:
    operation = Operation(1, 7, limits.STATEMENT + 1, "walmart_realtime.store_7.transactions", "127.0.0.1:1")
    [(_, act)] = judge([operation], 0)
    assert act.store_id == 7
    assert "store_user_7 on walmart_realtime.store_7.transactions" in act.sentence
