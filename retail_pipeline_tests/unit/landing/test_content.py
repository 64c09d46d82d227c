"""What is known of a file's content before its run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from retail_pipeline.landing import content
from retail_pipeline.landing.content import Content, look_into
from retail_pipeline.landing.folder import scan
from retail_pipeline.landing.memory import File, State


def only(folder: Path) -> File:
    """Return the one file of a folder as it is now."""
    (entry,) = scan(folder)
    return File(entry.name, entry.mark, State.READY, 0, 0)


def test_the_fingerprint_is_that_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"sales" * 1_000_000)

    assert look_into(tmp_path, only(tmp_path)).fingerprint == hashlib.sha256(b"sales" * 1_000_000).hexdigest()


def test_a_file_that_a_program_has_open_for_writing_is_left_alone_however_long_it_rests(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w") as writer:
        writer.write("half")
        writer.flush()
        during = look_into(tmp_path, only(tmp_path))
    after = look_into(tmp_path, only(tmp_path))

    assert during == Content(None, "a program has it open for writing")
    assert after.fingerprint


def test_of_a_file_that_was_replaced_since_nothing_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old")
    file = only(tmp_path)
    (tmp_path / "a.csv").unlink()
    os.mkfifo(tmp_path / "a.csv")

    assert look_into(tmp_path, file) == Content(None)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "LARGEST", 3)
    (tmp_path / "a.csv").write_text("four")

    assert look_into(tmp_path, only(tmp_path)) == Content("")
