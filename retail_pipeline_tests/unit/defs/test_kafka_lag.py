"""When a sink counts as behind."""

from __future__ import annotations

import pytest

from retail_pipeline.defs.sensors.kafka_lag import evaluations
from retail_pipeline.replication import backlog as backlogs
from retail_pipeline.replication.backlog import Backlog
from retail_pipeline.replication.lag import TOLERATED, TOLERATED_AGE, PartitionLag, problems
from retail_pipeline.tables import RED

TOPIC, *OTHERS = (table.topic for table in RED)


def of(committed: int | None, end: int, age: float | None = 0.0) -> list[PartitionLag]:
    """Return the lag of a topic of which one partition is as said; the others are well."""
    well = [PartitionLag("group", topic, 0, 7, 7, 0.0) for topic in OTHERS]
    return [PartitionLag("group", TOPIC, 0, end, committed, age), PartitionLag("group", TOPIC, 1, 5, 5, 0.0), *well]


@pytest.mark.parametrize(
    "partitions",
    [of(5, 5), of(0, TOLERATED, 1.0), of(4, 5, TOLERATED_AGE)],
    ids=["nothing waits", "many for a moment", "one for a while"],
)
def test_a_sink_that_keeps_up_is_no_problem(partitions: list[PartitionLag]) -> None:
    assert problems(partitions) == {}


def test_a_group_without_an_offset_is_not_a_lag_of_nothing() -> None:
    assert problems(of(None, 0, None)) == {TOPIC: f"{TOPIC}: group group has no offset for 1 partitions"}


@pytest.mark.parametrize(
    ("partitions", "words"),
    [
        (of(0, TOLERATED + 1, 2.0), "10,001 records behind, the oldest change waits since 2 s"),
        (of(4, 5, 3600.0), "1 records behind, the oldest change waits since 3,600 s"),
    ],
    ids=["too many", "one for too long"],
)
def test_too_many_records_or_one_for_too_long_are_problem(partitions: list[PartitionLag], words: str) -> None:
    assert words in problems(partitions)[TOPIC]


def test_a_lag_that_a_loaded_file_explains_is_no_problem_but_a_missing_group_is() -> None:
    backlog = Backlog(("march.csv",), 2_000_000, 1_000_000.0)

    assert problems(of(0, TOLERATED + 1, 300.0), explained=True) == {}
    assert problems(of(None, 0, None), explained=True) != {}
    assert (
        evaluations(of(0, 9), {}, backlog)[0].description
        == "behind, as expected until 14:01:58 UTC, because march.csv brought 2,000,000 changes"
    )
    assert evaluations(of(9, 9), {}, backlog)[0].description == "the sink keeps up"


def test_a_topic_that_is_missing_beside_others_is_gone() -> None:
    left = [one for one in of(5, 5) if one.topic != TOPIC]

    assert problems(left) == {TOPIC: f"{TOPIC}: the topic is gone"}
    assert problems([]) == {}


def test_files_that_come_while_the_stream_is_busy_explain_its_lag_together() -> None:
    large, small = Backlog(("a.csv",), 900_000, 1_000.0), Backlog(("b.csv",), 450, 1_100.0)
    later = Backlog(("c.csv",), 450, 10_000.0)

    together = backlogs.last([large, small])

    assert together == Backlog(("a.csv", "b.csv"), 900_450, 1_000.0)
    assert together.over_by > large.over_by > small.over_by
    assert backlogs.last([large, small, later]) == later
    assert backlogs.last([]) is None


def test_of_many_files_three_are_named() -> None:
    together = backlogs.last([Backlog((f"{name}.csv",), 100, 1_000.0) for name in "abcdea"])

    assert together
    assert "because a.csv, b.csv, c.csv and 2 more brought 600 changes" in together.sentence
