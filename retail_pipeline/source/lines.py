r"""Which lines of a block can a fast parser be trusted with? The others are taken out and read with care.

A line is sound where each quotation mark opens a value at its start, closes it at its end, or is doubled inside it,
and no carriage return stands inside. A sound line is one row, so a broken quotation mark spoils its own line alone.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_QUOTE, _COMMA, _RETURN, _NEWLINE = (ord(mark) for mark in '",\r\n')
# A row with line breaks inside its values ends within so much, or its quotation mark was never closed.
LONGEST_ROW_LINES = 20
LONGEST_ROW_BYTES = 1024 * 1024

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class UnsoundRow:
    """A row that needed care: the line it starts on, its text, and its fields, or None where they cannot be told."""

    line: int
    text: str
    fields: list[str] | None


@dataclass(frozen=True)
class Lines:
    """A block of whole lines taken apart.

    `sound` is the text of the sound lines, `numbers` their line numbers. `lines` and `bytes` were dealt with; what is
    after them waits for the next block.
    """

    sound: bytes
    numbers: Positions
    unsound: list[UnsoundRow]
    lines: int
    bytes: int


def split(block: bytes, first: int, *, last: bool) -> Lines:
    """Take apart a block of UTF-8 whose lines end with a newline each; the number of its first line is `first`."""
    text = np.frombuffer(block, np.uint8)
    ends: Positions = np.flatnonzero(text == _NEWLINE)
    starts: Positions = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    suspects = _badly_quoted(text, ends) | (ends - starts <= 1)
    if not suspects.any():
        return Lines(block, np.arange(first, first + len(ends)), [], len(ends), len(block))
    unsound: list[UnsoundRow] = []
    kept = np.ones(len(ends), np.bool_)
    done = 0
    for index in np.flatnonzero(suspects).tolist():
        if index < done:
            continue
        lines, fields = _read_with_care(block, starts, ends, index)
        if lines == 0 and not last:
            kept[index:] = False
            return Lines(_joined(block, starts, ends, kept), _numbers(kept, first), unsound, index, int(starts[index]))
        done = index + max(lines, 1)
        kept[index:done] = False
        line = block[starts[index] : ends[done - 1]].decode("utf-8").rstrip("\r")
        if line.strip():
            unsound.append(UnsoundRow(first + index, line, fields))
    return Lines(_joined(block, starts, ends, kept), _numbers(kept, first), unsound, len(ends), len(block))


def _badly_quoted(text: npt.NDArray[np.uint8], ends: Positions) -> Mask:
    """Return the lines with a quotation mark or carriage return where none belongs."""
    bad = np.zeros(len(ends), np.bool_)
    returns = np.flatnonzero(text == _RETURN)
    if len(returns):
        stray = returns[text[returns + 1] != _NEWLINE]
        bad[np.searchsorted(ends, stray)] = True
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes):
        return bad
    line = np.searchsorted(ends, quotes)
    before_line = np.searchsorted(quotes, np.concatenate([np.zeros(1, np.int64), ends[:-1]]))
    opening = (np.arange(len(quotes)) - before_line[line]) % 2 == 0
    before = np.where(quotes > 0, text[quotes - 1], _NEWLINE)
    after = text[quotes + 1]
    well = np.where(
        opening,
        np.isin(before, (_COMMA, _NEWLINE, _QUOTE)),
        np.isin(after, (_COMMA, _NEWLINE, _RETURN, _QUOTE)),
    )
    bad[line[~well]] = True
    bad[np.bincount(line, minlength=len(ends)) % 2 == 1] = True
    return bad


def _read_with_care(block: bytes, starts: Positions, ends: Positions, index: int) -> tuple[int, list[str] | None]:
    """Return how many lines the row at `index` takes, 0 where the block ends before that is clear, and its fields."""
    for after in range(index, index + LONGEST_ROW_LINES):
        if after == len(ends):
            return 0, None
        if after > index and ends[after] - starts[index] > LONGEST_ROW_BYTES:
            break
        row = block[starts[index] : ends[after]].decode("utf-8").rstrip("\r")
        try:
            fields = next(csv.reader([row], strict=True), [])
        except csv.Error as error:
            if "unexpected end" in str(error):
                continue
            break
        return after - index + 1, fields
    return 1, None


def fields_of(text: str) -> list[str] | None:
    """Return the fields of one row, or None where they cannot be told."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        return None


def begun_fields(text: str) -> list[str] | None:
    """Return the fields of a row that may end anywhere, in quotation marks too, or None where they cannot be told."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        # A quotation mark that waits for its end holds all that follows it.
        return next(csv.reader([text]), []) if "unexpected end" in str(error) else None


def _numbers(kept: Mask, first: int) -> Positions:
    return np.flatnonzero(kept) + first


def _joined(block: bytes, starts: Positions, ends: Positions, kept: Mask) -> bytes:
    """Return the text of the lines that were kept."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]])))
    return b"".join(
        block[starts[begin] : ends[end - 1] + 1] for begin, end in zip(edges[::2], edges[1::2], strict=True)
    )
