"""Which rows does a file hold, and which of them are good? Batches of bounded size, whatever the file's length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from retail_pipeline.errors import SourceError
from retail_pipeline.source import date_order, rules
from retail_pipeline.source.columns import BY_NAME, LARGEST_NUMBER, LONGEST_TEXT, NAMES
from retail_pipeline.source.date_order import Seen
from retail_pipeline.source.file import SourceFile, opened
from retail_pipeline.source.lines import Lines, UnsoundRow, begun_fields, fields_of, split
from retail_pipeline.source.rules import Reason

BLOCK_BYTES = 6 * 1024 * 1024
LONGEST_LINE = 64 * 1024 * 1024
CUT_SHORT = "cut_short"
_HALF_A_CHARACTER = "unexpected end of data"  # what Python calls it
_NEXT = "load the whole file or, where the line is whole, add its line end and load the file again"
_CUT = Reason(CUT_SHORT, None, None, f"The file ends in the middle of this line, so values are missing; {_NEXT}.")


@dataclass(frozen=True)
class RejectedRow:
    """A row that is set aside: its line in the file, every reason, its fields as text.

    Where the row has a value for each column they are in the declared order, else as the line has them.
    """

    line: int
    reasons: tuple[Reason, ...]
    fields: tuple[str, ...]
    store_id: int | None = None
    transaction_id: int | None = None


@dataclass(frozen=True)
class Batch:
    """Some rows of the file: the good ones as text columns in the declared order, labelled by their line; the others.

    `bytes_done` counts from the start of the file. `dates` are those of all rows that have a value for each column;
    `cut` is the line that the file ends in the middle of, which is one of those rejected.
    """

    good: pd.DataFrame
    rejected: list[RejectedRow]
    bytes_done: int
    dates: Seen = date_order.NOTHING
    cut: int | None = None

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return len(self.good) + len(self.rejected)


def read(source: SourceFile, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """Read the file batch by batch; raise SourceError where it turns out not to be one, or is changed meanwhile."""
    with opened(source.path) as file:
        source.check_unchanged(file)
        file.seek(source.body)
        yield from _batches(source, file, block_bytes)
        source.check_unchanged(file)


def _batches(source: SourceFile, file: BinaryIO, block_bytes: int) -> Iterator[Batch]:
    waiting = b""
    line = 2
    done = source.body
    last = False
    while not last:
        block = file.read(block_bytes)
        last = not block
        waiting += block
        end = waiting.rfind(b"\n") + 1
        if not end:
            _check_length(source, waiting, line)
            continue
        _check_characters(source, waiting[:end], line)
        lines = split(waiting[:end], line, last=last)
        waiting = waiting[lines.bytes :]
        line += lines.lines
        done += lines.bytes
        yield _batch(source, lines, done)
    if waiting.strip():
        yield _cut(source, waiting, line)


def _check_length(source: SourceFile, waiting: bytes, line: int) -> None:
    if len(waiting) > LONGEST_LINE:
        message = f"Line {line} of {source.path} is longer than {LONGEST_LINE // 1024 // 1024} MB."
        raise SourceError(message, "check that it is the right file; a row of sales has some hundred characters")


def _check_characters(source: SourceFile, block: bytes, line: int) -> None:
    if block.isascii():
        return
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _no_character(source, error, line) from error


def _no_character(source: SourceFile, error: UnicodeDecodeError, line: int) -> SourceError:
    line += error.object.count(b"\n", 0, error.start)
    column = error.start - (error.object.rfind(b"\n", 0, error.start) + 1) + 1
    message = f"{source.path} is not UTF-8: byte {column} of line {line} is no character."
    return SourceError(message, "export it again as CSV in UTF-8")


def _batch(source: SourceFile, lines: Lines, bytes_done: int) -> Batch:
    table, ragged = _parse(lines, source.columns)
    frame = table.to_pandas()
    frame.index = pd.Index(np.delete(lines.numbers, [position for position, _ in ragged]))
    careful: list[UnsoundRow] = []
    rejected: list[RejectedRow] = []
    for row in lines.unsound:
        if row.fields is not None and len(row.fields) == len(NAMES):
            careful.append(row)
        else:
            rejected.append(_malformed(row, source.columns))
    for position, text in ragged:
        if text.strip():
            row = UnsoundRow(int(lines.numbers[position]), text, fields_of(text))
            rejected.append(_malformed(row, source.columns))
    if careful:
        labels = [row.line for row in careful]
        more = pd.DataFrame([row.fields for row in careful], labels, list(source.columns), dtype="str")
        frame = pd.concat([frame, more]).sort_index()
    frame = frame[list(NAMES)]
    dates = date_order.look(frame["transaction_date"], frame["weekday"])
    if reasons := rules.broken(frame):
        bad = frame.index.isin(list(reasons))
        rejected.extend(_rejected(reasons, frame[bad]))
        frame = frame[~bad]
    return Batch(frame, sorted(rejected, key=lambda row: row.line), bytes_done, dates)


def _cut(source: SourceFile, tail: bytes, line: int) -> Batch:
    """Set aside the last line of a file that does not end with it: nothing tells whether its last value is whole."""
    try:
        text = tail.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != _HALF_A_CHARACTER:
            raise _no_character(source, error, line) from error
        text = tail[: error.start].decode("utf-8") + "\ufffd"
    row = UnsoundRow(line, text.rstrip("\r"), begun_fields(text.rstrip("\r")))
    if row.fields is not None and len(row.fields) == len(NAMES):
        rejected = _cut_in_last_value(line, row.fields, source.columns)
    else:
        malformed = _malformed(row, source.columns)
        reasons = (_CUT,) if row.fields is not None and len(row.fields) < len(NAMES) else (*malformed.reasons, _CUT)
        # Of the only value nobody knows how much is missing, so it is no number of a sale.
        number = malformed.transaction_id if len(malformed.fields) > 1 else None
        rejected = replace(malformed, reasons=reasons, transaction_id=number)
    return Batch(pd.DataFrame(columns=list(NAMES), dtype="str"), [rejected], source.size, cut=line)


def _cut_in_last_value(line: int, fields: list[str], columns: tuple[str, ...]) -> RejectedRow:
    last, value = BY_NAME[columns[-1]], fields[-1]
    sentence = (
        f'The file ends in the middle of this line, so the {last.label}, "{value[:LONGEST_TEXT]}", may be cut; {_NEXT}.'
    )
    frame = pd.DataFrame([fields], [line], list(columns), dtype="str")[list(NAMES)]
    others = [reason for reason in rules.broken(frame).get(line, []) if reason.column != last.name]
    return next(_rejected({line: [*others, Reason(CUT_SHORT, last.name, value, sentence)]}, frame))


def _parse(lines: Lines, columns: tuple[str, ...]) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Parse the sound lines; return the table and, by their position among them, the rows of another width."""
    ragged: list[tuple[int, str]] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        ragged.append((row.number - 1, row.text))
        return "skip"

    types = dict.fromkeys(columns, pa.string())
    if not lines.sound:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()}), ragged
    table = pa_csv.read_csv(
        pa.BufferReader(lines.sound),
        pa_csv.ReadOptions(column_names=list(columns), use_threads=False, block_size=len(lines.sound)),
        pa_csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=skip),
        pa_csv.ConvertOptions(
            column_types=types, strings_can_be_null=False, quoted_strings_can_be_null=False, check_utf8=False
        ),
    )
    return table, ragged


