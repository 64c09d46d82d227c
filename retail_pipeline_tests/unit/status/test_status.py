"""What `status` says as a whole."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from retail_pipeline.status import PARTS, Line, Status, rendering

WELL = Line("one", ok=True, state="runs", next_step="nothing")
ILL = Line("two", ok=False, state="dead", detail="why", next_step="start it")
AT = datetime(2024, 4, 10, 15, tzinfo=UTC)


def test_all_is_well_only_when_every_part_is() -> None:
    parts: dict[str, Any] = dict.fromkeys(PARTS, (WELL,))
    well = Status(**parts)

    assert well.healthy
    assert rendering.as_text(well).splitlines()[0] == "All is well."
    for name in PARTS:
        ill = Status(**parts | {name: (WELL, ILL)})
        assert not ill.healthy
        assert rendering.as_text(ill).splitlines()[0] == "1 problem: two."
        assert ill.as_dict()["healthy"] is False


def test_the_first_line_names_the_problems_and_counts_what_it_leaves_out() -> None:
    many = [dataclasses.replace(ILL, name=name) for name in ("a", "b", "c", "d", "e", "f", "f")]

    assert Status(stream=tuple(many[:2])).sentence == "2 problems: a, b."
    assert Status(stream=tuple(many)).sentence == "7 problems: a, b, c, d, e and 1 more."


def test_what_is_stopped_on_purpose_is_one_line_with_the_next_step() -> None:
    stopped = Status(servers=(Line("kafka", ok=False, state="stopped"), Line("mongo", ok=False, state="stopped")))

    assert stopped.is_stopped
    assert not stopped.healthy
    assert stopped.sentence == "Every server is stopped. Next: `retail-pipeline up`"
    assert not dataclasses.replace(stopped, servers=(*stopped.servers, ILL)).is_stopped


def test_a_problem_has_its_next_step_below_it_and_what_is_well_has_none() -> None:
    text = rendering.as_text(Status(servers=(WELL, ILL)))

    assert [line.split() for line in text.splitlines()[-3:]] == [
        ["one", "runs"],
        ["!", "two", "dead", "why"],
        ["Next:", "start", "it"],
    ]


def test_columns_are_as_wide_as_what_is_in_them_and_no_line_is_folded() -> None:
    long = Line("a name of more than thirty-six characters in all", ok=True, state="up", detail="x" * 500)
    *_, first, second = rendering.as_text(Status(servers=(WELL, long))).splitlines()

    assert second.endswith("x" * 500)
    assert first.index("runs") == second.index("up")


def test_it_says_as_of_when_and_where_the_pages_are() -> None:
    told = Status(servers=(WELL,), at=AT, ui="http://127.0.0.1:3000")

    assert rendering.as_text(told).splitlines()[1] == (
        "As of 2024-04-10 15:00:00 UTC, Dagster's pages: http://127.0.0.1:3000"
    )
    assert told.as_dict()["at"] == "2024-04-10T15:00:00+00:00"
