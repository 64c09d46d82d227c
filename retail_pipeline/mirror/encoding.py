"""How does a row become the bytes of its document quickly? Packed at once, because documents of a table look alike.

What a document looks like is said in `documents`; this is only a faster way to the same bytes than to build it and
have `bson` walk through it, and a test holds it to that. For a given set of nulls and lengths of texts all but the
values is the same in every document of a table: their places are found once and filled for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from typing import Any

from retail_pipeline.column_types import TEXT, Kind

_DOCUMENT, _NULL = b"\x03", b"\x0a"
# So many kinds of documents of a table are remembered; texts of ever new lengths must not fill the memory.
_MOST_SHAPES = 4_096


def packer(columns: Sequence[tuple[str, Kind, bool]], key: Sequence[int]) -> Callable[[Sequence[Any]], bytes]:
    """Return the function that turns a row into its encoded document.

    `columns` are name, kind and whether NULL is possible, in the row's order; `key` are the places of those that make
    the `_id`, which stands first.
    """
    converted = [(place, kind.convert) for place, (_, kind, _) in enumerate(columns) if kind.convert]
    varying = [place for place, (_, kind, nullable) in enumerate(columns) if nullable or not kind.format]
    shapes: dict[tuple[int, ...], _Shape] = {}

    def pack(row: Sequence[Any]) -> bytes:
        values = list(row)
        for place, convert in converted:
            if values[place] is not None:
                values[place] = convert(values[place])
        sizes = tuple([_size(values[place]) for place in varying])
        shape = shapes.get(sizes)
        if shape is None:
            if len(shapes) >= _MOST_SHAPES:
                shapes.clear()
            shape = shapes[sizes] = _shape(columns, key, dict(zip(varying, sizes, strict=True)))
        parts = shape.parts[:]
        parts[1::2] = shape.choose(values)
        return shape.pack(*parts)

    return pack


def _size(value: Any) -> int:
    """Return -1 for null and the length of bytes; of other values the length never varies."""
    if value is None:
        return -1
    return len(value) if isinstance(value, bytes) else 0


@dataclass(frozen=True)
class _Shape:
    """Documents that differ in nothing but their values: what stands between these, and which value comes where."""

    parts: list[bytes]
    choose: Callable[[Sequence[Any]], tuple[Any, ...]]
    pack: Callable[..., bytes]


def _shape(columns: Sequence[tuple[str, Kind, bool]], key: Sequence[int], sizes: dict[int, int]) -> _Shape:
    between = [b""]
    formats: list[str] = []
    places: list[int] = []

    def add(chosen: Sequence[int]) -> None:
        for place in chosen:
            name, kind, _ = columns[place]
            size = sizes.get(place, 0)
            ending = name.encode() + b"\x00"
            if size < 0:
                between[-1] += _NULL + ending
                continue
            form = kind.format or f"{size}s"
            text = kind.byte == TEXT
            length = Struct(f"<{form}").size
            between[-1] += kind.byte + ending + ((length + 1).to_bytes(4, "little") if text else b"")
            formats.append(form)
            places.append(place)
            between.append(b"\x00" if text else b"")

    add(key)
    identity = _length(between, formats)
    between[0] = _DOCUMENT + b"_id\x00" + identity.to_bytes(4, "little") + between[0]
    between[-1] += b"\x00"
    add(range(len(columns)))
    total = _length(between, formats)
    between[0] = total.to_bytes(4, "little") + between[0]
    between[-1] += b"\x00"
    parts: list[bytes] = []
    layout = "<"
    for constant, form in zip(between, [*formats, ""], strict=True):
        parts += [constant, b""]
        layout += f"{len(constant)}s{form}"
    return _Shape(parts[:-1], itemgetter(*places), Struct(layout).pack)


def _length(between: Sequence[bytes], formats: Sequence[str]) -> int:
    """Return the length of a document of these parts, its own length and its closing byte included."""
    return 4 + sum(map(len, between)) + sum(Struct(f"<{form}").size for form in formats) + 1
