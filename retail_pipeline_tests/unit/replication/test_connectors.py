"""What is registered is complete, needs no hand, and holds no secret."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from retail_pipeline.errors import ReplicationError
from retail_pipeline.replication import connectors
from retail_pipeline.replication.connect import ConnectClient
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED, SLOT, STREAM_PUBLICATION

MONGO = "mongodb://admin:root-secret@mongo.example:27017/?replicaSet=rs0&authSource=admin"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = replace(
        Settings.from_environment({"RETAIL_HOME": str(tmp_path)}),
        postgres_dsn="postgresql://postgres:root-secret@db.example:6543/walmart",
        mongo_uri=MONGO,
    )
    made.credentials.passwords(["postgres/retail_cdc", "mongo/retail_sink"])
    return made


def test_there_is_a_source_and_a_sink_for_each_streamed_table(settings: Settings) -> None:
    found = connectors.configurations(settings)
    assert list(found) == connectors.names()
    assert [config["collection"] for config in list(found.values())[1:]] == [table.name for table in RED]
    assert [config["topics"] for config in list(found.values())[1:]] == [table.topic for table in RED]


def test_the_source_reads_the_streamed_tables_from_the_slot_that_exists(settings: Settings) -> None:
    source = connectors.configurations(settings)[connectors.SOURCE]
    assert source["database.hostname"] == "db.example"
    assert source["database.port"] == "6543"
    assert (source["slot.name"], source["publication.name"]) == (SLOT, STREAM_PUBLICATION)
    assert source["publication.autocreate.mode"] == "disabled"
    assert source["snapshot.mode"] == "no_data"
    assert {table.qualified for table in RED} < set(source["table.include.list"].split(","))


@pytest.mark.parametrize(
    ("kept", "slot_advanced_past_source"),
    [
        ([], False),
        ([{"ts_usec": 7}], False),
        ([{"lsn_commit": 0x10, "lsn": 0x20, "lsn_proc": 0x20}], False),
        ([{"lsn_commit": 0x1F, "lsn": None, "lsn_proc": 0x18}], True),
    ],
)
def test_the_slot_advanced_past_a_source_where_all_that_it_keeps_is_before_the_slot(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kept: list[dict[str, int]], *, slot_advanced_past_source: bool
) -> None:
    monkeypatch.setattr(ConnectClient, "offsets", lambda _, name: kept if name == connectors.SOURCE else [])
    connected = replace(settings, connect_url="http://connect.example:8083")
    assert connectors.slot_advanced_past_source(connected, "0/20") is slot_advanced_past_source


def test_no_configuration_holds_a_password(settings: Settings) -> None:
    connectors.write_secrets(settings)
    text = json.dumps(connectors.configurations(settings))
    known = json.loads((settings.home / "credentials.json").read_text())
    assert known
    for secret in ["root-secret", *known.values()]:
        assert secret not in text


def test_every_reference_leads_to_a_secret_that_only_its_owner_can_read(settings: Settings) -> None:
    connectors.write_secrets(settings)
    path = settings.home / "secrets" / "connect.properties"
    secrets = dict(line.split("=", 1) for line in path.read_text().splitlines())
    for config in connectors.configurations(settings).values():
        for value in config.values():
            if value.startswith("${"):
                _, file, key = value.strip("${}").split(":")
                assert file == str(path)
                assert secrets[key]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_secrets_are_written_again_only_when_they_changed(settings: Settings) -> None:
    assert connectors.write_secrets(settings) == {"postgres.password", "mongo.uri"}
    assert connectors.write_secrets(settings) == set()
    settings.credentials.rotate("mongo/retail_sink")
    assert connectors.write_secrets(settings) == {"mongo.uri"}


def test_the_sink_waits_for_the_majority_and_does_not_connect_as_the_administrator(settings: Settings) -> None:
    connectors.write_secrets(settings)
    text = (settings.home / "secrets" / "connect.properties").read_text()
    assert "w=majority" in text
    assert "journal=true" in text
    assert "mongodb://retail_sink:" in text
    assert "root-secret" not in text


def test_a_fingerprint_tells_configurations_apart_whatever_their_order() -> None:
    one = {"a": "1", "b": "2"}
    assert connectors.fingerprint(one) == connectors.fingerprint({"b": "2", "a": "1", "name": "as Connect adds it"})
    assert connectors.fingerprint(one) != connectors.fingerprint(one | {"a": "2"})


def test_every_setting_has_its_reason() -> None:
    reasons = (connectors.TEMPLATES / "README.md").read_text()
    for template in ("source", "sink"):
        for name in json.loads((connectors.TEMPLATES / f"{template}.json").read_text()):
            assert f"`{name}`" in reasons, f"{template}.json: {name}"


def test_a_connector_that_does_not_stop_in_time_is_not_left_to_stop_later() -> None:
    """Nobody heals what is stopped, for that may be somebody's wish."""

    class Slow:
        """A worker whose connector does not stop in time."""

        def __init__(self) -> None:
            self.resumed: list[str] = []

        def config(self, _: str) -> dict[str, str]:
            return {"a": "1"}

        def stop(self, name: str) -> None:
            raise ReplicationError(f"Connector {name} was told to stop and has not.")

        def resume(self, name: str) -> None:
            self.resumed.append(name)

    worker = Slow()
    with pytest.raises(ReplicationError, match="has not"):
        connectors._bring(worker, "sink", {"a": "2"}, set())  # type: ignore[arg-type]  # noqa: SLF001

    assert worker.resumed == ["sink"]
