"""How often something that fails is tried again."""

from __future__ import annotations

from retail_pipeline.backoff import Backoff

BACKOFF = Backoff(initial=2, maximum=60, limit=3, reset_after=30)


def test_the_first_try_is_made_at_once() -> None:
    assert BACKOFF.due(["mongo", "kafka"], now=100) == ["mongo", "kafka"]


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    backoff, now, pauses = BACKOFF, 0.0, []
    for _ in range(8):
        backoff = backoff.tried(["mongo"], now)
        pauses.append(backoff.wait("mongo", now))
        now += pauses[-1]

    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


def test_one_that_waits_keeps_no_other_waiting() -> None:
    assert BACKOFF.tried(["mongo"], 10).due(["mongo", "kafka"], 11) == ["kafka"]


def test_what_was_tried_in_vain_often_is_hopeless_and_still_tried() -> None:
    backoff = BACKOFF
    for now in (0, 2, 6):
        assert not backoff.exhausted("mongo")
        backoff = backoff.tried(["mongo"], now)

    assert backoff.exhausted("mongo")
    assert backoff.due(["mongo"], 14) == ["mongo"]


def test_what_was_well_for_the_calm_time_is_tried_at_once_again() -> None:
    """One who is unlucky each hour never has to wait longer for it."""
    backoff = BACKOFF
    for now in range(0, 36_000, 3_600):
        assert backoff.due(["mongo"], now) == ["mongo"]
        backoff = backoff.tried(["mongo"], now)

        assert backoff.count("mongo") == 1


def test_a_thing_tried_without_end_overflows_nothing() -> None:
    assert Backoff(2, 60, 3, 30, {"mongo": (5_000, 100.0)}).wait("mongo", 100) == 60
