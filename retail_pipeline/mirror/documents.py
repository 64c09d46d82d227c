"""What does a row look like in MongoDB? The one answer, whichever way the row came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from bson.decimal128 import Decimal128

from retail_pipeline import column_types
from retail_pipeline.mirror.encoding import packer
from retail_pipeline.tables import Table

Document = dict[str, Any]


@cache
def converter(table: Table) -> Callable[[Sequence[Any]], Document]:
    """Return the function that turns a row of `table`, its columns in the table's order, into the document.

    A row's value is what psycopg2 gives for the column's type; None stays null.
    """
    names = table.column_names
    conversions = [column_types.of(column.type).to_bson for column in table.columns]
    # What needs no conversion is left out of the loop, which runs for every value of every row.
    changed = [(index, convert) for index, convert in enumerate(conversions) if convert]
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


@cache
def _packer(table: Table) -> Callable[[Sequence[Any]], bytes]:
    columns = [(column.name, column_types.of(column.type).kind, column.nullable) for column in table.columns]
    return packer(columns, [table.column_names.index(name) for name in table.key])


def encoded(table: Table, rows: Iterable[Sequence[Any]]) -> Iterable[bytes]:
    """Turn rows into the bytes of their documents: equal bytes mean equal values, types and order of fields.

    A row's value is what psycopg2 gives to a cursor with which `column_types.AS_TEXT` is registered.
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
    bits = column_types.of(type_).bits
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
