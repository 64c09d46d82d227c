"""What the operator sees in Dagster: the runs, the checks, the sensors' reports; and the shell's way to a run."""

from __future__ import annotations

import getpass
from dataclasses import replace

import dagster as dg
import pytest

from retail_pipeline import stack
from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors.kafka_lag import CHECK, kafka_lag_sensor
from retail_pipeline.defs.sensors.mongo_fidelity import mongo_fidelity_sensor
from retail_pipeline.mirror import client
from retail_pipeline.replication import connectors
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BUSINESS, MIRRORED, RED
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.deployment.conftest import Deployment


@pytest.fixture(name="platform")
def _platform(deployment: Deployment) -> Platform:
    """Return the resource with the deployment's addresses."""
    return platform_of(deployment.settings)


def platform_of(settings: Settings) -> Platform:
    """Return the resource of these settings."""
    return Platform(
        postgres_dsn=settings.require("postgres_dsn"),
        mongo_uri=settings.require("mongo_uri"),
        kafka_bootstrap=settings.require("kafka_bootstrap"),
        connect_url=settings.require("connect_url"),
    )


def test_the_ui_shows_the_run_with_a_row_count_for_every_table(instance: dg.DagsterInstance) -> None:
    runs = instance.get_runs(filters=dg.RunsFilter(job_name="initial_load"))

    assert runs[-1].status is dg.DagsterRunStatus.SUCCESS
    for table in BUSINESS:
        event = instance.get_latest_materialization_event(keys.postgres(table.name))
        assert event is not None
        assert event.asset_materialization is not None
        assert "dagster/row_count" in event.asset_materialization.metadata


def test_a_run_of_the_command_stands_on_the_page_of_its_job_as_one_of_this_code_location(
    instance: dg.DagsterInstance, deployment: Deployment
) -> None:
    selector = stack.repository().replace("{", '{pipelineName: "initial_load", ', 1)
    page = stack.ask_dagster(
        deployment.settings,
        f"{{ pipelineOrError(params: {selector}) {{ ... on Pipeline {{ runs {{ runId tags {{ key value }}"
        " repositoryOrigin { repositoryLocationName repositoryName } } } } }",
    )
    found = {run["runId"]: run for run in page["pipelineOrError"]["runs"]}
    first = instance.get_runs(filters=dg.RunsFilter(job_name="initial_load"))[-1]

    assert found[first.run_id]["repositoryOrigin"] == {
        "repositoryLocationName": stack.LOCATION,
        "repositoryName": stack.REPOSITORY,
    }
    tags = {tag["key"]: tag["value"] for tag in found[first.run_id]["tags"]}
    assert tags["file"] == deployment.csv.name
    assert tags["started_by"] == getpass.getuser()


def test_no_secret_is_in_a_run_its_configuration_or_its_events(
    instance: dg.DagsterInstance, deployment: Deployment
) -> None:
    known = deployment.settings.credentials.path.read_text()
    secrets = {value for value in known.split('"') if len(value) > 30}
    assert secrets
    text = ""
    for run in instance.get_runs():
        text += str(run.run_config) + str(run.tags)
        text += "".join(str(entry) for entry in instance.all_logs(run.run_id))

    assert not [secret for secret in secrets if secret in text]


def test_the_lag_sensor_reports_every_topic_and_remembers_problem(
    instance: dg.DagsterInstance, platform: Platform, deployment: Deployment
) -> None:
    well = _tick(kafka_lag_sensor, instance, platform, None)

    checks = [event for event in well.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {check.asset_key for check in checks} == {keys.topic(table.name) for table in RED}
    assert all(check.passed and check.check_name == CHECK for check in checks)

    table = RED[0]
    with ConnectClient(deployment.settings.require("connect_url")) as connect:
        connect.stop(connectors.sink(table))
        try:
            connect.delete_offsets(connectors.sink(table))
            ill = _tick(kafka_lag_sensor, instance, platform, well.cursor)
            still = _tick(kafka_lag_sensor, instance, platform, ill.cursor)
        finally:
            connect.resume(connectors.sink(table))
            connect.wait_running([connectors.sink(table)])

    failed = [
        event.asset_key for event in ill.asset_events if isinstance(event, dg.AssetCheckEvaluation) and not event.passed
    ]
    assert failed == [keys.topic(table.name)]
    assert "new: " in str(ill.skip_reason)
    assert "has no offset" in str(still.skip_reason)
    assert "new: " not in str(still.skip_reason)


def test_the_fidelity_sensor_reports_every_collection_and_notices_a_lost_document(
    instance: dg.DagsterInstance, platform: Platform, deployment: Deployment
) -> None:
    well = _tick(mongo_fidelity_sensor, instance, platform, None)
    checks = [event for event in well.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {check.asset_key for check in checks if check.passed} == {keys.mongodb(table.name) for table in MIRRORED}

    settings = deployment.settings
    with client.connect(settings, client.administrator(settings)) as mongo:
        mirror = client.mirror(mongo)
        lost = {name: mirror[name].find_one_and_delete({}) for name in ("suppliers", "inventory")}
        try:

            def noticed() -> dg.SensorResult | None:
                """Tick until the stream is on time, without which a difference is no news."""
                found = _tick(mongo_fidelity_sensor, instance, platform, well.cursor)
                return found if "new: inventory" in str(found.skip_reason) else None

            ill: dg.SensorResult = mirrored.eventually(noticed, "news of the lost document", timeout=120)
        finally:
            for name, document in lost.items():
                assert document is not None
                mirror[name].insert_one(document)
    over = _tick(mongo_fidelity_sensor, instance, platform, ill.cursor)

    assert "new: inventory" in str(ill.skip_reason)
    assert "suppliers differs, for it is as of " in str(ill.skip_reason)
    assert "recovered: inventory" in str(over.skip_reason)


def test_the_fidelity_sensor_says_so_when_it_cannot_tell(instance: dg.DagsterInstance, deployment: Deployment) -> None:
    nowhere = "postgresql://postgres:none@127.0.0.1:1/walmart"
    away = platform_of(replace(deployment.settings, postgres_dsn=nowhere))

    silent = _tick(mongo_fidelity_sensor, instance, away, None)

    assert "could not be made" in str(silent.skip_reason)
    assert not silent.asset_events


def test_a_shell_starts_the_job(deployment: Deployment) -> None:
    extra = stack.variables(deployment.settings) | {"RETAIL_CSV": str(deployment.csv)}

    deployment.run("dagster", "job", "execute", "-m", "retail_pipeline.definitions", "-j", "initial_load", extra=extra)


def _tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, platform: Platform, cursor: str | None
) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"platform": platform})
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result
