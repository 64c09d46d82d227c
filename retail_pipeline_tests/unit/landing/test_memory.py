"""What the memory of the landing folder keeps, and what its loss costs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from retail_pipeline.errors import SettingError
from retail_pipeline.landing import memory
from retail_pipeline.landing.folder import Mark
from retail_pipeline.landing.memory import File, Memory, State, open_memory, recall

FILE = File(b"caf\xe9.csv", Mark(2**40, 2**62, 3, 2**62), State.READY, 1.5, 0.5, "why", "ab12", 2, 99.5)


def test_what_is_kept_is_there_after_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "state" / "m"
    other = replace(FILE, name=b"b.csv", fingerprint=None)
    with open_memory(path) as one:
        one.keep({FILE.name: FILE, other.name: other})
    with open_memory(path) as two:
        assert two.files == {FILE.name: FILE, other.name: other}
        two.keep({FILE.name: FILE})

    assert recall(path) == [FILE]


def _require_told_and_recreated(path: Path) -> None:
    with pytest.raises(SettingError, match=r"cannot be read in .*/m: "):
        recall(path)
    with open_memory(path) as found:
        assert found.files == {}
        found.keep({FILE.name: FILE})
    assert recall(path) == [FILE]


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_memory_is_told_and_recreated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(content)

    _require_told_and_recreated(path)


@pytest.mark.parametrize(
    "fault",
    [
        "update files set state = 'of tomorrow'",
        "update files set reason = cast(x'ff' as text)",
        "alter table files add column more text",
        "drop table files",
    ],
)
def test_a_memory_whose_rows_nobody_understands_is_told_and_recreated(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "m"
    with open_memory(path) as before:
        before.keep({FILE.name: FILE})
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(fault)

    _require_told_and_recreated(path)


def test_damage_is_known_by_the_last_byte_of_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    with open_memory(path) as before:
        before.keep({FILE.name: FILE})
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
    read, faults = Memory.__init__, [damage]

    def reads(self: Memory, database: sqlite3.Connection) -> None:
        if faults:
            raise faults.pop()
        read(self, database)

    monkeypatch.setattr(Memory, "__init__", reads)
    with open_memory(path) as found:
        assert found.files == {}


def test_a_memory_that_is_empty_or_was_never_begun_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "m").touch()

    assert recall(tmp_path / "m") == recall(tmp_path / "none") == []
    with open_memory(tmp_path / "m") as found:
        assert found.files == {}


def test_a_memory_of_another_version_is_recreated(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with open_memory(path) as before:
        before.keep({FILE.name: FILE})
    with sqlite3.connect(path) as database:
        database.execute("pragma user_version = 99")
    database.close()

    assert recall(path) == []
    with open_memory(path) as found:
        assert found.files == {}


def test_a_memory_that_another_process_holds_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_TIMEOUT_SECONDS", 0.0)
    path = tmp_path / "m"
    with open_memory(path) as before:
        before.keep({FILE.name: FILE})
    holder = sqlite3.connect(path)
    holder.execute("begin exclusive")

    with pytest.raises(SettingError, match="database is locked"), open_memory(path):
        pass
    with pytest.raises(SettingError, match="database is locked"):
        recall(path)

    holder.close()
    assert recall(path) == [FILE]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    path = tmp_path / "m"
    many = {b"%d" % number: replace(FILE, name=b"%d" % number) for number in range(5_000)}
    with open_memory(path) as before:
        before.keep(many)
    written: list[str] = []
    with open_memory(path) as after:
        after._database.set_trace_callback(written.append)  # noqa: SLF001 - what it does is the point
        after.keep(many | {b"7": replace(many[b"7"], state=State.LOADED)})

    assert len([statement for statement in written if statement.startswith(("replace", "delete"))]) == 1


def test_the_run_key_changes_with_the_file_the_change_and_the_try() -> None:
    others = [
        replace(FILE, name=b"caf\xe8.csv"),
        replace(FILE, tries=3),
        *(replace(FILE, mark=FILE.mark._replace(**{part: 7})) for part in Mark._fields),
    ]

    assert len({FILE.run_key, *(other.run_key for other in others)}) == 7
    assert replace(FILE, state=State.ASKED, since=9.0, reason="").run_key == FILE.run_key
