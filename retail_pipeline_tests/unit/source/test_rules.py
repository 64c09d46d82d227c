"""The rules for values: what passes, what does not, and where the boundary is."""

from __future__ import annotations

import pandas as pd
import pytest

from retail_pipeline.settings import SAMPLE
from retail_pipeline.source import rules
from retail_pipeline.source.columns import BY_NAME, COLUMNS, NAMES, Kind

_GOOD: dict[str, str] = dict(pd.read_csv(SAMPLE, dtype="str", keep_default_na=False).iloc[0])


_CASES: list[tuple[str, str, str | None]] = [
    ("quantity_sold", "1", None),
    ("quantity_sold", "1000000", None),
    ("quantity_sold", "0", "out_of_range"),
    ("quantity_sold", "-5", "out_of_range"),
    ("quantity_sold", "1000001", "out_of_range"),
    ("quantity_sold", "", "blank"),
    ("quantity_sold", " ", "blank"),
    ("quantity_sold", " 3", "not_a_whole_number"),
    ("quantity_sold", "3.0", "not_a_whole_number"),
    ("quantity_sold", "1e1", "not_a_whole_number"),
    ("quantity_sold", "0x1", "not_a_whole_number"),
    ("quantity_sold", "+3", "not_a_whole_number"),
    ("quantity_sold", "３", "not_a_whole_number"),  # noqa: RUF001 - a digit of another script
    ("quantity_sold", "three", "not_a_whole_number"),
    ("transaction_id", "1000000000000000", None),
    ("transaction_id", "1000000000000001", "out_of_range"),
    ("transaction_id", "9223372036854775808", "out_of_range"),
    ("transaction_id", "0", "out_of_range"),
    ("customer_id", "4294967297", "out_of_range"),
    ("inventory_level", "0", None),
    ("inventory_level", "-1", "out_of_range"),
    ("customer_age", "150", None),
    ("customer_age", "151", "out_of_range"),
    ("unit_price", "0.01", None),
    ("unit_price", "42", None),
    ("unit_price", "7.5", None),
    ("unit_price", "9999999999.99", None),
    ("unit_price", "0", "out_of_range"),
    ("unit_price", "0.00", "out_of_range"),
    ("unit_price", "-1.50", "out_of_range"),
    ("unit_price", "10000000000", "out_of_range"),
    ("unit_price", "1.234", "not_an_amount"),
    ("unit_price", "1,234.50", "not_an_amount"),
    ("unit_price", "$5", "not_an_amount"),
    ("unit_price", "1e3", "not_an_amount"),
    ("unit_price", "NaN", "not_an_amount"),
    ("unit_price", ".5", "not_an_amount"),
    ("unit_price", "", "blank"),
    ("customer_income", "0", None),
    ("customer_income", "Infinity", "not_an_amount"),
    ("promotion_applied", "FALSE", None),
    ("promotion_applied", "false", "not_true_or_false"),
    ("promotion_applied", "1", "not_true_or_false"),
    ("promotion_applied", "", "blank"),
    ("transaction_date", "2/29/2024 0:00", None),
    ("transaction_date", "02/09/2024 09:05", None),
    ("transaction_date", "2/29/2023 0:00", "no_such_day"),
    ("transaction_date", "2/30/2024 0:00", "no_such_day"),
    ("transaction_date", "4/31/2024 0:00", "no_such_day"),
    ("transaction_date", "1/1/1970 0:00", None),
    ("transaction_date", "12/31/2099 23:59", None),
    ("transaction_date", "12/31/1969 23:59", "out_of_range"),
    ("transaction_date", "1/1/0000 0:00", "out_of_range"),
    ("transaction_date", "1/1/2100 0:00", "out_of_range"),
    ("transaction_date", "13/1/2024 0:00", "not_a_moment"),
    ("transaction_date", "1/32/2024 0:00", "not_a_moment"),
    ("transaction_date", "1/1/2024 24:00", "not_a_moment"),
    ("transaction_date", "1/1/2024 9:60", "not_a_moment"),
    ("transaction_date", "1/1/24 9:00", "not_a_moment"),
    ("transaction_date", "1/1/2024", "not_a_moment"),
    ("transaction_date", "1/1/2024 9:00 PM", "not_a_moment"),
    ("transaction_date", "2024-01-01 09:00", "not_a_moment"),
    ("transaction_date", "45292", "not_a_moment"),
    ("transaction_date", "infinity", "not_a_moment"),
    ("transaction_date", "", "blank"),
    ("promotion_type", "None", None),
    ("promotion_type", "", "blank"),
    ("product_name", "TV", None),
    ("product_name", 'TV 55"', None),
    ("product_name", "Fernseher für Küche", None),
    ("product_name", "x" * 200, None),
    ("product_name", "x" * 201, "too_long"),
    ("product_name", " TV", "padded"),
    ("product_name", "TV\u00a0", "padded"),
    ("product_name", "\u00a0", "blank"),
    ("product_name", "T\nV", "unprintable"),
    ("product_name", "T\x00V", "unprintable"),
    ("product_name", "T\u202eV", "unprintable"),
    ("product_name", "=1+1", "formula"),
    ("product_name", "@SUM(A1)", "formula"),
    ("weekday", "Sunday", None),
    ("weekday", "Funday", "not_a_choice"),
    ("weekday", "sunday", "not_a_choice"),
]


def _broken(column: str, value: str) -> list[str]:
    """Return the rules that a good row breaks with this value in it."""
    reasons = rules.broken(pd.DataFrame([_GOOD | {column: value}], dtype="str"))
    assert all(reason.column == column and reason.value == value for reason in reasons.get(0, []))
    return [reason.rule for reason in reasons.get(0, [])]


@pytest.mark.parametrize(("column", "value", "rule"), _CASES)
def test_a_value_passes_or_breaks_one_rule(column: str, value: str, rule: str | None) -> None:
    assert _broken(column, value) == ([rule] if rule else [])


def test_every_rule_of_every_kind_is_tried_above() -> None:
    tried = {(BY_NAME[column].kind, rule) for column, _, rule in _CASES}
    declared = {
        (column.kind, rule.name)
        for column in COLUMNS
        for rule in rules.rules_of(column)
        if column.kind is not Kind.NUMBER
    }
    assert declared <= tried


def test_a_row_tells_every_column_that_is_wrong_and_the_next_row_none() -> None:
    frame = pd.DataFrame([_GOOD | {"store_id": "x", "weekday": "", "unit_price": "-1"}, _GOOD], dtype="str")

    reasons = rules.broken(frame)

    assert {(reason.column, reason.rule) for reason in reasons[0]} == {
        ("store_id", "not_a_whole_number"),
        ("unit_price", "out_of_range"),
        ("weekday", "blank"),
    }
    assert list(reasons) == [0]


def test_a_sentence_says_what_is_wrong_and_what_is_wanted() -> None:
    frame = pd.DataFrame([_GOOD | {"quantity_sold": "0", "weather_conditions": ""}], dtype="str")

    said = [reason.sentence for reason in rules.broken(frame)[0]]

    assert said == ['The quantity sold is "0"; it must be from 1 to 1,000,000.', "The weather is blank."]


def test_the_columns_of_a_good_row_are_all_checked() -> None:
    assert set(rules.SCHEMA.columns) == set(NAMES)
