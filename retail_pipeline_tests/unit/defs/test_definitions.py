"""What Dagster is told: complete, loadable anywhere, and with the true lineage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from retail_pipeline.definitions import defs
from retail_pipeline.defs import keys
from retail_pipeline.settings import PROJECT
from retail_pipeline.tables import BUSINESS, MIRRORED, RED

GRAPH = defs().resolve_asset_graph()
SPECS = sorted(defs().resolve_all_asset_specs(), key=lambda spec: spec.key)


@pytest.fixture(name="bare_environment")
def _bare_environment(tmp_path: Path) -> dict[str, str]:
    """Give an environment with an empty Dagster instance and none of the project's settings."""
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path), "LANG": "C.UTF-8"}


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


def test_the_promised_jobs_sensors_and_schedule_are_there() -> None:
    definitions = defs()

    for job in ("initial_load", "green_refresh", "analytics", "resynchronize", "repair"):
        assert definitions.resolve_job_def(job).name == job
    watching = ("connector_health_sensor", "kafka_lag_sensor", "mongo_fidelity_sensor")
    for sensor in (*watching, "landing_sensor", "tenant_watch_sensor"):
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


@pytest.mark.parametrize(
    "command",
    [["dagster", "definitions", "validate", "-w", "workspace.yaml"], ["dg", "check", "defs"]],
    ids=["dagster", "dg"],
)
def test_definitions_are_valid_where_no_server_and_no_setting_is(
    command: list[str], bare_environment: dict[str, str]
) -> None:
    result = subprocess.run(
        command, cwd=PROJECT, env=bare_environment, capture_output=True, text=True, check=False, timeout=180
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_the_definitions_imports_no_server_and_opens_no_connection(bare_environment: dict[str, str]) -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "from retail_pipeline.definitions import defs\n"
        "defs().resolve_asset_graph()\n"
        "assert 'retail_pipeline.stack' not in sys.modules, 'the embedded servers are known to the definitions'\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=bare_environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert result.returncode == 0, result.stderr


def test_dagster_modules_leave_annotations_as_they_are() -> None:
    """Dagster reads the annotation of `context` itself and refuses one that is a string."""
    modules = [*PROJECT.glob("retail_pipeline/defs/**/*.py"), PROJECT / "retail_pipeline/definitions.py"]

    assert not [module for module in modules if "from __future__ import annotations" in module.read_text()]


def _ancestors(key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        for parent in GRAPH.get(waiting.pop()).parent_keys:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found
