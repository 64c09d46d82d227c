"""What `status` says of the stream: the problems that everybody else is told of, each in the line of its part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from retail_pipeline.healing import health
from retail_pipeline.healing.health import Problem, Remedy
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.mirror import continuity
from retail_pipeline.mirror.continuity import SnapshotState
from retail_pipeline.status import stream
from retail_pipeline.status.line import Line
from retail_pipeline.tables import SLOT
from retail_pipeline_tests.unit.healing.test_health import HEALTHY, WANTED, WELL, status

PARTS = ["initial snapshot", *WANTED, f"slot {SLOT}", "heartbeat", "dead letters"]


def rendered(**seen: Any) -> list[Line]:
    observed = replace(WELL, **seen)
    return stream.render(observed, health.problems(observed, WANTED), WANTED)


def wrong(lines: list[Line]) -> dict[str, str]:
    return {line.name: line.detail for line in lines if not line.ok}


def test_a_stream_that_is_well_is_one_line_for_each_part() -> None:
    lines = rendered()

    assert [line.name for line in lines] == PARTS
    assert all(line.ok for line in lines)


def test_drift_is_told_by_the_settings_that_differ() -> None:
    drifted = {**WELL.connectors, "sink": ({"c": "4"}, status("RUNNING", "RUNNING"))}  # type: ignore[dict-item]
    lines = rendered(connectors=drifted)

    assert wrong(lines) == {"sink": "connector sink is not configured as declared: c"}
    assert [line.name for line in lines] == PARTS


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ({"snapshot": SnapshotState(continuity.COMPLETE, "the slot is gone", is_locked=False)}, PARTS[0]),
        ({"slot": replace(HEALTHY, active=False)}, PARTS[3]),
        ({"slot": replace(HEALTHY, limit_bytes=None)}, PARTS[3]),
        ({"heartbeat_age": 99.0}, "heartbeat"),
        ({"dead": {"inventory": 3}}, "dead letters"),
    ],
    ids=["snapshot", "slot reader", "WAL limit", "silent source", "dead letters"],
)
def test_a_problem_stands_in_the_line_of_its_part(seen: dict[str, Any], name: str) -> None:
    lines = rendered(**seen)

    assert list(wrong(lines)) == [name]
    assert all(line.next_step for line in lines if not line.ok)
    assert len(lines) == len(PARTS)


def test_a_server_that_does_not_answer_is_one_line_before_all_others() -> None:
    silent = Unreachable("MongoDB at x does not answer.")
    lines = rendered(snapshot=silent, dead=silent)

    assert wrong(lines) == {"MongoDB at x does not answer.": "MongoDB at x does not answer."}
    assert lines[0].name == "MongoDB at x does not answer."


def test_before_the_first_load_the_next_step_is_a_load() -> None:
    never = SnapshotState(continuity.NONE, "never done on this MongoDB", is_locked=False)
    lines = rendered(snapshot=never, connectors={}, slot=None, heartbeat_age=None)

    assert wrong(lines) == {"initial snapshot": "never done on this MongoDB"}
    assert "retail-pipeline load" in lines[0].next_step


def test_whatever_is_a_problem_to_the_sensors_is_told_here() -> None:
    """Each problem, also of a kind that has no line of its own."""
    found = [Problem("something new", "nobody has seen this", Remedy.PERSON), Problem("WAL", "much", Remedy.WAIT)]

    assert wrong(stream.render(WELL, found, WANTED)) == {"something new": "nobody has seen this", PARTS[3]: "much"}
