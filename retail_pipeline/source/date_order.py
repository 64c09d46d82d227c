"""Are a file's dates month/day/year, as declared, or day/month/year? Judged from all rows; counts alone are kept.

A day of at most twelve reads both ways, and a swapped date breaks no rule. What tells the orders apart: days that only
one of them has, the weekday beside the date, and that a file of a few days lies in few weeks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.source.columns import WEEKDAYS, YEARS

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SHOWN = 3
# How many times the weeks of one reading the other must have before they tell.
CLEARLY = 2
_NUMBER = r"(?:0?[1-9]|[12][0-9]|3[01])"
_DAY = rf"\A(?P<first>{_NUMBER})/(?P<second>{_NUMBER})/(?P<year>[0-9]{{4}}) \z"
_TIME = "0123456789:"
_CHOICES = pa.array(WEEKDAYS)
# A day as it stands and its weekday make one number: year, first, second, weekday (the last is any other word).
_PLACES = 32
_WORDS = len(WEEKDAYS) + 1
_CODES = (YEARS[1] - YEARS[0] + 1) * _PLACES * _PLACES * _WORDS
_MONDAY = 3  # days from the Monday of its week to 1 January 1970


class Order(Enum):
    """The order that a file's dates fit better, or that both fit as well."""

    MONTH_FIRST = "month/day/year"
    DAY_FIRST = "day/month/year"
    EITHER = "either"


@dataclass(frozen=True)
class Example:
    """A date that reads as day/month/year: its line, its text, and its three numbers as they stand."""

    line: int
    text: str
    numbers: tuple[int, int, int]

    @property
    def reads_both_ways(self) -> bool:
        """Whether it is a date as month/day/year too."""
        return _written(*self._month_first) is not None

    def readings(self) -> str:
        """Return both readings in words."""
        first = _written(*self._month_first) or "no date"
        year, second, one = self.numbers[2], self.numbers[1], self.numbers[0]
        return (
            f"line {self.line}: {self.text} is {first} as {Order.MONTH_FIRST.value}, "
            f"{_written(year, second, one) or 'no date'} as {Order.DAY_FIRST.value}"
        )

    @property
    def _month_first(self) -> tuple[int, int, int]:
        first, second, year = self.numbers
        return year, first, second


@dataclass(frozen=True)
class Seen:
    """The dates of some rows: how often each day stands beside each weekday, as codes; a few examples."""

    codes: Integers
    counts: Integers
    examples: tuple[Example, ...] = ()


NOTHING = Seen(np.zeros(0, np.int64), np.zeros(0, np.int64))


def look(dates: pd.Series, weekdays: pd.Series) -> Seen:
    """Count the dates of some rows, labelled by their lines. What is no date in either order is left to the rules."""
    if dates.empty:
        return NOTHING
    # The time goes, so that few different texts are left to be read.
    days = pc.ascii_rtrim(_flat(dates), characters=_TIME).dictionary_encode()
    place = days.indices.to_numpy()
    parts = pc.extract_regex(days.dictionary, _DAY)
    first, second, year = (_numbers(parts, name) for name in ("first", "second", "year"))
    known = (year >= YEARS[0]) & (year <= YEARS[1])
    word = pc.fill_null(pc.index_in(_flat(weekdays), _CHOICES), len(WEEKDAYS)).to_numpy()
    counts = np.bincount(place * _WORDS + word, minlength=len(known) * _WORDS).reshape(-1, _WORDS)
    day, beside = np.nonzero(counts * known[:, None])
    codes = (((year - YEARS[0]) * _PLACES + first) * _PLACES + second)[day] * _WORDS + beside
    swapped = known & (first != second) & (_number_of_day(year, second, first) >= 0)
    both = swapped & (_number_of_day(year, first, second) >= 0)
    rows = _some_rows(place, both if both.any() else swapped)
    examples = tuple(
        Example(int(str(dates.index[row])), str(dates.iloc[row]), (int(first[at]), int(second[at]), int(year[at])))
        for row, at in zip(rows, place[rows].tolist(), strict=True)
    )
    return Seen(codes, counts[day, beside], examples)


