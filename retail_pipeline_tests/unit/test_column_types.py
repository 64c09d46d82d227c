"""Every type of a mirrored column has its one row, and a document is the same whichever way the row came."""

from __future__ import annotations

import pytest

from retail_pipeline import column_types
from retail_pipeline.tables import MIRRORED

USED = sorted({column.type for table in MIRRORED for column in table.columns})
# The byte of BSON's type that the sink writes for a type of Connect.
WRITTEN = {"int32": b"\x10", "int64": b"\x12", "boolean": b"\x08", "string": b"\x02", "bytes": b"\x13"}


@pytest.mark.parametrize("type_", USED)
def test_every_type_of_a_mirrored_column_has_a_row_whose_ways_end_in_the_same_type(type_: str) -> None:
    found = column_types.of(type_)

    assert WRITTEN[found.connect["type"]] == found.kind.byte


def test_no_row_is_of_a_type_that_is_nowhere_mirrored() -> None:
    assert set(column_types._TYPES) <= set(USED)  # noqa: SLF001


@pytest.mark.parametrize("type_", ["uuid", "timestamp with time zone", "numeric", "timestamp without time zone"])
def test_a_type_that_no_mirrored_table_may_have_is_refused(type_: str) -> None:
    with pytest.raises(KeyError, match=type_):
        column_types.of(type_)


def test_money_of_any_width_keeps_its_scale() -> None:
    assert [column_types.of(f"numeric(14,{scale})").connect["parameters"] for scale in (0, 2, 4)] == [
        {"scale": "0"},
        {"scale": "2"},
        {"scale": "4"},
    ]
