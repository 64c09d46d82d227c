"""How do a file's rows come into the staging tables? By COPY, batch by batch, while the next ones are being checked."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.settings import SQL
from retail_pipeline.source.date_order import Judgement, Tally
from retail_pipeline.source.file import SourceFile
from retail_pipeline.source.reader import Batch, RejectedRow, read

# Text without quotes costs PostgreSQL a fifth less than CSV; what holds a quote or a backslash goes as CSV.
_GOOD = "copy staging.incoming from stdin"
_QUOTED = "copy staging.incoming from stdin (format csv)"
_REJECTED = "copy staging.rejected from stdin (format csv)"
_PROGRESS_SECONDS = 1.0
_SPOOL_BYTES = 4 * 1024 * 1024
_SENT_AT_ONCE = 64 * 1024
# PostgreSQL has no text with a zero byte; this character is its picture.
_ZERO, _PICTURE_OF_ZERO = "\x00", "\u2400"


def view_file_rows(cursor: Cursor) -> None:
    """Make the view `staging.file_rows`, every loaded row of every file, for scripts that drop it."""
    cursor.execute(f"create view staging.file_rows as {(SQL / 'load' / 'file_rows.sql').read_text()}")


@dataclass(frozen=True)
class Copied:
    """What was read: how many rows, the order that their dates fit, the line that the file ends in the middle of."""

    rows: int
    dates: Judgement
    cut: int | None


def copy(cursor: Cursor, source: SourceFile, report: Callable[[str], None]) -> Copied:
    """Copy the good rows to `incoming` and the others, with their reasons, to `rejected`."""
    started = told = time.monotonic()
    rows = 0
    dates = Tally()
    cut: int | None = None
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8", newline="") as rejected:
        writer = csv.writer(rejected)
        for copy_statement, text, batch in _ahead(source):
            if text:
                cursor.copy_expert(copy_statement, io.BytesIO(text), _SENT_AT_ONCE)
            writer.writerows(_rejected(row) for row in batch.rejected)
            rows += batch.rows
            dates.add(batch.dates)
            cut = batch.cut
            if (now := time.monotonic()) - told > _PROGRESS_SECONDS:
                told = now
                report(_progress(rows, batch.bytes_done, source.size, now - started))
        rejected.seek(0)
        cursor.copy_expert(_REJECTED, cast("TextIO", rejected))
    judgement = dates.judge()
    if judgement.is_question:
        report(judgement.sentence())
    if cut:
        report(f"{source.name} ends in the middle of line {cut}, which is set aside: the file may be cut")
    return Copied(rows, judgement, cut)


def for_copy(batch: Batch) -> tuple[str, bytes]:
    """Return the COPY statement for the good rows and their text: the line, then the columns in declared order."""
    if batch.good.empty:
        return _GOOD, b""
    table = pa.Table.from_pandas(batch.good, preserve_index=False)
    table = table.add_column(0, "file_line", pa.array(batch.good.index))
    with suppress(pa.ArrowInvalid):
        plain = _written(table, "\t", "none")
        if b"\\" not in plain:
            return _GOOD, plain
    return _QUOTED, _written(table, ",", "needed")


def _ahead(source: SourceFile) -> Iterator[tuple[str, bytes, Batch]]:
    """Yield each batch with its text for COPY; meanwhile one thread checks the next ones and one writes their text."""
    batches = read(source)
    with ThreadPoolExecutor(1, "source") as checking, ThreadPoolExecutor(1, "text") as writing:

        def begin() -> Future[tuple[str, bytes, Batch] | None]:
            return writing.submit(_prepared, checking.submit(next, batches, None))

        coming = deque([begin(), begin()])
        while prepared := coming.popleft().result():
            coming.append(begin())
            yield prepared


def _prepared(checked: Future[Batch | None]) -> tuple[str, bytes, Batch] | None:
    batch = checked.result()
    return None if batch is None else (*for_copy(batch), batch)


def _written(table: pa.Table, delimiter: str, quoting_style: str) -> bytes:
    """Write a table of text; raises ArrowInvalid where a value needs quotes and is to have none."""
    target = pa.BufferOutputStream()
    options = pa_csv.WriteOptions(include_header=False, delimiter=delimiter, quoting_style=quoting_style)
    pa_csv.write_csv(table, target, options)
    return bytes(target.getvalue())


def _rejected(row: RejectedRow) -> tuple[int, int | None, int | None, str, str]:
    reasons = [
        {
            "rule": reason.rule,
            "column": reason.column,
            "value": reason.value and reason.value.replace(_ZERO, _PICTURE_OF_ZERO),
            "sentence": reason.sentence.replace(_ZERO, _PICTURE_OF_ZERO),
        }
        for reason in row.reasons
    ]
    values = [value.replace(_ZERO, _PICTURE_OF_ZERO) for value in row.fields]
    return row.line, row.store_id, row.transaction_id, json.dumps(reasons), json.dumps(values)


def _progress(rows: int, done: int, size: int, seconds: float) -> str:
    left = seconds * (size - done) / max(done, 1)
    return f"{rows:,} rows read, {rows / seconds:,.0f} a second, about {left:.0f} s left to read"
