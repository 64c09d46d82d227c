"""Reading a file in blocks: the rows, their lines and their faults do not depend on where the blocks are cut."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.errors import SourceError
from retail_pipeline.settings import SAMPLE
from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.file import open_source
from retail_pipeline.source.lines import split
from retail_pipeline.source.reader import Batch, RejectedRow, read

LINES = SAMPLE.read_text().splitlines()
HEADER, ROWS = LINES[0], LINES[1:9]


def _read(path: Path, block_bytes: int) -> tuple[dict[int, tuple[str, ...]], list[RejectedRow]]:
    """Give the good rows by line and the others."""
    batches = list(read(open_source(path), block_bytes))
    good: dict[int, tuple[str, ...]] = {}
    for batch in batches:
        good |= dict(zip(batch.good.index.tolist(), batch.good.itertuples(index=False, name=None), strict=True))
    return good, [row for batch in batches for row in batch.rejected]


def _file(tmp_path: Path, *lines: str, end: str = "\r\n") -> Path:
    path = tmp_path / "sales.csv"
    path.write_bytes((end.join([HEADER, *lines]) + end).encode())
    return path


# A block costs the same whatever is in it, so of the smallest a hundred lines do.
@pytest.mark.parametrize(("block_bytes", "lines"), [(100, 100), (1_000, None), (7_919, None), (10_000_000, None)])
def test_every_row_is_read_as_a_plain_reader_reads_it(tmp_path: Path, block_bytes: int, lines: int | None) -> None:
    text = "\r\n".join(LINES[:lines]) + "\r\n"
    path = tmp_path / "sales.csv"
    path.write_bytes(text.encode())

    good, rejected = _read(path, block_bytes)

    expected = list(csv.reader(io.StringIO(text)))[1:]
    assert list(good.values()) == [tuple(row) for row in expected]
    assert list(good) == list(range(2, len(expected) + 2))
    assert rejected == []


@pytest.mark.parametrize("block_bytes", [150, 1_000, 10_000_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_faults_spoil_their_own_line_alone(tmp_path: Path, block_bytes: int, end: str) -> None:
    lines = list(ROWS)
    lines[1] = lines[1].replace('"', "", 1)  # a quotation mark that closes nothing
    lines[3] = lines[3].replace(', FL"', ", FL").replace(', CA"', ", CA").replace(', TX"', ", TX")
    lines[3] = lines[3].replace(', NY"', ", NY").replace(', IL"', ", IL")  # one that is never closed
    lines[5] = lines[5].rpartition(",")[0]
    lines[6] += ",1"

    good, rejected = _read(_file(tmp_path, *lines, end=end), block_bytes)

    assert list(good) == [2, 4, 6, 9]
    assert [(row.line, row.reasons[0].rule) for row in rejected] == [
        (3, "wrong_number_of_values"),
        (5, "quotation"),
        (7, "wrong_number_of_values"),
        (8, "wrong_number_of_values"),
    ]


@pytest.mark.parametrize("block_bytes", [150, 10_000_000])
def test_a_line_break_inside_a_value_counts_as_one_row_and_its_lines_are_counted(
    tmp_path: Path, block_bytes: int
) -> None:
    broken = ROWS[1].replace(", ", ",\n", 1)

    good, rejected = _read(_file(tmp_path, ROWS[0], broken, ROWS[2]), block_bytes)

    assert list(good) == [2, 5]
    assert [(row.line, [reason.rule for reason in row.reasons]) for row in rejected] == [(3, ["unprintable"])]
    assert len(rejected[0].fields) == len(NAMES)


def test_blank_lines_are_no_rows_and_are_counted(tmp_path: Path) -> None:
    good, rejected = _read(_file(tmp_path, "", ROWS[0], "   ", ROWS[1], ""), 10_000_000)

    assert (list(good), rejected) == ([3, 5], [])


def test_a_last_line_without_an_end_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("\n".join([HEADER, *ROWS]))

    good, _ = _read(path, 1_000)

    assert list(good) == list(range(2, 10))


def test_a_quotation_mark_inside_a_word_is_part_of_it(tmp_path: Path) -> None:
    fields = next(csv.reader([ROWS[0]]))
    fields[3] = 'TV 55"'
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    plain = text.getvalue().replace('"TV 55"""', 'TV 55"')

    good, rejected = _read(_file(tmp_path, text.getvalue(), plain), 10_000_000)

    assert ([row[3] for row in good.values()], rejected) == (['TV 55"', 'TV 55"'], [])


def test_columns_in_another_order_come_in_the_declared_one(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    rows = [dict(zip(NAMES, row, strict=True)) for row in csv.reader(ROWS)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(reversed(NAMES)))
        writer.writeheader()
        writer.writerows(rows)

    good, _ = _read(path, 10_000_000)

    assert [dict(zip(NAMES, row, strict=True)) for row in good.values()] == rows


def test_a_byte_that_is_no_character_stops_the_reading_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes("\n".join([HEADER, *ROWS[:3]]).encode() + b"\n\xff\n")

    with pytest.raises(SourceError, match="is not UTF-8: byte 1 of line 5"):
        _read(path, 10_000_000)


def test_a_file_that_is_changed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, *ROWS)
    batches = read(open_source(path), 500)
    next(batches)
    with path.open("a") as file:
        file.write(ROWS[0])

    with pytest.raises(SourceError, match="was changed while it was being read"):
        list(batches)


def test_a_file_that_is_changed_between_its_fingerprint_and_its_reading_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, *ROWS)
    source = open_source(path)
    os.utime(path, ns=(0, 0))

    with pytest.raises(SourceError, match="was changed"):
        next(read(source))


def test_a_row_of_ten_million_characters_is_set_aside_whole(tmp_path: Path) -> None:
    fields = next(csv.reader([ROWS[1]]))
    fields[3] = "x" * 10_000_000

    good, rejected = _read(_file(tmp_path, ROWS[0], ",".join(f'"{field}"' for field in fields), ROWS[2]), 1_000_000)

    assert list(good) == [2, 4]
    assert (rejected[0].reasons[0].rule, len(rejected[0].fields[3])) == ("too_long", 10_000_000)
    assert len(rejected[0].reasons[0].sentence) < 500


@given(st.text(alphabet='a,"\r\n', max_size=60))
def test_taking_lines_apart_loses_no_line(text: str) -> None:
    block = (text + "\n").encode()

    lines = split(block, 2, last=True)

    assert (lines.lines, lines.bytes) == (block.count(b"\n"), len(block))
    sound = [line.rstrip("\r") for line in lines.sound.decode().split("\n")[:-1]]
    plain = block.decode().split("\n")
    assert sound == [plain[number - 2].rstrip("\r") for number in lines.numbers]
    for line in sound:
        assert len(list(csv.reader([line], strict=True))) == 1
    assert all(row.line not in lines.numbers for row in lines.unsound)


def test_a_batch_counts_its_rows() -> None:
    batches: list[Batch] = list(read(open_source(SAMPLE), 5_000))

    assert sum(batch.rows for batch in batches) == len(LINES) - 1
    assert batches[-1].bytes_done == SAMPLE.stat().st_size
