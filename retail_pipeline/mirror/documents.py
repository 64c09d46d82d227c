"""What does a row look like in MongoDB? The one answer, whichever way the row came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import psycopg2.extensions
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from retail_pipeline.mirror.encoding import TEXT, Kind, decimal_bytes, packer
from retail_pipeline.tables import Table

Document = dict[str, Any]

_INTEGER_BITS = {"integer": 32, "bigint": 64}


def _money(value: Decimal) -> Decimal128:
    return Decimal128.from_bid(decimal_bytes(format(value, "f")))


def _second(value: dt.datetime) -> str:
    return value.isoformat(timespec="seconds") + "Z"


def _day(value: dt.date) -> str:
    return value.isoformat()


def _same(value: Any) -> Any:
    return value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "integer": _same,
    "bigint": Int64,
    "boolean": _same,
    "text": _same,
    "numeric": _money,
    "timestamp(0) without time zone": _second,
    "date": _day,
    "timestamp with time zone": _same,
}


def _plain_type(type_: str) -> str:
    """Return a PostgreSQL type without the digits of a numeric."""
    return type_.partition("(")[0] if type_.startswith("numeric") else type_


def _conversion(type_: str) -> Callable[[Any], Any]:
    """Return the conversion of a PostgreSQL type, or KeyError for one that no mirrored table may have."""
    return _CONVERSIONS[_plain_type(type_)]


@cache
def converter(table: Table) -> Callable[[Sequence[Any]], Document]:
    """Return the function that turns a row of `table`, its columns in the table's order, into the document.

    A row's value is what psycopg2 gives for the column's type; None stays null.
    """
    names = table.column_names
    conversions = [_conversion(column.type) for column in table.columns]
    # A conversion that changes nothing is left out of the loop, which runs for every value of every row.
    changed = [(index, convert) for index, convert in enumerate(conversions) if convert is not _same]
    key = [(name, names.index(name)) for name in table.key]

    def from_row(row: Sequence[Any]) -> Document:
        values = list(row)
        for index, convert in changed:
            if values[index] is not None:
                values[index] = convert(values[index])
        document: Document = {"_id": {name: values[index] for name, index in key}}
        document.update(zip(names, values, strict=True))
        return document

    return from_row


def from_row(table: Table, row: Sequence[Any]) -> Document:
    """Turn one row of `table`, its columns in the table's order, into the document."""
    return converter(table)(row)


def _second_bytes(text: str) -> bytes:
    return f"{text[:10]}T{text[11:]}Z".encode()


# Values of these types are packed from PostgreSQL's own text; a Decimal or datetime would only be taken apart again.
AS_TEXT = psycopg2.extensions.new_type((1700, 1114), "AS_TEXT", lambda value, _: value)  # numeric, timestamp

_KINDS = {
    "integer": Kind(b"\x10", "i"),
    "bigint": Kind(b"\x12", "q"),
    "boolean": Kind(b"\x08", "?"),
    "text": Kind(TEXT, "", str.encode),
    "numeric": Kind(b"\x13", "16s", decimal_bytes),
    "timestamp(0) without time zone": Kind(TEXT, "20s", _second_bytes),
    "date": Kind(TEXT, "10s", lambda value: _day(value).encode()),
}


@cache
def _packer(table: Table) -> Callable[[Sequence[Any]], bytes]:
    columns = [(column.name, _KINDS[_plain_type(column.type)], column.nullable) for column in table.columns]
    return packer(columns, [table.column_names.index(name) for name in table.key])


def encoded(table: Table, rows: Iterable[Sequence[Any]]) -> Iterable[bytes]:
    """Turn rows into the bytes of their documents: equal bytes mean equal values, types and order of fields.

    A row's value is what psycopg2 gives to a cursor with which AS_TEXT is registered.
    """
    return map(_packer(table), rows)


def key_values(table: Table, identity: Any) -> tuple[Any, ...] | None:
    """Return the values of the key in an `_id`, as PostgreSQL takes them; None where no row can have that key.

    A document that someone else wrote can have any `_id`: a number, names in another order, a value out of range.
    """
    if not isinstance(identity, dict) or tuple(identity) != table.key:
        return None
    values = []
    for name, value in identity.items():
        type_ = next(column.type for column in table.columns if column.name == name)
        plain = _key_value(type_, value)
        if plain is None:
            return None
        values.append(plain)
    return tuple(values)


def _key_value(type_: str, value: Any) -> int | str | None:
    bits = _INTEGER_BITS.get(type_)
    if bits is None:
        return _day_value(value)
    # MongoDB holds 1, 1.0 and Decimal128("1") for the same key.
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return None
    try:
        whole = int(number)
    except (ValueError, OverflowError):
        return None
    return whole if whole == number and -(2 ** (bits - 1)) <= whole < 2 ** (bits - 1) else None


def _day_value(value: Any) -> str | None:
    try:
        return value if dt.date.fromisoformat(value).isoformat() == value else None
    except (TypeError, ValueError):
        return None
