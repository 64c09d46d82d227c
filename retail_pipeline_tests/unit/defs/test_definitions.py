"""What Dagster is told: complete, loadable anywhere, and with the true lineage."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import dagster as dg
import pytest

from retail_pipeline import analytics
from retail_pipeline.definitions import defs
from retail_pipeline.defs import keys
from retail_pipeline.defs.assets.warehouse import load_config
from retail_pipeline.defs.resources import SalesFile
from retail_pipeline.settings import PROJECT
from retail_pipeline.tables import BUSINESS, MIRRORED, RED

GRAPH = defs().resolve_asset_graph()
SPECS = sorted(defs().resolve_all_asset_specs(), key=lambda spec: spec.key)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_every_asset_says_what_it_is_and_who_owns_it(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.group_name not in (None, "default")
    assert spec.kinds
    assert spec.owners == keys.OWNERS


@pytest.mark.parametrize(
    "spec",
    [spec for spec in SPECS if spec.key in GRAPH.materializable_asset_keys],
    ids=lambda spec: spec.key.to_user_string(),
)
def test_every_materializable_asset_has_a_version_and_a_freshness_policy(spec: dg.AssetSpec) -> None:
    assert spec.code_version
    assert spec.freshness_policy is not None


def test_what_needs_mongodb_is_tried_again_where_its_process_was_restarted() -> None:
    steps = [
        one for one in (*(defs().assets or ()), *(defs().asset_checks or ())) if isinstance(one, dg.AssetsDefinition)
    ]
    policies = {
        step.op.name: step.op.retry_policy
        for step in steps
        if step.is_executable
        for key in (*step.keys, *(check.asset_key for check in step.check_keys))
        if key.path[0] == "mongodb"
    }

    assert policies == dict.fromkeys(policies, keys.MONGODB_AGAIN)
    assert {"green_collections", "sampled_fidelity"} <= policies.keys()


def test_every_table_has_its_asset_in_postgresql_and_in_mongodb() -> None:
    known = {spec.key for spec in SPECS}

    assert {keys.postgres(table.name) for table in BUSINESS} <= known
    assert {keys.mongodb(table.name) for table in MIRRORED} <= known
    assert {keys.topic(table.name) for table in RED} <= known


@pytest.mark.parametrize("table", MIRRORED, ids=lambda table: table.name)
def test_every_collection_descends_from_the_file(table: object) -> None:
    assert keys.CSV in _ancestors(keys.mongodb(table.name))  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", RED, ids=lambda table: table.name)
def test_a_streamed_collection_comes_through_its_topic(table: object) -> None:
    name = table.name  # type: ignore[attr-defined]

    assert keys.topic(name) in GRAPH.get(keys.mongodb(name)).parent_keys
    assert keys.postgres(name) in GRAPH.get(keys.topic(name)).parent_keys


def test_every_analytic_descends_from_the_collections_that_it_reads() -> None:
    alerts = _ancestors(keys.mongodb("fraud_alerts"))
    stock = _ancestors(keys.mongodb("inventory_analytics"))

    assert {keys.mongodb(name) for name in ("transactions", "transaction_details", "observations")} <= alerts
    assert {keys.mongodb(name) for name in ("inventory", "products")} <= stock


def _columns(key: dg.AssetKey) -> dict[str, str]:
    schema = next(spec for spec in SPECS if spec.key == key).metadata["dagster/column_schema"]
    return {column.name: column.type for column in schema.columns}


def test_each_asset_shows_the_types_of_the_server_that_has_it() -> None:
    assert _columns(keys.postgres("transaction_details"))["unit_price"] == "numeric(12,2)"
    assert _columns(keys.topic("transaction_details"))["unit_price"] == "decimal, scale 2"
    assert _columns(keys.mongodb("transaction_details"))["unit_price"] == "Decimal128"
    assert _columns(keys.mongodb("transactions"))["_id"] == "Object"
    for collection, answers in analytics.COLLECTIONS.items():
        assert list(_columns(keys.mongodb(collection))) == list(answers.fields)


def test_every_check_can_be_executed_by_itself() -> None:
    together = [
        checks
        for checks in (*(defs().asset_checks or ()), *(defs().assets or ()))
        if isinstance(checks, dg.AssetsDefinition) and len(checks.check_keys) > 1 and not checks.keys
    ]

    assert len(together) >= 3
    assert [checks.op.name for checks in together if not checks.can_subset] == []


def test_the_promised_jobs_sensors_and_schedule_are_there() -> None:
    definitions = defs()

    for job in ("initial_load", "green_refresh", "analytics", "resynchronize", "repair"):
        assert definitions.resolve_job_def(job).name == job
    watching = ("connector_health_sensor", "kafka_lag_sensor", "mongo_fidelity_sensor")
    for sensor in (*watching, "landing_sensor", "lost_runs_sensor", "tenant_watch_sensor", "alarm_sensor"):
        assert definitions.resolve_sensor_def(sensor).default_status is dg.DefaultSensorStatus.RUNNING
    schedule = definitions.resolve_schedule_def("green_schedule")
    assert schedule.job_name == "green_refresh"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_load_of_postgresql_cannot_be_split_for_it_is_one_transaction() -> None:
    loads = [
        asset for asset in defs().resolve_asset_graph().assets_defs if asset.is_executable and asset.op.name == "load"
    ]

    assert len(loads) == 1
    assert not loads[0].can_subset


def test_no_asset_passes_anything_on_through_a_store_that_all_runs_share() -> None:
    """An IO manager keeps one value for each asset: of two runs at once one would read what the other wrote."""
    assets = [asset for asset in GRAPH.assets_defs if asset.is_executable and asset.keys]

    passed_on = [
        f"{asset.op.name} {name}"
        for asset in assets
        for name, kind in _values_of(asset)
        if not kind.is_nothing and name not in asset.check_specs_by_output_name
    ]

    assert len(assets) > 5
    assert passed_on == []


@pytest.mark.parametrize(
    "path",
    ["/sales/day 1.csv", "/sales/Größe.csv", os.fsdecode(b"/sales/caf\xe9 100%.csv"), "/sales/a\nb.csv"],
    ids=["space", "UTF-8", "Latin-1", "line break"],
)
def test_the_file_of_a_run_is_the_one_that_was_named_whatever_its_name_is(path: str) -> None:
    config = load_config(Path(path), accept=True)["resources"]["sales_file"]["config"]
    kept = json.loads(json.dumps(config, ensure_ascii=False).encode())

    assert SalesFile(**kept).named == Path(path)
    assert kept["accept"] is True


def test_two_runs_at_once_each_load_their_own_file(tmp_path: Path) -> None:
    """Both choose their file before either loads it."""
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    both_chose = threading.Barrier(2, timeout=60)
    loaded = {}

    @dg.asset(key=keys.CSV)
    def chosen(sales_file: SalesFile) -> None:
        assert sales_file.named
        both_chose.wait()

    @dg.asset(deps=[keys.CSV])
    def load(sales_file: SalesFile) -> None:
        both_chose.wait()
        loaded[threading.current_thread().name] = sales_file.path

    def run(file: Path) -> None:
        dg.materialize(
            [chosen, load],
            resources={"sales_file": SalesFile(csv="", accept=False)},
            run_config=load_config(file),
            instance=dg.DagsterInstance.ephemeral(str(tmp_path)),
        )

    threads = [threading.Thread(target=run, args=(file,), name=file.name) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert loaded == {file.name: file for file in files}


def test_dagster_modules_leave_annotations_as_they_are() -> None:
    """Dagster reads the annotation of `context` itself and refuses one that is a string."""
    modules = [*PROJECT.glob("retail_pipeline/defs/**/*.py"), PROJECT / "retail_pipeline/definitions.py"]

    assert not [module for module in modules if "from __future__ import annotations" in module.read_text()]


def _values_of(asset: dg.AssetsDefinition) -> list[tuple[str, dg.DagsterType]]:
    inputs = [(one.name, one.dagster_type) for one in asset.op.input_defs]
    return inputs + [(one.name, one.dagster_type) for one in asset.op.output_defs]


def _ancestors(key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        for parent in GRAPH.get(waiting.pop()).parent_keys:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
