"""Names in a header that only look like a column's are found, and what makes them others is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.look_alikes import difference, find


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ("weekday\u00a0", "weekday", "ends with a no-break space"),
        ("\u2009weekday", "weekday", "begins with a thin space"),
        (" weekday", "weekday", "begins with a space"),
        ("week\u200bday", "weekday", "has a zero width space inside"),
        ("\ufeffweekday", "weekday", "begins with a zero width no-break space"),
        ("week\u00adday", "weekday", "has a soft hyphen inside"),
        ("weekday\t", "weekday", "ends with a character U+0009"),
        ("Weekday", "weekday", "is written with capital letters"),
        ("STORE ID", "store_id", "has a space inside and is written with capital letters and lacks an underscore"),
        ("store-id", "store_id", "has a hyphen-minus inside and lacks an underscore"),
        ("storeid", "store_id", "lacks an underscore"),
        ("week_day", "weekday", "has an underscore too many"),
        ("\uff57eekday", "weekday", "begins with a fullwidth latin small letter w"),
        ("w\u0435ekday", "weekday", "has a cyrillic small letter ie inside"),
        ("weekday\u3164", "weekday", "ends with a hangul filler"),
        ("\u2028\u200d\u00a0weekday", "weekday", "begins with a line separator and begins with a zero width joiner"),
    ],
)
def test_a_look_alike_is_found_and_its_difference_said(found: str, wanted: str, said: str) -> None:
    assert find([wanted], ["colour", found]) == {wanted: found}
    assert difference(found, wanted).startswith(said)


def test_another_name_is_no_look_alike() -> None:
    assert find(NAMES, ["colour", "week", "weekdays", "price", "store"]) == {}


def test_no_two_columns_look_alike() -> None:
    for name in NAMES:
        assert find([name], [other for other in NAMES if other != name]) == {}


@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(st.sampled_from("\u00a0\u2009\u200b\ufeff\u00ad -_"), st.integers(0, 30))),
)
def test_no_number_of_invisible_characters_hides_a_column(name: str, added: list[tuple[str, int]]) -> None:
    found = name
    for character, place in added:
        found = found[:place] + character + found[place:]

    assert find([name], [found]) == {name: found}
