"""A document that is packed is, byte for byte, the one that bson makes of the row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import example, given
from hypothesis import strategies as st

from retail_pipeline import column_types
from retail_pipeline.mirror import documents, encoding
from retail_pipeline.tables import MIRRORED, Column, Table

_TYPES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    "numeric(12,2)": st.decimals("-9999999999.99", "9999999999.99", places=2),
    "timestamp(0) without time zone": st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    "date": st.dates(),
}


def _values(column: Column) -> st.SearchStrategy[Any]:
    return _TYPES[column.type] | st.none() if column.nullable else _TYPES[column.type]


@st.composite
def _tables_and_rows(draw: st.DrawFn) -> tuple[Table, list[tuple[Any, ...]]]:
    table = draw(st.sampled_from(MIRRORED))
    return table, draw(st.lists(st.tuples(*map(_values, table.columns)), min_size=1, max_size=4))


def _as_text(value: Any) -> Any:
    """Return a value as PostgreSQL prints it, where that is what is packed."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "seconds")
    return format(value, "f") if isinstance(value, Decimal) else value


def _packed(table: Table, rows: Sequence[Sequence[Any]]) -> list[bytes]:
    return list(documents.encoded(table, [tuple(map(_as_text, row)) for row in rows]))


def _as_bson_makes_them(table: Table, rows: Sequence[Sequence[Any]]) -> list[bytes]:
    return [bson.encode(documents.from_row(table, row)) for row in rows]


@given(_tables_and_rows())
def test_packed_documents_are_those_of_bson(drawn: tuple[Table, list[tuple[Any, ...]]]) -> None:
    table, rows = drawn

    assert _packed(table, rows) == _as_bson_makes_them(table, rows)


@given(st.decimals(allow_infinity=False, min_value=-(10**33), max_value=10**33, places=0) | _TYPES["numeric(12,2)"])
@example(Decimal(0))
@example(Decimal("-0.00"))
@example(Decimal("-0.01"))
@example(Decimal("99999999999999999.99"))
@example(Decimal("999999999999999999999.99"))
@example(Decimal("NaN"))
def test_a_decimals_bytes_are_those_of_bson(number: Decimal) -> None:
    text = format(number, "f")

    assert column_types.decimal_bytes(text) == Decimal128(text).bid


@pytest.mark.parametrize("table", MIRRORED, ids=lambda table: table.name)
def test_every_mirrored_table_has_a_packer_that_knows_null_from_nothing(table: Table) -> None:
    now = dt.datetime(2024, 2, 29, 23, 59, 59)  # noqa: DTZ001  the column has no zone
    some = {"text": "", "boolean": False, "date": now.date(), "timestamp(0) without time zone": now}
    some["numeric(12,2)"] = Decimal("0.00")
    row = tuple(some.get(column.type, 0) for column in table.columns)
    nulls = tuple(None if column.nullable else value for column, value in zip(table.columns, row, strict=True))

    assert _packed(table, [row, nulls, row]) == _as_bson_makes_them(table, [row, nulls, row])


def test_texts_of_ever_new_lengths_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_MOST_SHAPES", 3)
    shape, made = encoding._shape, []  # noqa: SLF001

    def remember(*arguments: Any) -> Any:
        made.append(arguments)
        return shape(*arguments)

    monkeypatch.setattr(encoding, "_shape", remember)
    columns = [(name, column_types.of(type_).kind, False) for name, type_ in (("n", "integer"), ("t", "text"))]
    pack = encoding.packer(columns, [0])

    for length in range(20):
        text = "x" * length
        assert bson.decode(pack((1, text))) == {"_id": {"n": 1}, "n": 1, "t": text}
        assert bson.decode(pack((2, text))) == {"_id": {"n": 2}, "n": 2, "t": text}

    assert len(made) == 20
