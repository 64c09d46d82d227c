"""How names of files are shown, and how paths travel as text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retail_pipeline.errors import RetailError
from retail_pipeline.names import as_text, from_text, shown

LATIN_1 = os.fsdecode(b"caf\xe9.csv")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("day 1.csv", "day 1.csv"),
        ("café.csv", "café.csv"),
        (b"caf\xe9.csv", r"caf\xe9.csv"),
        ("two\nlines\x1b[2J.csv", r"two\nlines\x1b[2J.csv"),
        ("\u202evsc.exe", r"\u202evsc.exe"),
        ("a\\b.csv", r"a\\b.csv"),
    ],
)
def test_what_no_terminal_prints_is_escaped(name: str | bytes, expected: str) -> None:
    assert shown(name) == expected


@pytest.mark.parametrize("name", ["day 1.csv", LATIN_1, "100%.csv", "file:", "two\nlines.csv", os.fsdecode(b"\xff%41")])
def test_a_path_comes_out_of_its_text_as_it_went_in(name: str) -> None:
    path = Path("/srv/in") / name

    text = as_text(path)

    assert from_text(text.encode().decode()) == path


def test_a_path_that_is_characters_is_its_own_text() -> None:
    assert as_text(Path("/srv/in/café 1%.csv")) == "/srv/in/café 1%.csv"


def test_an_error_about_any_name_can_be_printed() -> None:
    error = RetailError(f"There is no file {LATIN_1}.\nSecond line", f"look for {LATIN_1}")

    assert str(error).encode() == rb"There is no file caf\xe9.csv." b"\nSecond line\n  " rb"Next: look for caf\xe9.csv"
