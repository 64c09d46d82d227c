"""What must hold for a value of the file? One schema, checked column by column; each broken rule has its sentence.

The rules of a column build on each other: a value breaks the first that does not hold, so that one fault in a value
gives one reason. Numbers, money and dates are checked as text: nothing is guessed, rounded or cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from retail_pipeline.source.columns import COLUMNS, LONGEST_TEXT, YEARS, Kind, SourceColumn

Passed = npt.NDArray[np.bool_]
Test = Callable[[pa.ChunkedArray, SourceColumn], Passed]

# Patterns of RE2, which looks through a whole column in one call.
_WHOLE = r"\A-?[0-9]+\z"
_SHORT = r"\A-?[0-9]{1,18}\z"
_MONEY = r"\A-?[0-9]+(?:\.[0-9]{1,2})?\z"
_MONEY_IN_RANGE = r"\A[0-9]{1,10}(?:\.[0-9]{1,2})?\z"
_NOTHING = r"\A0+(?:\.0{1,2})?\z"
_MOMENT = (
    r"\A(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12][0-9]|3[01])/[0-9]{4}"  # the day, of a calendar without short months
    r" (?:[01]?[0-9]|2[0-3]):[0-5][0-9]\z"
)
_MOMENT_IN_RANGE = _MOMENT.replace("[0-9]{4}", "(?:19[7-9][0-9]|20[0-9]{2})")
_RARE_DAY = r"\A(?:0?2/(?:29|30|31)|(?:0?[469]|11)/31)/"
_YEAR = r"/(?P<year>[0-9]{4}) "
_SPACE = r"[\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200b}\x{202f}\x{205f}\x{3000}]"
_FILLED = rf"[^{_SPACE[1:]}"
_PADDED = rf"\A{_SPACE}|{_SPACE}\z"
# Characters that no name has: controls, separators of lines, marks that turn the direction of writing.
_UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}\x{fffd}]"
_FORMULA = r"\A[=+\-@]"


@dataclass(frozen=True)
class Rule:
    """A rule for values: its name, which values pass (those that broke an earlier rule do), and what it demands."""

    name: str
    passes: Test
    demand: str


def _found(values: pa.ChunkedArray, pattern: str) -> Passed:
    found: Passed = pc.match_substring_regex(values, pattern).to_numpy()
    return found


def _matches(pattern: str) -> Test:
    return lambda values, _: _found(values, pattern)


def _lacks(pattern: str) -> Test:
    return lambda values, _: ~_found(values, pattern)


def _is_one_of(values: pa.ChunkedArray, choices: tuple[str, ...]) -> Passed:
    among: Passed = pc.is_in(values, pa.array(choices)).to_numpy()
    return among


def _in_range(values: pa.ChunkedArray, column: SourceColumn) -> Passed:
    short = _found(values, _SHORT)
    if not short.all():
        values = pc.if_else(pa.array(short), values, "0")
    numbers: npt.NDArray[np.int64] = pc.cast(values, pa.int64()).to_numpy()
    return short & (numbers >= column.minimum) & (numbers <= column.maximum)


def _money_in_range(values: pa.ChunkedArray, column: SourceColumn) -> Passed:
    fits = _found(values, _MONEY_IN_RANGE)
    return fits & ~_found(values, _NOTHING) if column.minimum > 0 else fits


def _day_exists(values: pa.ChunkedArray, _: SourceColumn) -> Passed:
    rare = _found(values, _RARE_DAY)
    exists = ~rare
    if rare.any():
        days = values.filter(pa.array(rare)).to_pandas().str.partition(" ")[0]
        exists[rare] = pd.to_datetime(days, format="%m/%d/%Y", errors="coerce").notna().to_numpy()
    return exists


def _year_in_range(values: pa.ChunkedArray, _: SourceColumn) -> Passed:
    years = pc.struct_field(pc.extract_regex(values, _YEAR), "year")
    numbers = pc.fill_null(pc.cast(years, pa.int64()), 0).to_numpy()
    return np.asarray((numbers >= YEARS[0]) & (numbers <= YEARS[1]))


def _short_enough(values: pa.ChunkedArray, _: SourceColumn) -> Passed:
    short: Passed = pc.less_equal(pc.utf8_length(values), LONGEST_TEXT).to_numpy()
    return short


_BLANK = Rule("blank", _matches(_FILLED), "it must not be blank")

_RULES: dict[Kind, tuple[Rule, ...]] = {
    Kind.WHOLE: (
        Rule("not_a_whole_number", _matches(_WHOLE), "it must be a whole number in plain digits, such as 42"),
        Rule("out_of_range", _in_range, "it must be from {minimum} to {maximum}"),
    ),
    Kind.MONEY: (
        Rule(
            "not_an_amount",
            _matches(_MONEY),
            "it must be an amount in plain digits with at most two after a point, such as 1234.50",
        ),
        Rule("out_of_range", _money_in_range, "it must be {above} and below 10,000,000,000"),
    ),
    Kind.FLAG: (
        Rule("not_true_or_false", lambda values, _: _is_one_of(values, ("TRUE", "FALSE")), "it must be TRUE or FALSE"),
    ),
    Kind.MOMENT: (
        Rule(
            "not_a_moment",
            _matches(_MOMENT),
            "it must be written month/day/year hour:minute, such as 9/16/2024 20:22",
        ),
        Rule("no_such_day", _day_exists, "there is no such day in the calendar"),
        Rule("out_of_range", _year_in_range, f"its year must be from {YEARS[0]} to {YEARS[1]}"),
    ),
    Kind.TEXT: (
        Rule("too_long", _short_enough, f"it must have no more than {LONGEST_TEXT} characters"),
        Rule("unprintable", _lacks(_UNPRINTABLE), "it must be on one line and have no control characters"),
        Rule("padded", _lacks(_PADDED), "it must not begin or end with a space"),
        Rule("formula", _lacks(_FORMULA), "it must not begin like a formula of a spreadsheet (=, +, - or @)"),
    ),
}
_RULES[Kind.NUMBER] = _RULES[Kind.WHOLE]
_CHOICE = Rule("not_a_choice", lambda values, column: _is_one_of(values, column.choices), "it must be one of {choices}")


def rules_of(column: SourceColumn) -> tuple[Rule, ...]:
    """Return the rules of a column, in the order in which they are told."""
    return (_BLANK, *_RULES[column.kind], *((_CHOICE,) if column.choices else ()))


def _sound(values: pa.ChunkedArray, column: SourceColumn) -> Passed:
    """Return which values keep every rule. Values repeat: each is looked at once."""
    different = pc.unique(values)
    good = _keep_all(pa.chunked_array([different]), column)
    if good.all():
        return np.ones(len(values), np.bool_)
    among: Passed = pc.is_in(values, different.filter(pa.array(good))).to_numpy()
    return among


def _keep_all(values: pa.ChunkedArray, column: SourceColumn) -> Passed:
    """Return the same, in as few looks as the kind of the column allows."""
    if column.kind in {Kind.WHOLE, Kind.NUMBER}:
        return _in_range(values, column)
    if column.kind is Kind.MONEY:
        return _money_in_range(values, column)
    if column.kind is Kind.MOMENT:
        return _found(values, _MOMENT_IN_RANGE) & _day_exists(values, column)
    passed = np.ones(len(values), np.bool_)
    for rule in rules_of(column):
        passed &= rule.passes(values, column)
    return passed


def _check(column: SourceColumn) -> pandera.Check:
    def passes(values: pd.Series) -> pd.Series:
        return pd.Series(_sound(_chunked(values), column), values.index)

    return pandera.Check(passes, name="sound")


def _chunked(values: pd.Series) -> pa.ChunkedArray:
    text = pa.array(values)
    return text if isinstance(text, pa.ChunkedArray) else pa.chunked_array([text])


SCHEMA = pandera.DataFrameSchema({column.name: pandera.Column(None, _check(column)) for column in COLUMNS})


@dataclass(frozen=True)
class Reason:
    """Why a row was set aside: the rule, the column and value where one is to blame, a sentence for the shop."""

    rule: str
    column: str | None
    value: str | None
    sentence: str


def broken(frame: pd.DataFrame) -> dict[int, list[Reason]]:
    """Check a frame of text columns; return the reasons of each row that breaks rules, by its label in the index."""
    try:
        SCHEMA.validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        failed = errors.failure_cases
    else:
        return {}
    reasons: dict[int, list[Reason]] = {}
    for column in COLUMNS:
        labels = failed.loc[failed["column"] == column.name, "index"].astype("int64")
        if labels.empty:
            continue
        values = frame.loc[labels, column.name]
        text = _chunked(values)
        verdicts = [(rule, rule.passes(text, column)) for rule in rules_of(column)]
        for place, (label, value) in enumerate(values.items()):
            first = next(rule for rule, passed in verdicts if not passed[place])
            reasons.setdefault(int(str(label)), []).append(_reason(column, first, value))
    return reasons


def _reason(column: SourceColumn, rule: Rule, value: str) -> Reason:
    shown = value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}… ({len(value)} characters)"
    demand = rule.demand.format(
        minimum=f"{column.minimum:,}",
        maximum=f"{column.maximum:,}",
        above="above 0" if column.minimum else "0 or more",
        choices=", ".join(column.choices),
    )
    said = f'The {column.label} is "{shown}"' if value.strip() else f"The {column.label} is blank"
    return Reason(rule.name, column.name, value, f"{said}; {demand}." if value.strip() else f"{said}.")
