"""What the sensor asks Dagster for, and how it reads the end of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from retail_pipeline.defs.assets.warehouse import load_config
from retail_pipeline.defs.sensors.landing import BY_THE_FILE, RUN_KEY, landing_sensor, outcomes
from retail_pipeline.errors import SourceError, WarehouseError
from retail_pipeline.landing.arrivals import Ended, Outcome
from retail_pipeline.source.file import open_source
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.load_report import LoadReport, RefusedFileError


@pytest.fixture(name="instance")
def _instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the landing folder of a deployment whose ledger is empty."""
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path))
    monkeypatch.delenv("RETAIL_LANDING", raising=False)
    monkeypatch.setattr(ledger, "known", lambda *_: set())
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    """Tick once."""
    result = landing_sensor(dg.build_sensor_context(instance, cursor))
    assert isinstance(result, dg.SensorResult)
    return result


def run(instance: dg.DagsterInstance, key: str, do: Callable[[], None]) -> None:
    """Run a job of one step for a run key."""

    @dg.op
    def step() -> None:
        do()

    @dg.job
    def initial_load() -> None:
        step()

    initial_load.execute_in_process(instance=instance, tags={RUN_KEY: key}, raise_on_error=False)


def test_a_run_is_asked_for_each_file_at_rest_and_another_when_it_was_rewritten(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    (folder / "day1.csv").write_text("one")
    (folder / "notes.txt").write_text("no sales")
    looks = [tick(instance), tick(instance)]
    (folder / "day1.csv").write_text("one, corrected")
    looks += [tick(instance), tick(instance)]

    assert [len(look.run_requests or []) for look in looks] == [0, 1, 0, 1]
    (one,), (two,) = looks[1].run_requests or [], looks[3].run_requests or []
    assert one.run_key != two.run_key
    assert one.tags["file"] == "day1.csv"
    assert one.run_config == load_config(folder / "day1.csv")


def test_a_file_whose_name_is_no_utf_8_is_asked_for_in_characters(folder: Path, instance: dg.DagsterInstance) -> None:
    path = folder / os.fsdecode(b"caf\xe9.CSV")
    path.write_text("no header")
    tick(instance)
    (request,) = tick(instance).run_requests or []

    assert request.tags["file"] == r"caf\xe9.CSV"
    assert request.run_config == load_config(path)
    assert json.dumps(request.run_config, ensure_ascii=False).encode()
    with pytest.raises(SourceError, match=r"caf\\xe9.CSV") as told:
        open_source(path)
    assert str(told.value).encode()


def test_a_tick_over_thousands_of_files_stays_small_and_drops_the_cursor_of_before(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    for number in range(2_000):
        (folder / f"sales of the shop on day number {number}.csv").write_text(str(number))
    sizes = []
    for _ in range(3):
        # As the daemon does it: an empty cursor would leave the one of before.
        found = landing_sensor.evaluate_tick(dg.build_sensor_context(instance, "a cursor of before" * 1_000))
        requests = [(one.run_key, one.run_config, one.tags) for one in found.run_requests or []]
        sizes.append(len(json.dumps([requests, found.skip_message, found.cursor])))

    assert max(sizes) < 10_000


def test_a_landing_folder_that_is_missing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("RETAIL_LANDING", str(tmp_path / "in"))
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path))

    found = tick(instance)

    assert not found.run_requests
    assert str(tmp_path / "in") in str(found.skip_reason)
    assert (tmp_path / "in").is_dir()


def _refuse() -> None:
    raise RefusedFileError("a.csv", LoadReport(7, "", False, False, 10, 0, 5, 0), 0.01)  # noqa: FBT003


def test_every_error_of_a_file_is_known_as_its_own_fault() -> None:
    kinds = {SourceError}
    while more := {one for kind in kinds for one in kind.__subclasses__()} - kinds:
        kinds |= more

    assert {kind.__name__ for kind in kinds} == BY_THE_FILE


def _empty() -> None:
    raise SourceError("a.csv is empty.", "export it again")


def _gone() -> None:
    try:
        Path("/nowhere").read_text()
    except OSError as error:
        raise SourceError("There is no file a.csv.", "check the path") from error


def _not_utf_8() -> None:
    try:
        b"\xe9".decode()
    except UnicodeDecodeError as error:
        raise SourceError("a.csv is not UTF-8.", "export it again") from error


def _away() -> None:
    raise WarehouseError("PostgreSQL is away.", "start it")


def _well() -> None:
    pass


@pytest.mark.parametrize(
    ("do", "ended", "reason"),
    [
        (_well, Ended.WELL, ""),
        (_empty, Ended.BY_THE_FILE, "a.csv is empty."),
        (_not_utf_8, Ended.BY_THE_FILE, "a.csv is not UTF-8."),
        (
            _refuse, Ended.BY_THE_FILE,
            "5 of 10 rows of a.csv (50.0%) break rules, more than 1.0%: nothing was loaded.",
        ),
        (_gone, Ended.OTHERWISE, "There is no file a.csv."),
        (_away, Ended.OTHERWISE, "PostgreSQL is away."),
    ],
)  # fmt: skip
def test_a_failure_is_the_files_own_only_where_the_file_was_read_and_refused(
    instance: dg.DagsterInstance, do: Callable[[], None], ended: Ended, reason: str
) -> None:
    run(instance, "key", do)

    assert outcomes(instance, ["key", "never made"]) == {"key": Outcome(ended, reason)}


def test_a_run_that_ended_without_a_failing_step_may_be_tried_again(instance: dg.DagsterInstance) -> None:
    kinds = {"failed": instance.report_run_failed, "cancelled": instance.report_run_canceled}
    for key, report in kinds.items():
        report(instance.create_run_for_job(_job(), tags={RUN_KEY: key}, status=dg.DagsterRunStatus.STARTED))
    instance.create_run_for_job(_job(), tags={RUN_KEY: "at work"}, status=dg.DagsterRunStatus.STARTED)

    found = outcomes(instance, ["failed", "cancelled", "at work"])

    assert {key: outcome.ended for key, outcome in found.items()} == {
        "failed": Ended.OTHERWISE,
        "cancelled": Ended.OTHERWISE,
        "at work": Ended.NOT_YET,
    }
    assert "failed" in found["failed"].reason
    assert found["cancelled"].reason == "its run was cancelled"


def test_of_several_runs_for_a_key_the_latest_counts(instance: dg.DagsterInstance) -> None:
    run(instance, "key", _empty)
    run(instance, "key", _well)

    assert outcomes(instance, ["key"])["key"].ended is Ended.WELL


def _job() -> dg.JobDefinition:
    @dg.job
    def initial_load() -> None:
        pass

    return initial_load
