"""Each problem that `status` shows is found, with its page; what nobody could see has not recovered."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline import status
from retail_pipeline.alarms import watch
from retail_pipeline.alarms.book import Book
from retail_pipeline.alarms.standing import SETTLED
from retail_pipeline.mirror.continuity import LOADING, NONE
from retail_pipeline.settings import Settings
from retail_pipeline.status import PARTS, Line, Status
from retail_pipeline.status.stream import SNAPSHOT

WELL = Line("kafka", ok=True, state="running")
DEAD = Line("kafka", ok=False, state="dead", detail="out of memory", next_step="start it")
LATE = Line("group inventory", ok=False, state="late", detail="20,000 records", severity="warning")
RUN = Line("initial_load a.csv", ok=False, state="failed", link="http://ui/runs/1")


def test_a_problem_of_any_part_is_found_with_its_severity_and_page() -> None:
    seen = Status(servers=(DEAD,), stream=(LATE,), runs=(WELL, RUN), ui="http://ui")

    assert [(one.key, one.problem, one.severity, one.link) for one in watch.findings(seen)] == [
        ("servers/kafka", "dead: out of memory", "error", "http://ui/deployment"),
        (
            "stream/group inventory",
            "late: 20,000 records",
            "warning",
            "http://ui/assets/kafka_connect/connectors?view=checks",
        ),
        ("runs/initial_load a.csv", "failed", "error", "http://ui/runs/1"),
    ]


def test_a_dead_server_hides_what_it_would_have_told_and_not_itself() -> None:
    assert watch.hidden(Status(servers=(WELL,), stream=(LATE,))) == set()
    assert watch.hidden(Status(servers=(DEAD,))) == set(PARTS) - {"servers"}
    unknown = Line("runs", ok=False, state="unknown")
    assert watch.hidden(Status(servers=(WELL,), runs=(unknown,))) == {"runs"}


@pytest.mark.parametrize("state", [NONE, LOADING])
def test_a_stream_that_is_not_there_yet_or_is_being_filled_is_no_problem(state: str) -> None:
    seen = Status(servers=(WELL,), stream=(Line(SNAPSHOT, ok=False, state=state), LATE))

    assert list(watch.findings(seen)) == []
    assert watch.hidden(seen) == {"stream"}


def test_what_is_told_is_written_down_and_what_is_stopped_on_purpose_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [Status(servers=(DEAD,))]
    monkeypatch.setattr(status, "measure", lambda _: seen[-1])
    settings = Settings.from_environment({"RETAIL_HOME": str(tmp_path)})
    book = Book(tmp_path)
    assert watch.look(settings, book, 0.0) == []
    [told] = watch.look(settings, book, SETTLED)
    waiting = book.next()

    assert told.state == "new"
    assert waiting is not None
    assert waiting["subject"] == "kafka"
    seen.append(Status(servers=(Line("kafka", ok=False, state="stopped"),)))
    assert watch.look(settings, book, 10_000.0) == []
