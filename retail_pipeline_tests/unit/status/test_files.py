"""What `status` says of the landing folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from retail_pipeline.errors import WarehouseError
from retail_pipeline.landing import Standing
from retail_pipeline.landing.memory import NAME
from retail_pipeline.landing.tick import tick
from retail_pipeline.settings import Settings
from retail_pipeline.status import files
from retail_pipeline.warehouse import load_stock

NOW = 1_000_000.0


def standing(state: str, age: float = 60, name: str = "a.csv") -> Standing:
    """Return a file that stands in its state for `age` seconds."""
    return Standing(name, state, "why", NOW - age)


def test_a_refused_file_is_a_problem_and_says_why() -> None:
    [line] = files.of([standing("refused")], NOW)

    assert not line.ok
    assert line.name == "a.csv"
    assert "why" in line.detail
    assert "--accept" in line.next_step


def test_a_file_that_waits_is_a_problem_once_it_waits_too_long() -> None:
    [early] = files.of([standing("waiting", files.WAITS_TOO_LONG - 1)], NOW)
    [late] = files.of([standing("waiting", files.WAITS_TOO_LONG + 1)], NOW)

    assert early.ok
    assert not late.ok


@pytest.fixture(name="settings")
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return a deployment with an empty landing folder whose ledger does not answer."""

    def is_away(*_: object) -> list[str]:
        raise WarehouseError("PostgreSQL is away.", "start it")

    monkeypatch.setattr(load_stock, "unset", is_away)
    settings = Settings.from_environment({"RETAIL_HOME": str(tmp_path), "RETAIL_POSTGRES_DSN": "postgresql://"})
    settings.landing.mkdir()
    return settings


def test_what_is_no_csv_is_a_problem_where_its_name_is_that_of_one(settings: Settings) -> None:
    folder = settings.landing
    for name in ("day.csv.gz", "day.CSV.zst", "notes.txt", "photos.zip"):
        (folder / name).touch()
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to(folder / "nowhere")
    (folder / "link").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.Csv")
    tick(settings, lambda _: {}, lambda _: None, NOW)

    _, *lines = files.lines(settings)

    problems = {"day.csv.gz", "day.CSV.zst", "folder.csv", "link.csv", "pipe.Csv"}
    assert {line.name for line in lines if not line.ok} == problems
    assert {line.name for line in lines if line.ok} == {"notes.txt", "photos.zip", "link"}
    assert all("unpack or rename it" in line.next_step for line in lines)


def test_a_heap_of_what_is_no_problem_hides_no_file_that_is_one() -> None:
    heap = [standing("ignored", age=99, name=f"{number}.txt") for number in range(100)]
    lines = files.of([*heap, replace(standing("ignored", name="a.csv.gz"), is_mistake=True)], NOW)

    assert (lines[0].name, lines[0].ok) == ("a.csv.gz", False)
    assert all(line.ok for line in lines[1:])


def test_a_memory_that_cannot_be_read_is_a_problem_and_never_clear(settings: Settings) -> None:
    (settings.home / NAME).write_bytes(b"no database" * 1000)

    stock, line = files.lines(settings)

    assert (stock.name, stock.ok) == ("stock", False)
    assert (line.name, line.ok, line.state) == ("landing folder", False, "unknown")
    assert line.next_step


def test_a_heap_of_files_is_counted_and_hides_no_problem() -> None:
    lines = files.of([standing("refused", name=f"{number}.csv") for number in range(5_000)], NOW)

    assert len(lines) == files.MOST + 1
    assert lines[-1].name == "4,990 more"
    assert not any(line.ok for line in lines)


def test_an_empty_folder_is_clear() -> None:
    assert [line.state for line in files.of([], NOW)] == ["clear"]


def test_a_file_whose_stock_is_still_to_set_is_a_problem() -> None:
    [line] = files.of_unset(["a.csv"])

    assert not line.ok
    assert "up" in line.next_step
