"""In what do two sets of documents differ? Both are read once, in the order of `_id`, with flat memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import bson
from bson.decimal128 import Decimal128
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

Document = dict[str, Any]


class Kind(Enum):
    """How a document deviates from what it should be."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Difference:
    """One deviation: what should be there (None: nothing), what is there, both encoded."""

    kind: Kind
    wanted: bytes | None
    present: bytes | None

    @property
    def identity(self) -> Any:
        """The `_id`: as it should be or, of an extra document, as it is."""
        return identity(self.wanted or self.present or b"")

    def fields(self) -> tuple[str, ...]:
        """Return which fields differ, and in what."""
        if self.wanted is None or self.present is None:
            return ()
        return tuple(_deviations(bson.decode(self.wanted), bson.decode(self.present)))


def identity(document: bytes) -> Any:
    """Return the `_id` of an encoded document, without decoding the rest."""
    value = RawBSONDocument(document).get("_id")
    return bson.decode(value.raw) if isinstance(value, RawBSONDocument) else value


def stored(collection: Collection[Any], **find: Any) -> Iterator[bytes]:
    """Return the encoded documents of a collection in the order of `_id`, just as they are stored."""
    for batch in collection.find_raw_batches({}, sort=[("_id", 1)], **find):
        yield from split(batch)


def split(batch: bytes) -> Iterator[bytes]:
    """Cut a batch of documents into its documents: each begins with its length."""
    position = 0
    while position < len(batch):
        end = position + int.from_bytes(batch[position : position + 4], "little")
        yield batch[position:end]
        position = end


def differences(
    wanted: Iterable[bytes], present: Iterable[bytes], key: tuple[str, ...], count: Counter | None = None
) -> Iterator[Difference]:
    """Compare two streams in the order of `_id`, a sub-document of the fields `key`; bytes decide on equality."""
    counter = count or Counter()
    wanted_ones, present_ones = iter(wanted), iter(present)
    expected, found = next(wanted_ones, None), next(present_ones, None)
    while expected is not None or found is not None:
        if expected == found:
            counter.equal += 1
            expected, found = next(wanted_ones, None), next(present_ones, None)
            continue
        # An _id that is no key at all sorts anywhere; it is set aside, so that the others stay in step.
        found_place = None if found is None else sort_key(identity(found), key)
        if found is not None and found_place is None:
            counter.extra += 1
            yield Difference(Kind.EXTRA, None, found)
            found = next(present_ones, None)
            continue
        expected_place = None if expected is None else sort_key(identity(expected), key)
        if found_place is None or (expected_place is not None and expected_place < found_place):
            counter.missing += 1
            yield Difference(Kind.MISSING, expected, None)
            expected = next(wanted_ones, None)
        elif expected_place is None or found_place < expected_place:
            counter.extra += 1
            yield Difference(Kind.EXTRA, None, found)
            found = next(present_ones, None)
        else:
            counter.different += 1
            yield Difference(Kind.DIFFERENT, expected, found)
            expected, found = next(wanted_ones, None), next(present_ones, None)


@dataclass
class Counter:
    """How many documents were equal, and how many were not."""

    equal: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0

    @property
    def wanted(self) -> int:
        """How many documents there should be."""
        return self.equal + self.missing + self.different

    @property
    def present(self) -> int:
        """How many documents there are."""
        return self.equal + self.extra + self.different

    @property
    def deviating(self) -> int:
        """How many documents are not as they should be."""
        return self.missing + self.extra + self.different


def sort_key(value: Any, key: tuple[str, ...]) -> tuple[tuple[int, Any], ...] | None:
    """Return what sorts as MongoDB sorts this `_id`, or None where it is not made of the key's fields."""
    if not isinstance(value, dict) or tuple(value) != key:
        return None
    parts = [_place(part) for part in value.values()]
    return None if None in parts else tuple(part for part in parts if part is not None)


def _place(part: Any) -> tuple[int, Any] | None:
    """Return kind and value: numbers of all types sort together and before text."""
    number = part.to_decimal() if isinstance(part, Decimal128) else part
    if isinstance(number, str):
        return 1, number
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal) or number != number:  # noqa: PLR0124
        return None
    return 0, number


def _deviations(wanted: Document, present: Document) -> Iterator[str]:
    for name, value in wanted.items():
        if name not in present:
            yield f"{name}: absent"
        elif bson.encode({"": value}) != bson.encode({"": present[name]}):
            yield f"{name}: {shown(present[name])} instead of {shown(value)}"
    yield from (f"{name}: not a field of the table" for name in present if name not in wanted)
    if list(wanted) != list(present) and set(wanted) == set(present):
        yield "order of fields"


def shown(value: Any) -> str:
    """Print a value with its BSON type."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shown(part)}" for name, part in value.items()) + "}"
    names: dict[type, str] = {bool: "Boolean", str: "String", float: "Double", dt.datetime: "Date"}
    name = "Int32" if type(value) is int else names.get(type(value), type(value).__name__)
    return f"{name} {value}"
