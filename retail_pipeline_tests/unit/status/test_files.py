"""What `status` says of the landing folder."""

from __future__ import annotations

from retail_pipeline.landing import Standing
from retail_pipeline.status import files

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


def test_what_is_no_csv_is_named_and_no_problem() -> None:
    [line] = files.of([standing("ignored", name="a.csv.gz")], NOW)

    assert line.ok
    assert line.name == "a.csv.gz"


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