def _malformed(row: UnsoundRow, columns: tuple[str, ...]) -> RejectedRow:
    """Return the rejection of a row whose values cannot be told apart, or are too few or too many."""
    if row.fields is None:
        sentence = "A quotation mark is opened and not closed, or stands inside a value, so its values cannot be told."
        return RejectedRow(row.line, (Reason("quotation", None, None, sentence),), (row.text,))
    wanted, found = len(columns), len(row.fields)
    sentence = (
        f"The row has {found} values where the header has {wanted} columns; "
        "a comma is missing or too many, or a value with a comma is not in quotation marks."
    )
    reason = Reason("wrong_number_of_values", None, None, sentence)
    # Of the columns only the first is surely where it belongs.
    number = row.fields[0] if columns[0] == "transaction_id" else ""
    readable = number.isascii() and number.isdigit() and 0 < int(number[:20]) <= LARGEST_NUMBER
    return RejectedRow(row.line, (reason,), tuple(row.fields), None, int(number) if readable else None)


def _rejected(reasons: dict[int, list[Reason]], rows: pd.DataFrame) -> Iterator[RejectedRow]:
    for line, values in zip(rows.index.tolist(), rows.itertuples(index=False, name=None), strict=True):
        blamed = {reason.column for reason in reasons[line]}
        named = dict(zip(NAMES, values, strict=True))
        yield RejectedRow(
            line,
            tuple(reasons[line]),
            values,
            None if "store_id" in blamed else int(named["store_id"]),
            None if "transaction_id" in blamed else int(named["transaction_id"]),
        )
