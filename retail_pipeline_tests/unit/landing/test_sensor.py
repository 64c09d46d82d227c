"""What a look leaves behind in Dagster, and what it learns there of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from retail_pipeline.defs.keys import CSV
from retail_pipeline.defs.sensors.landing import RUN_KEY, landing_sensor, outcomes
from retail_pipeline.errors import SourceError
from retail_pipeline.landing.arrivals import Ended, Outcome
from retail_pipeline_tests.unit.landing.conftest import Landing


def test_a_look_leaves_a_log_only_where_it_asks_for_a_run_or_has_news(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(landing.settings.home))
    monkeypatch.delenv("RETAIL_LANDING", raising=False)
    home = tmp_path / "dagster"
    home.mkdir()
    logged: list[bool] = []

    @dg.job
    def initial_load() -> None:
        pass

    with dg.DagsterInstance.local_temp(str(home)) as instance:

        def look() -> None:
            context = dg.SensorEvaluationContext(
                instance.get_ref(),
                repository_name="ours",
                sensor_name="landing_sensor",
                log_key=["ours", str(len(logged))],
            )
            with context:
                found = landing_sensor.evaluate_tick(context)
            for request in found.run_requests or []:
                tags = {RUN_KEY: str(request.run_key)}
                instance.create_run_for_job(initial_load, tags=tags, status=dg.DagsterRunStatus.STARTED)
            logged.append((home / "storage" / "ours" / f"{len(logged)}.err").exists())

        look()
        landing.put("a.csv")
        look()
        look()
        look()
        landing.put("a.csv.gz")
        look()
        look()

    # Nothing there, first seen, asked for, at work, another that is no CSV, still there.
    assert logged == [False, False, True, False, True, False]


@pytest.mark.parametrize("is_fine", [True, False])
def test_the_end_of_a_run_tells_the_fingerprint_of_the_file_it_read(is_fine: bool) -> None:
    @dg.op(out=dg.Out(dg.Nothing))
    def read() -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        yield dg.AssetMaterialization(["another"], metadata={"sha256": "cd"})
        yield dg.AssetMaterialization(CSV, metadata={"sha256": "ab"})
        yield dg.Output(None)

    @dg.op(ins={"after": dg.In(dg.Nothing)})
    def load() -> None:
        if not is_fine:
            raise SourceError("a.csv is not UTF-8.", "export it again")

    @dg.job
    def initial_load() -> None:
        load(read())

    with dg.DagsterInstance.ephemeral() as instance:
        initial_load.execute_in_process(instance=instance, tags={RUN_KEY: "key"}, raise_on_error=False)
        found = outcomes(instance, ["key"])["key"]

    refused = Outcome(Ended.BY_THE_FILE, "a.csv is not UTF-8.", "ab")
    assert found == (Outcome(Ended.WELL, fingerprint="ab") if is_fine else refused)
