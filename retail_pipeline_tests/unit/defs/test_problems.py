"""A sensor's memory: what is new, what persists, what is over."""

from __future__ import annotations

import json

import pytest

from retail_pipeline.defs.sensors.problems import VERSION, compare


def test_a_first_problem_is_new() -> None:
    found = compare(None, {"transactions": "lag of 12,000"}, now=100.0)

    assert found.new == ("transactions",)
    assert found.persisting == ()
    assert "new: lag of 12,000" in found.sentence(100.0)


def test_a_problem_that_stays_keeps_the_time_of_its_beginning() -> None:
    first = compare(None, {"transactions": "lag"}, now=100.0)
    second = compare(first.cursor(), {"transactions": "more lag"}, now=160.0)

    assert second.new == ()
    assert second.persisting == ("transactions",)
    assert second.since == {"transactions": 100.0}
    assert second.sentence(160.0) == "for 60 s: more lag"


def test_a_problem_that_went_is_told_once() -> None:
    first = compare(None, {"transactions": "lag"}, now=100.0)
    second = compare(first.cursor(), {}, now=160.0)
    third = compare(second.cursor(), {}, now=220.0)

    assert second.recovered == ("transactions",)
    assert third.recovered == ()
    assert third.sentence(220.0) == "nothing is wrong"


def test_of_what_is_hidden_nothing_is_told_and_nothing_forgotten() -> None:
    first = compare(None, {"transactions": "lag"}, now=100.0)
    second = compare(first.cursor(), {"Kafka": "no answer"}, now=160.0, hidden=["transactions", "inventory"])
    third = compare(second.cursor(), {"transactions": "lag"}, now=220.0)

    assert second.recovered == second.persisting == ()
    assert third.persisting == ("transactions",)
    assert third.since == {"transactions": 100.0}
    assert third.recovered == ("Kafka",)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "not json",
        "[]",
        "1",
        json.dumps({"version": VERSION + 1, "since": {"a": 1}}),
        json.dumps({"version": VERSION}),
    ],
    ids=["empty", "text", "list", "number", "another version", "no problems"],
)
def test_a_cursor_that_cannot_be_read_makes_every_problem_new(cursor: str) -> None:
    assert compare(cursor, {"a": "problem"}, now=5.0).new == ("a",)
