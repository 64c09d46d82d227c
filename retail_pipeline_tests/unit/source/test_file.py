"""Opening a file: what is wrong with a whole file is said before a row is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline.errors import SourceError
from retail_pipeline.settings import SAMPLE
from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.file import open_source

HEADER = ",".join(NAMES)
ROW = SAMPLE.read_text().splitlines()[1]


def _file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "sales.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (HEADER.replace("weekday,", "").encode(), "lacks the column 'weekday'"),
        (HEADER.replace(",", ";").encode(), "separated by semicolons"),
        (HEADER.replace(",", "\t").encode(), "separated by tabs"),
        (HEADER.replace(",", "|").encode(), "separated by vertical bars"),
        (f"{HEADER},weekday".encode(), "has the column 'weekday' more than once"),
        (f"{HEADER},colour".encode(), "has the unknown column 'colour'"),
        (f"{HEADER},".encode(), "has the unknown column ''"),
        (ROW.encode(), "has no header"),
        (f"{HEADER}\r{ROW}\r".encode(), "carriage returns alone"),
        (f"{HEADER}\n".encode("utf-16"), "UTF-16"),
        (HEADER.replace("weekday", "w\xe9kday").encode("latin-1"), "is not UTF-8: byte"),
        (b"PK\x03\x04 and so on", "a workbook or an archive"),
        (b"\x1f\x8b and so on", "is compressed"),
        (b"x" * 100_000, "no line that ends"),
        (f'"{HEADER}\n'.encode(), "header .* cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_none_of_sales_is_refused_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = _file(tmp_path, content)

    with pytest.raises(SourceError, match=said) as refused:
        open_source(path)

    assert str(path) in refused.value.message
    assert refused.value.next_step


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"There is no file .*/nowhere\.csv"):
        open_source(tmp_path / "nowhere.csv")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        open_source(tmp_path)


def test_columns_may_stand_in_another_order_and_after_a_byte_order_mark(tmp_path: Path) -> None:
    source = open_source(_file(tmp_path, b"\xef\xbb\xbf" + ",".join(reversed(NAMES)).encode()))

    assert source.columns == tuple(reversed(NAMES))


def test_the_fingerprint_is_that_of_the_whole_file() -> None:
    source = open_source(SAMPLE)

    assert source.size == len(SAMPLE.read_bytes())
    assert source.columns == NAMES
