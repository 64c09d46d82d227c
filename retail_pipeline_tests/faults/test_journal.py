"""A journal that was cut short is read to its last whole line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from retail_pipeline_tests.faults import journal
from retail_pipeline_tests.faults.journal import Change, Committed, Journal

KEY = ("inventory", ("1", "7"))


def test_the_last_committed_change_of_a_row_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as opened:
        for number, level in enumerate(("5", "4", "3")):
            opened.intend(Change(str(number), "sale", {KEY: ("1", "7", level)}))
            opened.conclude(str(number), committed=level != "3")

    assert [change.id for change in journal.changes_of(path)] == ["0", "1"]
    assert journal.committed(path) == Committed(Counter(sale=2), {KEY: ("1", "7", "4")}, 2)


def test_a_deleted_row_is_known_as_deleted(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as opened:
        opened.intend(Change("a", "delete_sale", {KEY: None}))
        opened.conclude("a", committed=True)

    assert journal.committed(path).rows == {KEY: None}


def test_a_line_cut_short_is_none_and_the_next_journal_goes_on_after_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as opened:
        opened.intend(Change("a", "sale"))
    path.write_bytes(path.read_bytes() + b'{"event":"committed","i')
    with Journal(path) as opened:
        assert list(opened.unknown) == journal.open_changes(path) == ["a"]
        opened.conclude("a", committed=True)
        assert not opened.unknown

    assert journal.committed(path).changes == 1


def test_what_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as opened:
        opened.intend(Change("a", "sale"))

    assert not list(journal.changes_of(path))
    with pytest.raises(ValueError, match="outcome of a is not known"):
        journal.committed(path)


def test_journals_of_several_writers_are_summed_up(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two")]
    for number, path in enumerate(paths):
        with Journal(path) as opened:
            opened.intend(Change(str(number), "sale", {("inventory", (str(number), "7")): (str(number), "7", "1")}))
            opened.conclude(str(number), committed=True)
    found = journal.committed(*paths)

    assert found.changes == 2
    assert len(found.rows) == 2
