"""Which troubles are treated when."""

from __future__ import annotations

import pytest

from retail_pipeline.defs.sensors.troubles import compare, tries_of
from retail_pipeline.healing.cures import CONNECTORS, RUNS, Tries
from retail_pipeline.healing.health import Cure, Trouble

FAILED = Trouble("sink", "connector sink failed", Cure.RESTART, "sink")
LOST = Trouble("hand-over", "the stream cannot go on", Cure.RESYNCHRONIZE)
LETTERS = Trouble("dead letters of inventory", "3 records", Cure.REPAIR, "inventory")


@pytest.mark.parametrize("cure", [Cure.WAIT, Cure.PERSON])
def test_what_nothing_can_cure_is_left_alone(cure: Cure) -> None:
    assert Tries().due([Trouble("sink", "…", cure)], 0) == []


def test_where_the_stream_begins_anew_nothing_else_is_treated() -> None:
    assert Tries().due([FAILED, LETTERS, LOST], 0) == [LOST]


def test_every_other_trouble_is_treated_at_once() -> None:
    assert Tries().due([FAILED, LETTERS], 0) == [FAILED, LETTERS]


def test_a_silent_source_is_restarted_when_it_was_silent_before() -> None:
    silent = Trouble("silent source", "…", Cure.RESTART_WHOLE, "walmart-source")

    assert Tries().due([silent], 0) == []
    assert Tries().due([silent], 0, {"silent source": 0.0}) == [silent]


def test_restarts_and_runs_are_tried_again_after_pauses_of_their_own() -> None:
    tries = Tries().tried([FAILED, LETTERS], 0)

    assert tries.due([FAILED, LETTERS], CONNECTORS.first - 1) == []
    assert tries.due([FAILED, LETTERS], CONNECTORS.first) == [FAILED]
    assert tries.due([FAILED, LETTERS], RUNS.first) == [FAILED, LETTERS]


def test_what_was_tried_in_vain_too_often_asks_for_a_person() -> None:
    tries, now = Tries(), 0.0
    for _ in range(CONNECTORS.limit):
        assert "look for the cause" not in tries.outlook(FAILED, now)
        tries = tries.tried([FAILED], now)
        now += tries.connectors.wait("sink", now)

    assert tries.outlook(FAILED, now) == f"tried {CONNECTORS.limit} times, again in 0 s; look for the cause"


def test_a_cursor_remembers_the_tries() -> None:
    tries = Tries().tried([FAILED, LOST], 7.5)
    cursor = compare(None, {"sink": "failed"}, 7.5).cursor(tries)

    assert tries_of(cursor) == tries


@pytest.mark.parametrize("cursor", [None, "", "[]", "no json", '{"version": 1, "since": {}}', '{"version": 2}'])
def test_a_cursor_of_before_or_none_means_that_nothing_was_tried(cursor: str | None) -> None:
    assert tries_of(cursor) == Tries()
