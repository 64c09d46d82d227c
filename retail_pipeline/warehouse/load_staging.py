"""How do a file's rows come into the staging tables? By COPY, batch by batch, while the next batch is being checked."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.source.file import SourceFile
from retail_pipeline.source.reader import Batch, RejectedRow, read

_GOOD = "copy pg_temp.incoming from stdin (format csv)"
_REJECTED = "copy pg_temp.rejected from stdin (format csv)"
_PROGRESS_SECONDS = 1.0
_SPOOL_BYTES = 4 * 1024 * 1024
# PostgreSQL has no text with a zero byte; this character is its picture.
_ZERO, _PICTURE_OF_ZERO = "\x00", "\u2400"


def copy(cursor: Cursor, source: SourceFile, report: Callable[[str], None]) -> int:
    """Copy the good rows to `incoming` and the others, with their reasons, to `rejected`; give how many were read."""
    started = told = time.monotonic()
    rows = 0
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, "w+", encoding="utf-8", newline="") as rejected:
        writer = csv.writer(rejected)
        for text, batch in _ahead(source):
            if text:
                cursor.copy_expert(_GOOD, io.BytesIO(text))
            writer.writerows(_rejected(row) for row in batch.rejected)
            rows += batch.rows
            if (now := time.monotonic()) - told > _PROGRESS_SECONDS:
                told = now
                report(_progress(rows, batch.bytes_done, source.size, now - started))
        rejected.seek(0)
        cursor.copy_expert(_REJECTED, cast("TextIO", rejected))
    return rows


def _ahead(source: SourceFile) -> Iterator[tuple[bytes, Batch]]:
    """Give each batch with its text for COPY, made in a second thread while the one before it is copied."""
    batches = read(source)

    def following() -> tuple[bytes, Batch] | None:
        batch = next(batches, None)
        return None if batch is None else (_text(batch), batch)

    with ThreadPoolExecutor(1, "source") as thread:
        coming = thread.submit(following)
        while (prepared := coming.result()) is not None:
            coming = thread.submit(following)
            yield prepared


def _text(batch: Batch) -> bytes:
    """Write the good rows as COPY reads them: the line first, then the columns in their declared order."""
    if batch.good.empty:
        return b""
    table = pa.Table.from_pandas(batch.good, preserve_index=False)
    table = table.add_column(0, "file_line", pa.array(batch.good.index))
    target = pa.BufferOutputStream()
    pa_csv.write_csv(table, target, pa_csv.WriteOptions(include_header=False, quoting_style="needed"))
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
