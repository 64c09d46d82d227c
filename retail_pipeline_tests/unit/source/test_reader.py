"""Reading a file in blocks: the rows, their lines and their faults do not depend on where the blocks are cut."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
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
    """Return the good rows by line and the others."""
    batches = list(read(open_source(path), block_bytes))
    good: dict[int, tuple[str, ...]] = {}
    for batch in batches:
        good |= dict(zip(batch.good.index.tolist(), batch.good.itertuples(index=False, name=None), strict=True))
    return good, [row for batch in batches for row in batch.rejected]


def _file(tmp_path: Path, *lines: str, end: str = "\r\n") -> Path:
    path = tmp_path / "sales.csv"
    path.write_bytes((end.join([HEADER, *lines]) + end).encode())
    return path


# A block costs the same whatever is in it, so of small ones fewer lines do.
@pytest.mark.parametrize(("block_bytes", "lines"), [(100, 25), (1_000, 250), (7_919, None), (10_000_000, None)])
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


@pytest.mark.parametrize("block_bytes", [150, 10_000_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_last_line_without_its_end_is_set_aside_and_its_last_value_is_blamed(
    tmp_path: Path, block_bytes: int, end: str
) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(end.join([HEADER, *ROWS]).encode()[:-1])

    good, [cut] = _read(path, block_bytes)

    fields = next(csv.reader([ROWS[-1]]))
    assert list(good) == list(range(2, 9))
    assert (cut.line, cut.fields) == (9, (*fields[:-1], fields[-1][:-1]))
    assert (cut.store_id, cut.transaction_id) == (int(fields[8]), int(fields[0]))
    [reason] = cut.reasons
    assert (reason.rule, reason.column, reason.value) == ("cut_short", "actual_demand", fields[-1][:-1])
    assert reason.sentence == (
        f'The file ends in the middle of this line, so the actual demand, "{fields[-1][:-1]}", may be cut; '
        "load the whole file or, where the line is whole, add its line end and load the file again."
    )


def test_what_is_cut_is_the_last_column_of_the_file_whichever_that_is(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    lines = [",".join(f'"{field}"' for field in reversed(next(csv.reader([line])))) for line in (HEADER, *ROWS)]
    path.write_text("\n".join(lines)[:-3])

    _, [cut] = _read(path, 10_000_000)

    assert [(reason.rule, reason.column) for reason in cut.reasons] == [("cut_short", "transaction_id")]
    assert cut.transaction_id is None
    assert cut.store_id is not None


def test_what_is_broken_in_a_cut_line_besides_is_said_too(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    fields = next(csv.reader([ROWS[0]]))
    fields[0] = "none"
    path.write_text(HEADER + "\n" + ",".join(f'"{field}"' for field in fields)[:-2] + "x")

    _, [cut] = _read(path, 10_000_000)

    assert [(reason.rule, reason.column) for reason in cut.reasons] == [
        ("not_a_whole_number", "transaction_id"),
        ("cut_short", "actual_demand"),
    ]


@pytest.mark.parametrize(
    ("tail", "fields", "number"),
    [
        ("77", 1, None),
        ("77,", 2, 77),
        ('77,1001,100,"Tab', 4, 77),
        ('77,1001,100,"Tablet"', 4, 77),
        ('77,"Tab', 2, 77),
        ('"77', 1, None),
    ],
)
def test_a_line_that_is_cut_before_its_last_value_keeps_its_number_where_that_is_whole(
    tmp_path: Path, tail: str, fields: int, number: int | None
) -> None:
    path = _file(tmp_path, *ROWS)
    path.write_bytes(path.read_bytes() + tail.encode())

    good, [cut] = _read(path, 10_000_000)

    assert len(good) == len(ROWS)
    assert (cut.line, len(cut.fields), cut.store_id, cut.transaction_id) == (len(ROWS) + 2, fields, None, number)
    assert [reason.rule for reason in cut.reasons] == ["cut_short"]
    assert "The file ends in the middle of this line" in cut.reasons[0].sentence


def test_a_cut_line_that_has_too_many_values_or_a_stray_quotation_mark_says_both(tmp_path: Path) -> None:
    path = _file(tmp_path, *ROWS)
    for tail, rule in ((ROWS[0] + ",1", "wrong_number_of_values"), ('77,"Tab"let,1', "quotation")):
        path.write_bytes(("\n".join([HEADER, ROWS[1]]) + "\n" + tail).encode())

        _, [cut] = _read(path, 10_000_000)

        assert [reason.rule for reason in cut.reasons] == [rule, "cut_short"]


@pytest.mark.parametrize("kept", [1, 2])
def test_half_a_character_at_the_end_is_a_cut_and_not_another_encoding(tmp_path: Path, kept: int) -> None:
    path = _file(tmp_path, *ROWS)
    path.write_bytes(path.read_bytes() + b"77,1001,100," + "タ".encode()[:kept])

    good, [cut] = _read(path, 10_000_000)

    assert len(good) == len(ROWS)
    assert cut.fields == ("77", "1001", "100", "\ufffd")


def test_blanks_after_the_last_line_are_no_row(tmp_path: Path) -> None:
    path = _file(tmp_path, *ROWS)
    path.write_bytes(path.read_bytes() + b" \r")

    assert _read(path, 10_000_000)[1] == []


_WHOLE = ("\r\n".join([*LINES[:12], LINES[12].replace("Sunny", "Sünny"), *LINES[13:16]]) + "\r\n").encode()
_WHOLE_LINUX = _WHOLE.replace(b"\r\n", b"\n")
_WHOLE_QUOTED = "".join(
    ",".join(f'"{field}"' for field in row) + "\r\n" for row in csv.reader(io.StringIO(_WHOLE.decode()))
).encode()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.sampled_from([_WHOLE, _WHOLE_LINUX, _WHOLE_QUOTED]),
    share=st.floats(0, 1, exclude_max=True),
    block_bytes=st.sampled_from([1_500, 10_000_000]),
)
def test_no_cut_of_a_good_file_loads_a_value_that_the_whole_file_does_not_have(
    tmp_path: Path, whole: bytes, share: float, block_bytes: int
) -> None:
    path = tmp_path / "sales.csv"
    rows = dict(enumerate(map(tuple, csv.reader(io.StringIO(whole.decode()))), 1))
    del rows[1]
    begins = whole.index(b"\n") + 1
    kept = begins + int((len(whole) - begins) * share)

    path.write_bytes(whole[:kept])
    good, aside = _read(path, block_bytes)

    assert good == {line: rows[line] for line in list(rows)[: len(good)]}
    ends_well = whole[kept - 1 : kept] == b"\n"
    assert [(row.line, row.reasons[-1].rule) for row in aside] == (
        [] if ends_well else [(len(good) + 2, "cut_short")]
    ), "each row is loaded or set aside, and no other"
    assert len(good) == whole[:kept].count(b"\n") - 1


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
