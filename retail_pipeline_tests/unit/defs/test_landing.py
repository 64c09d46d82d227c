"""Which files of the landing folder are loaded, and when."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from retail_pipeline.defs.sensors.landing import Mark, complete, landing_sensor


def test_a_file_waits_until_it_has_stood_still_for_a_tick() -> None:
    first, cursor = complete(None, {"a.csv": Mark(10, 1)})
    growing, cursor = complete(cursor, {"a.csv": Mark(20, 2)})
    ready, _ = complete(cursor, {"a.csv": Mark(20, 2)})

    assert first == []
    assert growing == []
    assert ready == ["a.csv"]


@pytest.mark.parametrize(
    "cursor", ["", "no json", "[]", '{"version": 0, "files": {"a.csv": [10, 1]}}', '{"version": 1}']
)
def test_a_cursor_that_cannot_be_read_lets_every_file_wait(cursor: str) -> None:
    assert complete(cursor, {"a.csv": Mark(10, 1)})[0] == []


def test_the_sensor_asks_for_one_run_a_file_and_for_another_when_it_was_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path))
    folder = tmp_path / "landing"
    folder.mkdir()
    (folder / "day1.csv").write_text("one")
    (folder / "notes.txt").write_text("no sales")

    def tick(cursor: str | None) -> dg.SensorResult:
        result = landing_sensor(dg.build_sensor_context(cursor=cursor))
        assert isinstance(result, dg.SensorResult)
        return result

    before = tick(None)
    first = tick(before.cursor)
    (folder / "day1.csv").write_text("one, mended")
    changed = tick(first.cursor)
    second = tick(changed.cursor)

    assert not before.run_requests
    assert not changed.run_requests
    (one,) = first.run_requests or []
    (two,) = second.run_requests or []
    assert one.run_key != two.run_key
    assert one.run_config["resources"]["sales_file"]["config"]["csv"] == str(folder / "day1.csv")


def test_a_landing_folder_that_is_not_there_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path))

    result = landing_sensor(dg.build_sensor_context())

    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
