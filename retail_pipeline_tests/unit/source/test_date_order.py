"""Which order a file's dates stand in: what speaks for each, and when a person must be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retail_pipeline.settings import SAMPLE
from retail_pipeline.source.columns import WEEKDAYS
from retail_pipeline.source.date_order import NOTHING, Evidence, Judgement, Order, Tally, better, look

Row = tuple[str, str]


def _judged(rows: Sequence[Row], batch: int = 1_000) -> Judgement:
    """Judge rows of a date and a weekday, the first of which is line 2."""
    tally = Tally()
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        lines = range(start + 2, start + 2 + len(part))
        tally.add(look(*(pd.Series([row[place] for row in part], lines, dtype="str") for place in (0, 1))))
    return tally.judge()


def _row(day: date, weekday: str | None = None, *, day_first: bool = False) -> Row:
    first, second = (day.day, day.month) if day_first else (day.month, day.day)
    return f"{first}/{second}/{day.year} 9:05", weekday or WEEKDAYS[day.weekday()]


_days = st.dates(date(2000, 1, 1), date(2050, 12, 31))
_first_days = st.builds(date, st.integers(2000, 2050), st.integers(1, 12), st.integers(1, 12))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(_days, _first_days), max_size=30))
def test_dates_as_declared_beside_their_weekdays_are_never_a_question(days: list[date]) -> None:
    assert _judged([_row(day) for day in days]).order is Order.MONTH_FIRST


@settings(max_examples=50, deadline=None)
@given(st.integers(2000, 2050), st.integers(1, 12), st.integers(1, 12))
def test_a_file_of_one_of_the_first_days_of_a_month_is_no_question_where_its_weekday_is_right(
    year: int, month: int, day: int
) -> None:
    assert not _judged([_row(date(year, month, day))] * 40).is_question


@settings(max_examples=50, deadline=None)
@given(st.lists(_days, min_size=1, max_size=30))
@example([date(2000, 1, 13), date(2000, 2, 3)])
def test_swapped_dates_beside_their_weekdays_are_a_question_unless_the_weekday_is_that_of_both(
    days: list[date],
) -> None:
    def read(day: date) -> date | None:
        return date(day.year, day.day, day.month) if day.day <= 12 else None

    told_apart = [day for day in days if (other := read(day)) is None or other.weekday() != day.weekday()]

    judged = _judged([_row(day, day_first=True) for day in days])

    assert judged.is_question == bool(told_apart)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(_first_days, st.sampled_from(WEEKDAYS)), min_size=1, max_size=20), st.integers(1, 7))
def test_neither_the_order_of_the_rows_nor_the_batches_decide(rows: list[tuple[date, str]], batch: int) -> None:
    written = [_row(day, weekday) for day, weekday in rows]

    assert _judged(written).order is _judged(list(reversed(written)), batch).order


def test_days_that_one_order_alone_has_decide_where_weekdays_say_nothing() -> None:
    year = [date(2024, 1, 1) + timedelta(days=days) for days in range(366)]
    rows = [(_row(day)[0], WEEKDAYS[number % 5]) for number, day in enumerate(year)]
    swapped = [(_row(day, day_first=True)[0], weekday) for day, (_, weekday) in zip(year, rows, strict=True)]

    assert _judged(rows).order is Order.MONTH_FIRST
    assert _judged(swapped).order is Order.DAY_FIRST


def test_two_hundred_rows_of_days_up_to_twelve_whose_weekdays_are_those_of_the_other_reading_are_a_question() -> None:
    rows = [_row(date(2024, 1 + number % 12, 1 + number // 17), day_first=True) for number in range(200)]

    judged = _judged(rows)

    assert judged.order is Order.DAY_FIRST
    assert judged.sentence() == "The dates fit day/month/year better than month/day/year."


def test_the_days_of_one_month_lie_in_few_weeks() -> None:
    days = [date(2024, 3, day) for day in range(1, 13)]

    assert _judged([_row(day, "none") for day in days]).order is Order.MONTH_FIRST
    assert _judged([_row(day, "none", day_first=True) for day in days]).order is Order.DAY_FIRST


def test_a_day_without_a_right_weekday_that_reads_both_ways_is_a_question() -> None:
    judged = _judged([_row(date(2024, 3, 2), "Monday")])

    assert judged.order is Order.EITHER
    assert judged.sentence() == "The dates fit day/month/year as well as month/day/year."


@pytest.mark.parametrize("text", ["4/4/2024 9:00", "12/12/2024 9:00", "04/04/2024 9:00"])
def test_a_day_that_is_the_same_in_both_orders_is_no_question(text: str) -> None:
    assert not _judged([(text, "none")]).is_question


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2024-03-02 9:00", "3/2/24 9:00", "3/2/2024", "0/2/2024 9:00", "3/2/1969 9:00", "3/2/9999 9:00"],
)
def test_what_is_no_date_in_either_order_says_nothing(text: str) -> None:
    assert _judged([(text, "Monday")]) == Judgement(Order.MONTH_FIRST)
    assert look(pd.Series([], dtype="str"), pd.Series([], dtype="str")) is NOTHING


def test_one_typing_error_does_not_make_a_question_of_a_file_whose_weekdays_are_right() -> None:
    rows = [_row(date(2024, 3, 5))] * 20  # the fifth of March and the third of May are other weekdays

    assert not _judged([*rows, ("31/12/2024 9:00", "Tuesday")]).is_question


def test_three_rows_are_shown_of_different_days_where_there_are_and_both_their_readings() -> None:
    rows = [
        ("13/4/2024 9:00", "none"),
        *[("3/2/2024 9:00", "none")] * 5,
        ("4/4/2024 9:00", "none"),
        ("4/2/2024 9:00", "none"),
        ("5/2/2024 9:00", "none"),
        ("6/2/2024 9:00", "none"),
    ]

    for batch in (1, 3, 1_000):
        assert _judged(rows, batch).readings() == (
            "    line 3: 3/2/2024 9:00 is Saturday, 2 March 2024 as month/day/year, "
            "Saturday, 3 February 2024 as day/month/year\n"
            "    line 9: 4/2/2024 9:00 is Tuesday, 2 April 2024 as month/day/year, "
            "Sunday, 4 February 2024 as day/month/year\n"
            "    line 10: 5/2/2024 9:00 is Thursday, 2 May 2024 as month/day/year, "
            "Monday, 5 February 2024 as day/month/year"
        )


def test_rows_of_one_day_are_shown_three_times_and_dates_that_read_one_way_where_there_are_no_others() -> None:
    assert [one.line for one in _judged([("3/2/2024 9:00", "none")] * 5).examples] == [2, 3, 4]
    assert _judged([("13/2/2024 9:00", "none")]).readings() == (
        "    line 2: 13/2/2024 9:00 is no date as month/day/year, Tuesday, 13 February 2024 as day/month/year"
    )


def test_the_sample_is_no_question() -> None:
    frame = pd.read_csv(SAMPLE, dtype="str", keep_default_na=False)
    rows = list(zip(frame["transaction_date"], frame["weekday"], strict=True))

    assert not _judged(rows).is_question


@pytest.mark.parametrize(
    ("month_first", "day_first", "differing", "order"),
    [
        (Evidence(1, 0, 9), Evidence(0, 5, 1), 5, Order.MONTH_FIRST),
        (Evidence(0, 3, 9), Evidence(5, 0, 1), 5, Order.MONTH_FIRST),
        (Evidence(0, 2, 1), Evidence(0, 3, 9), 5, Order.DAY_FIRST),
        (Evidence(0, 4, 9), Evidence(0, 4, 1), 5, Order.MONTH_FIRST),
        (Evidence(0, 2, 1), Evidence(0, 2, 2), 4, Order.MONTH_FIRST),
        (Evidence(0, 0, 3), Evidence(0, 0, 2), 4, Order.EITHER),
        (Evidence(0, 0, 4), Evidence(0, 0, 2), 4, Order.DAY_FIRST),
        (Evidence(2, 0, 0), Evidence(2, 0, 0), 0, Order.EITHER),
        (Evidence(0, 0, 0), Evidence(1, 0, 0), 0, Order.DAY_FIRST),
        (Evidence(0, 0, 0), Evidence(0, 0, 0), 0, Order.MONTH_FIRST),
    ],
)
def test_the_evidence_is_weighed_in_its_order(
    month_first: Evidence, day_first: Evidence, differing: int, order: Order
) -> None:
    assert better(month_first, day_first, differing) is order
