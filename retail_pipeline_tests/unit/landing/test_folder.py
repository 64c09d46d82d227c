"""What of the landing folder is a file to load, and what is named instead."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from retail_pipeline.errors import SettingError
from retail_pipeline.landing.folder import Mark, promises_sales, scan


def faults(folder: Path) -> dict[bytes, str]:
    """Return by name why something is no file to load; empty for one that is."""
    return {entry.name: entry.fault for entry in scan(folder)}


@pytest.mark.parametrize("name", [b"a.csv", b"A.CSV", b"a.Csv", b"caf\xe9.csv", b"\xff\xfe.CSV", b"two\nlines.csv"])
def test_a_csv_of_any_case_and_in_any_bytes_is_a_file_to_load(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(b"x")

    (entry,) = scan(tmp_path)

    assert (entry.name, entry.fault) == (name, "")
    found = os.stat(path)  # noqa: PTH116 - a name in bytes
    assert entry.mark == Mark(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.csv.gz", "it is compressed"),
        ("a.CSV.ZIP", "it is compressed"),
        ("a.csv.part", "does not end with .csv"),
        ("notes.txt", "does not end with .csv"),
    ],
)
def test_what_is_no_csv_is_named_with_the_reason(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).touch()

    assert told in faults(tmp_path)[name.encode()]


@pytest.mark.parametrize(
    ("name", "promises"),
    [
        (b"a.csv", True),
        (b"caf\xe9.CSV", True),
        (b"a.csv.gz", True),
        (b"a.CSV.Zip", True),
        (b"a.csv.bz2", True),
        (b"a.csv.xz", True),
        (b"a.csv.zst", True),
        (b"a.csv.part", False),
        (b"photos.zip", False),
        (b"notes.txt", False),
        (b"csv", False),
    ],
)
def test_a_name_that_ends_as_a_csv_packed_or_not_promises_sales(name: bytes, promises: bool) -> None:
    assert promises_sales(name) is promises


def test_what_is_no_regular_file_is_named_and_never_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.csv").symlink_to(tmp_path / "round.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.csv"))
        found = faults(tmp_path)

    assert found == {
        b"folder.csv": "it is a folder: put the files themselves here",
        b"pipe.csv": "it is no regular file",
        b"link.csv": "it is a link to a file that is not there",
        b"round.csv": "it cannot be looked at: Too many levels of symbolic links",
        b"socket.csv": "it is no regular file",
    }


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / ".real").write_text("sales")
    (tmp_path / "a.csv").symlink_to(tmp_path / ".real")

    (entry,) = scan(tmp_path)

    assert entry.mark == Mark.of((tmp_path / ".real").stat())


def test_hidden_files_and_folders_are_nobodys_delivery(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.Xy12").touch()
    (tmp_path / "archive").mkdir()

    assert scan(tmp_path) == []


def test_a_landing_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    assert scan(tmp_path / "state" / "landing") == []
    assert (tmp_path / "state" / "landing").is_dir()


def test_a_landing_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "landing").touch()

    with pytest.raises(SettingError, match="landing cannot be read: "):
        scan(tmp_path / "landing")
