"""A sensor's memory: what is new, what persists, what is over."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from retail_pipeline.defs.sensors.problems import VERSION, Problems, Told, compare, told_of


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


def _evaluation(said: str, *, passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("a"), check_name="one", passed=passed, description=said, metadata={"said": said}
    )


def test_what_is_still_so_is_written_every_five_minutes_and_what_changed_at_once() -> None:
    well, ill = _evaluation("12.5 MB are retained", passed=True), _evaluation("a failed", passed=False)
    observed = dg.AssetObservation("a")
    written, told = Told().after([observed, well], 1000.0)
    assert written == [observed, well]
    assert told.after([observed, _evaluation("1,300 MB are retained", passed=True)], 1299.0) == ([], told)
    assert told.after([observed, _evaluation("b failed", passed=True)], 1001.0)[0] != []
    assert told.after([observed, ill], 1001.0)[0] == [observed, ill]
    assert told.after([well], 1300.0) == ([well], Told(told.digest, 1300.0))


def test_what_was_told_is_remembered_beside_the_problems() -> None:
    told = Told("digest", 7.0)

    assert told_of(Problems().cursor(told=told)) == told
    assert told_of(Problems().cursor()) == told_of(None) == told_of("no json") == Told()