class Tally:
    """The dates of a file, added up batch by batch in memory that does not grow."""

    def __init__(self) -> None:
        self._counts = np.zeros(_CODES, np.int64)
        self._examples: tuple[Example, ...] = ()

    def add(self, seen: Seen) -> None:
        """Add the dates of some rows."""
        np.add.at(self._counts, seen.codes, seen.counts)
        self._examples = _telling([*self._examples, *seen.examples])

    def judge(self) -> Judgement:
        """Return which order all these dates fit."""
        codes = np.flatnonzero(self._counts)
        rows = self._counts[codes]
        rest, weekday = np.divmod(codes, _WORDS)
        rest, second = np.divmod(rest, _PLACES)
        year, first = np.divmod(rest, _PLACES)
        year += YEARS[0]
        month_first, day_first = _number_of_day(year, first, second), _number_of_day(year, second, first)
        differ = (month_first >= 0) & (day_first >= 0) & (month_first != day_first)

        def evidence(mine: Integers, other: Integers) -> Evidence:
            return Evidence(
                alone=int(rows[(mine >= 0) & (other < 0)].sum()),
                weekdays=int(rows[differ & ((mine + _MONDAY) % len(WEEKDAYS) == weekday)].sum()),
                weeks=len(np.unique((mine[differ] + _MONDAY) // len(WEEKDAYS))),
            )

        order = better(evidence(month_first, day_first), evidence(day_first, month_first), int(rows[differ].sum()))
        return Judgement(order, tuple(sorted(self._examples, key=lambda one: one.line)))


@dataclass(frozen=True)
class Evidence:
    """What speaks for one order: rows that it alone can read; of those that differ, weekdays that agree, and weeks."""

    alone: int
    weekdays: int
    weeks: int


@dataclass(frozen=True)
class Judgement:
    """The order that fits, and up to three rows that show what is asked, by their lines."""

    order: Order
    examples: tuple[Example, ...] = ()

    @property
    def is_question(self) -> bool:
        """Whether day/month/year fits as well or better, so that a person must say which it is."""
        return self.order is not Order.MONTH_FIRST

    def sentence(self) -> str:
        """Say what the dates look like; nothing where they are as declared."""
        if not self.is_question:
            return ""
        how = "better than" if self.order is Order.DAY_FIRST else "as well as"
        return f"The dates fit {Order.DAY_FIRST.value} {how} {Order.MONTH_FIRST.value}."

    def readings(self) -> str:
        """Return both readings of the examples, a line each."""
        return "\n".join(f"    {example.readings()}" for example in self.examples)


def better(month_first: Evidence, day_first: Evidence, differing: int) -> Order:
    """Return the order that the evidence speaks for; `differing` rows read as one date in each order.

    Where the weekday is that of both readings, the declared order stands, for such a day could never load; unless the
    other order reads more rows.
    """
    if month_first.alone > day_first.alone:
        return Order.MONTH_FIRST
    if max(month_first.weekdays, day_first.weekdays) * 2 > differing:
        tie = month_first.weekdays == day_first.weekdays
        swapped = day_first.alone > month_first.alone if tie else day_first.weekdays > month_first.weekdays
        return Order.DAY_FIRST if swapped else Order.MONTH_FIRST
    if month_first.weeks != day_first.weeks:
        if month_first.weeks * CLEARLY <= day_first.weeks:
            return Order.MONTH_FIRST
        if day_first.weeks * CLEARLY <= month_first.weeks:
            return Order.DAY_FIRST
    if day_first.alone > month_first.alone:
        return Order.DAY_FIRST
    return Order.EITHER if differing or day_first.alone else Order.MONTH_FIRST


def _flat(values: pd.Series) -> pa.Array:
    text = pa.array(values)
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _numbers(parts: pa.StructArray, name: str) -> Integers:
    numbers: Integers = pc.fill_null(pc.cast(pc.struct_field(parts, name), pa.int64()), 0).to_numpy()
    return numbers


def _number_of_day(year: Integers, month: Integers, day: Integers) -> Integers:
    """Return the days since 1970, or -1 where the calendar has no such day."""
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    number = months.astype("datetime64[D]").astype(np.int64) + day - 1
    exists = (month <= 12) & (number < (months + 1).astype("datetime64[D]").astype(np.int64))  # noqa: PLR2004
    return np.where(exists, number, -1)


def _written(year: int, month: int, day: int) -> str | None:
    try:
        return f"{date(year, month, day):{'%A'}}, {day} {date(year, month, day):{'%B'}} {year}"
    except ValueError:
        return None


def _some_rows(place: npt.NDArray[np.int32], wanted: Mask) -> list[int]:
    """Return a few rows whose day is wanted, of different days where the first thousand have them."""
    rows = np.flatnonzero(wanted[place])[:1000]
    _, different = np.unique(place[rows], return_index=True)
    chosen = np.union1d(np.sort(different)[:SHOWN], np.arange(min(SHOWN, len(rows))))
    return [int(row) for row in rows[chosen]]


def _telling(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Choose three: those that read both ways before others, different days before equal ones, then the first."""
    met: Counter[tuple[int, int, int]] = Counter()
    ranked = []
    for example in examples:
        ranked.append((not example.reads_both_ways, met[example.numbers], example.line, example))
        met[example.numbers] += 1
    return tuple(rank[3] for rank in sorted(ranked, key=lambda rank: rank[:3])[:SHOWN])
