"""Opening a file: what is wrong with a whole file is said before a row is read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retail_pipeline import cli
from retail_pipeline.errors import SourceError
from retail_pipeline.settings import SAMPLE
from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.file import check_source, open_source

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
        (
            HEADER.replace("weekday", "weekday\u00a0").encode(),
            r"lacks the column 'weekday'; 'weekday\\xa0' looks like it: ",
        ),
        (HEADER[:-3].encode(), "lacks the column 'actual_demand'.* file ends in this line, so it may be cut"),
        (HEADER[:200].encode() + "é".encode()[:1], "is not UTF-8.* file ends in this line, so it may be cut"),
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


@pytest.mark.parametrize("ask", [open_source, check_source])
def test_what_is_no_regular_file_is_refused_in_a_line_and_nobody_waits_for_it(
    tmp_path: Path, ask: Callable[[Path], object]
) -> None:
    pipe, link, listening = tmp_path / "pipe.csv", tmp_path / "link.csv", tmp_path / "socket.csv"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    kinds = {pipe: "a pipe", link: "a pipe", Path("/dev/null"): "a device", listening: "a socket", tmp_path: "a folder"}
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(listening))
        for path, kind in kinds.items():
            with pytest.raises(SourceError) as refused:
                ask(path)
            assert refused.value.message == f"{path} is {kind}, not a file."
            assert refused.value.next_step


def test_what_another_program_hands_over_is_no_file_of_its_own(tmp_path: Path) -> None:
    with _file(tmp_path, f"{HEADER}\n".encode()).open() as file:
        path = Path(f"/dev/fd/{file.fileno()}")
        with pytest.raises(SourceError, match=f"{path} is the input of this command, not a file of its own"):
            open_source(path)


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_the_command_names_the_path_as_it_was_typed_and_makes_no_run(tmp_path: Path, name: str) -> None:
    script = "import sys; from retail_pipeline.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "load", name],
        input=SAMPLE.read_text(),
        env={"RETAIL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"retail-pipeline: {name} is a pipe, not a file.\n"
        "  Next: save what it gives to a file first, and load that file\n"
    )


@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n"], ids=["missing", "empty", "another header"])
def test_the_command_refuses_what_is_none_of_sales_before_a_run_is_made(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path / "home"))
    path = tmp_path / "sales.csv"
    if content is not None:
        path.write_bytes(content)

    assert cli.main(["load", str(path)]) == 2

    assert str(path) in capsys.readouterr().err


def test_columns_may_stand_in_another_order_and_after_a_byte_order_mark(tmp_path: Path) -> None:
    source = open_source(_file(tmp_path, b"\xef\xbb\xbf" + ",".join(reversed(NAMES)).encode()))

    assert source.columns == tuple(reversed(NAMES))


def test_the_fingerprint_is_that_of_the_whole_file() -> None:
    source = open_source(SAMPLE)

    assert source.size == len(SAMPLE.read_bytes())
    assert source.columns == NAMES
