"""When a remedy is applied again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retail_pipeline.defs.sensors.problems import compare, tries_of
from retail_pipeline.healing import dead_letters
from retail_pipeline.healing.dead_letters import End
from retail_pipeline.healing.health import Problem, Remedy
from retail_pipeline.healing.remedies import CONNECTORS, RUNS, RetryState

FAILED = Problem("sink", "connector sink failed", Remedy.RESTART, "sink")
LOST = Problem("initial snapshot", "the stream cannot go on", Remedy.RESYNCHRONIZE)
LETTERS = Problem("dead letters of inventory", "3 records", Remedy.REPAIR, "inventory")


@pytest.mark.parametrize("remedy", [Remedy.WAIT, Remedy.PERSON])
def test_what_has_no_remedy_is_left_alone(remedy: Remedy) -> None:
    assert RetryState().due([Problem("sink", "…", remedy)], 0, {}) == []


def test_where_the_stream_needs_resnapshot_no_other_remedy_is_applied() -> None:
    assert RetryState().due([FAILED, LETTERS, LOST], 0, {}) == [LOST]


def test_every_other_remedy_is_applied_at_once() -> None:
    assert RetryState().due([FAILED, LETTERS], 0, {}) == [FAILED, LETTERS]


def test_a_silent_source_is_restarted_when_it_has_been_silent_for_longer_than_kafkas_clients_need() -> None:
    silent = Problem("silent source", "…", Remedy.RESTART_WHOLE, "walmart-source")

    assert RetryState().due([silent], 100, {}) == []
    assert RetryState().due([silent], 112, {"silent source": 100}) == []
    assert RetryState().due([silent], 115, {"silent source": 100}) == [silent]


def test_restarts_and_runs_are_tried_again_after_pauses_of_their_own() -> None:
    tries = RetryState().tried([FAILED, LETTERS], 0)

    assert tries.due([FAILED, LETTERS], CONNECTORS.initial - 1, {}) == []
    assert tries.due([FAILED, LETTERS], CONNECTORS.initial, {}) == [FAILED]
    assert tries.due([FAILED, LETTERS], RUNS.initial, {}) == [FAILED, LETTERS]


def test_each_reason_for_a_resnapshot_is_acted_on_at_once_and_the_same_one_after_a_pause() -> None:
    """Five in ten minutes, each remedied by the run before the next came: none waits for what the others were worth."""
    tries = RetryState()
    for now, why in enumerate(("slot", "topic", "gap", "moved", "publication")):
        reason = replace(LOST, sentence=f"the stream cannot go on: {why}")
        assert tries.due([reason], now, {}) == [reason]
        tries = tries.tried([reason], now)

        assert tries.due([reason], now + RUNS.initial - 1, {}) == []
        assert "tried 1 times" in tries.describe(reason, now)


def test_what_was_tried_in_vain_too_often_asks_for_a_person() -> None:
    tries, now = RetryState(), 0.0
    for _ in range(CONNECTORS.limit):
        assert "look for the cause" not in tries.describe(FAILED, now)
        tries = tries.tried([FAILED], now)
        now += tries.connectors.wait("sink", now)

    assert tries.describe(FAILED, now) == f"tried {CONNECTORS.limit} times, again in 0 s; look for the cause"


def test_a_cursor_remembers_the_tries() -> None:
    tries = RetryState().tried([FAILED, LOST], 7.5)
    cursor = compare(None, {"sink": "failed"}, 7.5).cursor(tries)

    assert tries_of(cursor) == tries


@pytest.mark.parametrize("cursor", [None, "", "[]", "no json", '{"version": 1, "since": {}}', '{"version": 2}'])
def test_a_cursor_of_before_or_none_means_that_nothing_was_tried(cursor: str | None) -> None:
    assert tries_of(cursor) == RetryState()


def test_letters_of_a_topic_that_was_recreated_all_count() -> None:
    done = End("first", 2)

    assert dead_letters.unacknowledged(End("first", 3), done) == 1
    assert dead_letters.unacknowledged(End("second", 2), done) == 2
    assert dead_letters.unacknowledged(End(), End()) == 0
