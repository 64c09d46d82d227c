"""What is a PostgreSQL type on each way to MongoDB? One row for each type that a mirrored table may have.

A row comes to MongoDB by psycopg2 or by Debezium, and its document must be the same. So what each way makes of a type
stands side by side.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from struct import Struct
from typing import Any

import psycopg2.extensions
from bson.decimal128 import Decimal128
from bson.int64 import Int64

TEXT = b"\x02"
_NUMERIC = re.compile(r"numeric\(\d+,(\d+)\)")
# So many characters, sign and point included, are a whole number of 64 bits.
_SHORT = 19
_BIAS, _EXPONENT_AT, _SIGN = 6176, 49, 1 << 63
_two_words = Struct("<QQ").pack


@dataclass(frozen=True)
class Kind:
    """How BSON writes a value: its type's byte, the format of `struct`, and the bytes where that is a text.

    `convert` gives what is packed from what psycopg2 gives; None where it is packed as it is. A text's format is empty,
    for it follows from its length.
    """

    byte: bytes
    format: str
    convert: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class ColumnType:
    """What a type is on each way.

    `to_bson` gives what `bson` encodes from what psycopg2 gives; None where that is the same. `kind` packs the same
    value without `bson`. `connect` is the schema of the value in a record, as Debezium writes it with
    decimal.handling.mode=precise and time.precision.mode=isostring. `bits` is the width of an integer, None for others.
    """

    to_bson: Callable[[Any], Any] | None
    kind: Kind
    connect: dict[str, Any]
    bits: int | None = None

    @property
    def in_mongodb(self) -> str:
        """The name of its type in MongoDB."""
        return _BSON_NAMES[self.kind.byte]

    @property
    def in_kafka(self) -> str:
        """The name of its type in a record of Kafka Connect."""
        scale = self.connect.get("parameters", {}).get("scale")
        return str(self.connect["type"]) if scale is None else f"decimal, scale {scale}"


_BSON_NAMES = {b"\x10": "Int32", b"\x12": "Int64", b"\x08": "Boolean", TEXT: "String", b"\x13": "Decimal128"}


@cache
def of(type_: str) -> ColumnType:
    """Return the row of a type as `format_type` prints it; KeyError for one that no mirrored table may have."""
    numeric = _NUMERIC.fullmatch(type_)
    return _decimal(scale=numeric[1]) if numeric else _TYPES[type_]


def decimal_bytes(text: str) -> bytes:
    """Return the bytes of a decimal that PostgreSQL wrote as `text`, ten times as fast as `Decimal128(text).bid`.

    They are a whole number, and above it the place of the point and the sign, see
    https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md. Remembering those that
    were made is no faster where prices vary, and what is remembered grows with every row that is looked at.
    """
    whole, _, fraction = text.partition(".")
    digits = whole.removeprefix("-") + fraction
    if len(text) > _SHORT or not digits.isdecimal():
        return bytes(Decimal128(text).bid)
    sign = _SIGN if text[0] == "-" else 0
    return _two_words(int(digits), sign | (_BIAS - len(fraction)) << _EXPONENT_AT)


def _decimal128(value: Decimal) -> Decimal128:
    return Decimal128.from_bid(decimal_bytes(format(value, "f")))


def _second(value: dt.datetime) -> str:
    return value.isoformat(timespec="seconds") + "Z"


def _second_bytes(text: str) -> bytes:
    return f"{text[:10]}T{text[11:]}Z".encode()


def _day(value: dt.date) -> str:
    return value.isoformat()


# Values of these types are packed from PostgreSQL's own text; a Decimal or datetime would only be taken apart again.
AS_TEXT = psycopg2.extensions.new_type((1700, 1114), "AS_TEXT", lambda value, _: value)  # numeric, timestamp

_STRING = {"type": "string"}
_TYPES: dict[str, ColumnType] = {
    "integer": ColumnType(None, Kind(b"\x10", "i"), {"type": "int32"}, bits=32),
    "bigint": ColumnType(Int64, Kind(b"\x12", "q"), {"type": "int64"}, bits=64),
    "boolean": ColumnType(None, Kind(b"\x08", "?"), {"type": "boolean"}),
    "text": ColumnType(None, Kind(TEXT, "", str.encode), _STRING),
    "timestamp(0) without time zone": ColumnType(_second, Kind(TEXT, "20s", _second_bytes), _STRING),
    "date": ColumnType(_day, Kind(TEXT, "10s", lambda value: _day(value).encode()), _STRING),
}


def _decimal(scale: str) -> ColumnType:
    name = "org.apache.kafka.connect.data.Decimal"
    connect = {"type": "bytes", "name": name, "version": 1, "parameters": {"scale": scale}}
    return ColumnType(_decimal128, Kind(b"\x13", "16s", decimal_bytes), connect)
