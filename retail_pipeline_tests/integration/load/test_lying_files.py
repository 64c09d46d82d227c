"""Files that lie: one that was cut, and one whose dates stand in another order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retail_pipeline.errors import SourceError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.load import load_file
from retail_pipeline.warehouse.load_report import DoubtfulDatesError, RefusedFileError
from retail_pipeline_tests.integration.load import files


def _aside(settings: Settings) -> list[tuple[object, ...]]:
    return files.ask(
        settings,
        "select file_line, transaction_id, jsonb_path_query_array(reasons, '$[*].rule'), released_by "
        "from retail.quarantine order by file_id",
    )


def test_a_file_cut_in_its_last_value_and_then_the_whole_one_leave_the_value_of_the_whole(
    warehouse: Settings, tmp_path: Path
) -> None:
    rows = [files.row(transaction_id=number, actual_demand=478) for number in range(1, 151)]
    whole = files.write(tmp_path / "whole.csv", rows)
    cut = tmp_path / "cut.csv"
    cut.write_bytes(whole.read_bytes()[: -len("8\r\n")])

    first = load_file(warehouse, cut)
    assert (first.read, first.loaded, first.quarantined) == (150, 149, 1)
    assert _aside(warehouse) == [(151, 150, ["cut_short"], None)]

    second = load_file(warehouse, whole)
    assert (second.read, second.loaded, second.duplicates, second.released) == (150, 1, 149, 1)
    assert _aside(warehouse) == [(151, 150, ["cut_short"], second.file_id)]
    assert files.ask(warehouse, "select distinct actual_demand from retail.demand_forecast") == [(478,)]
    assert files.rebuilt(warehouse, second.file_id) == [files.values(whole)[-1]]


def test_a_small_file_that_is_cut_says_so_when_it_is_refused(warehouse: Settings, tmp_path: Path) -> None:
    whole = files.write(tmp_path / "whole.csv", [files.row(transaction_id=1), files.row(transaction_id=2)])
    cut = tmp_path / "cut.csv"
    cut.write_bytes(whole.read_bytes().rstrip())

    with pytest.raises(
        RefusedFileError, match=r"nothing was loaded\. The file ends in the middle of line 3, so it may"
    ):
        load_file(warehouse, cut)

    assert load_file(warehouse, whole).released == 1


def _cuts(line: str) -> list[int]:
    return sorted({1, 2, len(line) - 1, *range(0, len(line), 23), line.index('"') + 1, line.index('"') + 3} - {0})


def test_wherever_the_last_line_is_cut_it_joins_its_sale_when_the_whole_file_comes(
    warehouse: Settings, tmp_path: Path
) -> None:
    line = files.write(tmp_path / "one.csv", [files.row(transaction_id=1000)]).read_text().splitlines()[-1]
    for number, kept in enumerate(_cuts(line), 1000):
        basket = [files.row(transaction_id=number, product_id=product) for product in (100, 101, 102)]
        whole = files.write(tmp_path / f"whole {number}.csv", basket)
        cut = tmp_path / f"cut {number}.csv"
        before, _, last = whole.read_bytes().rstrip().rpartition(b"\n")
        cut.write_bytes(before + b"\n" + last[:kept])

        first = load_file(warehouse, cut, accept=True)
        second = load_file(warehouse, whole)

        assert (first.read, first.loaded, first.quarantined) == (3, 2, 1), kept
        assert (second.loaded, second.duplicates, second.released) == (1, 2, 1), kept
        assert files.rebuilt(warehouse, second.file_id) == files.values(whole)[-1:]

    assert files.ask(warehouse, "select count(*) from retail.quarantine where released_by is null") == [(0,)]


def _dates(written: Callable[[int, int], str], **values: object) -> list[dict[str, str]]:
    return [
        files.row(transaction_id=100 * month + day, transaction_date=written(month, day), **values)
        for month in range(1, 13)
        for day in range(1, 13)
    ]


def test_dates_that_fit_another_order_as_well_are_asked_about_and_load_with_accept(
    warehouse: Settings, tmp_path: Path
) -> None:
    path = files.write(tmp_path / "swapped.csv", _dates(lambda month, day: f"{day}/{month}/2024 9:00"))

    with pytest.raises(DoubtfulDatesError) as refused:
        load_file(warehouse, path)

    assert "as well as month/day/year. So nothing of swapped.csv was loaded." in refused.value.message
    assert refused.value.message.count(" as month/day/year, ") == 3
    assert "load CSV --accept" in refused.value.next_step
    assert files.ask(warehouse, "select accepted, rows_read, rows_loaded from retail.files") == [(False, 144, 0)]
    assert files.ask(warehouse, "select count(*) from retail.transactions") == [(0,)]

    assert load_file(warehouse, path, accept=True).loaded == 144
    assert files.ask(
        warehouse, "select max(transaction_date)::text from retail.transactions where transaction_id = 102"
    ) == [("2024-02-01 09:00:00",)]


def test_a_file_of_which_many_rows_are_no_dates_says_that_they_look_like_another_order(
    warehouse: Settings, tmp_path: Path
) -> None:
    rows = [
        files.row(transaction_id=number, transaction_date=f"{number}/3/2024 9:00", weekday="Monday")
        for number in range(1, 29)
    ]

    with pytest.raises(RefusedFileError, match=r"The dates fit day/month/year better than month/day/year\."):
        load_file(warehouse, files.write(tmp_path / "swapped.csv", rows))


def test_a_pipe_is_refused_by_the_load_too(warehouse: Settings) -> None:
    with pytest.raises(SourceError, match="/dev/null is a device, not a file"):
        load_file(warehouse, Path("/dev/null"))
