"""Which connectors carry the stream? Debezium's source and a MongoDB sink for each streamed table, from infra/."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retail_pipeline import mongodb
from retail_pipeline.errors import ReplicationError
from retail_pipeline.replication import publication, records, slot, topics
from retail_pipeline.replication.connect import Configuration, ConnectClient, is_running
from retail_pipeline.settings import INFRA, Settings
from retail_pipeline.tables import MONGO_DATABASE, RED, SLOT, STREAM_PUBLICATION, TENANT, TOPIC_PREFIX, Table
from retail_pipeline.warehouse import connection

SOURCE = "walmart-source"
TEMPLATES = INFRA / "connectors"
# What Debezium keeps of positions in PostgreSQL's log; it confirms the last commit. They belong to lsn.flush.mode.
_POSITIONS = ("lsn_commit", "lsn", "lsn_proc")
_SINK_OPTIONS = {
    "w": "majority",
    "journal": "true",
    # Longer than a server takes to come back, shorter than the 5 minutes after which Kafka gives a silent consumer up.
    "serverSelectionTimeoutMS": "120000",
    # A connection that died without a sign, as behind a router that forgot it, would be waited for without end.
    "socketTimeoutMS": "30000",
    "appName": "retail-pipeline sink",
}


def sink(table: Table) -> str:
    """Name the connector that writes a streamed table's collection."""
    return f"walmart-sink-{table.name}"


def group(table: Table) -> str:
    """Name the consumer group of a streamed table's sink."""
    return f"connect-{sink(table)}"


def names() -> list[str]:
    """Name every connector, the source first."""
    return [SOURCE, *(sink(table) for table in RED)]


def configurations(settings: Settings) -> dict[str, Configuration]:
    """Return the configuration of every connector by its name; passwords are references to a file, never in it."""
    address = connection.parsed(connection.dsn(settings, connection.CDC))
    secrets = str(_secrets(settings))
    streamed = publication.STREAMED
    found = {
        SOURCE: _filled(
            "source",
            {
                "postgres_host": address.get("host", "localhost"),
                "postgres_port": address.get("port", "5432"),
                "postgres_database": address["dbname"],
                "postgres_user": address["user"],
                "secrets": secrets,
                "slot": SLOT,
                "publication": STREAM_PUBLICATION,
                "prefix": TOPIC_PREFIX,
                "tables": ",".join(table.qualified for table in streamed),
                "tenant": TENANT,
                "partitions": str(topics.PARTITIONS),
                "topics": "|".join(re.escape(table.topic) for table in RED),
                "keys": ";".join(f"{table.qualified}:{','.join(table.key)}" for table in streamed),
            },
        )
    }
    for table in RED:
        values = {
            "tasks": str(topics.PARTITIONS),
            "topic": table.topic,
            "dead_letters": topics.dead_letters(table),
            "collection": table.name,
            "database": MONGO_DATABASE,
            "secrets": secrets,
            "key_schema": records.key_schema(table),
            "row_schema": records.row_schema(table),
        }
        found[sink(table)] = _filled("sink", values)
    return found


def fingerprint(configuration: Mapping[str, str]) -> str:
    """Return what two equal configurations have in common and no others do."""
    text = json.dumps({name: str(value) for name, value in configuration.items() if name != "name"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def register(settings: Settings) -> dict[str, dict[str, Any]]:
    """Register every connector that is missing or differs, and wait until all tasks run; return the state of each.

    What is registered and runs already is left alone. Refused without the slot: Debezium would make one of its own,
    and what was committed before it would never arrive.
    """
    health = slot.health(settings)
    if health is None or not health.usable:
        raise ReplicationError(
            f"The slot {SLOT} {f'is {health.state}' if health else 'does not exist'},"
            " so a stream would begin with a gap.",
            "run the job initial_load, which makes the slot and fills the collections from its snapshot",
        )
    changed_secrets = write_secrets(settings)
    topics.ensure(settings)
    wanted = configurations(settings)
    with ConnectClient(settings.require("connect_url")) as client:
        changed = {name: _bring(client, name, config, changed_secrets) for name, config in wanted.items()}
        states = client.wait_running(list(wanted))
    return {
        name: {
            "state": status["connector"]["state"],
            "tasks": len(status["tasks"]),
            "changed": changed[name],
            "fingerprint": fingerprint(wanted[name]),
        }
        for name, status in states.items()
    }


def _bring(client: ConnectClient, name: str, wanted: Configuration, changed_secrets: set[str]) -> bool:
    """Bring one connector to its configuration and let it run; False where nothing had to be done."""
    present = client.config(name)
    if present is None:
        client.put_config(name, wanted)
        return True
    if fingerprint(present) != fingerprint(wanted):
        try:
            # So that no task goes on for a moment as it was before, with columns that its table has no more.
            client.stop(name)
            client.put_config(name, wanted)
        finally:
            # One that stays stopped is taken for somebody's wish, and nobody heals it.
            client.resume(name)
        return True
    status = client.status(name)
    if status is None or status["connector"]["state"] in ("STOPPED", "PAUSED"):
        client.resume(name)
        return True
    used = {key for key in changed_secrets if any(value.endswith(f":{key}}}") for value in wanted.values())}
    if used:
        client.restart(name)
        return True
    return not is_running(status) and client.restart_failed(name)


def reregister(settings: Settings, wanted: Sequence[str]) -> None:
    """Register these connectors as they should be; whether they run is left as it is, and not waited for."""
    write_secrets(settings)
    topics.ensure(settings)
    known = configurations(settings)
    with ConnectClient(settings.require("connect_url")) as client:
        for name in wanted:
            present = client.config(name)
            if present is None or fingerprint(present) != fingerprint(known[name]):
                client.put_config(name, known[name])


def slot_advanced_past_source(settings: Settings, confirmed_lsn: str, timeout: float | None = None) -> bool:
    """Whether the source would go on from before what the slot has confirmed, which was asked first.

    Debezium keeps how far it has read before it confirms it, so a slot that is further was moved by somebody else, or
    Kafka has lost what it acknowledged. Debezium may go on behind that gap without a word. Of a source that has kept
    nothing yet it cannot be told.

    Raises ReplicationError where Connect does not answer within `timeout` seconds.
    """
    with ConnectClient(settings.require("connect_url"), timeout) as client:
        kept = [[offset[name] for name in _POSITIONS if offset.get(name)] for offset in client.offsets(SOURCE)]
    return any(positions and max(positions) < slot.position(confirmed_lsn) for positions in kept)


def halt(settings: Settings) -> None:
    """Stop the stream and forget how far it had come, its slot with it: nothing of before arrives after this.

    The source stays registered but stopped, because only so can its offsets be deleted, which Connect keeps by name.
    The slot goes before the topics are re-created: a source that somebody resumes in between fills none of them.
    """
    write_secrets(settings)
    # The reader of a topic that somebody deleted cannot commit, and stays in its group for half a minute.
    topics.ensure(settings)
    with ConnectClient(settings.require("connect_url")) as client:
        for table in RED:
            client.delete(sink(table))
        if client.config(SOURCE) is None:
            client.create_stopped(SOURCE, configurations(settings)[SOURCE])
        client.stop(SOURCE)
        client.delete_offsets(SOURCE)
    slot.drop(settings)
    topics.recreate(settings, [group(table) for table in RED])


def write_secrets(settings: Settings) -> set[str]:
    """Write what the references of the configurations stand for, readable to its owner alone; name what changed."""
    path = _secrets(settings)
    address = connection.parsed(connection.dsn(settings, connection.CDC))
    wanted = {
        "postgres.password": address.get("password", ""),
        "mongo.uri": mongodb.uri(settings, mongodb.SINK, _SINK_OPTIONS),
    }
    present = _read(path.read_text()) if path.exists() else {}
    changed = {name for name in wanted if present.get(name) != wanted[name]}
    if changed:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            # In a file of Java properties a backslash begins an escape.
            file.writelines(f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in wanted.items())
        temporary.replace(path)
    return changed


def _read(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name: value.replace(chr(92) * 2, chr(92)) for name, value in pairs}


def _secrets(settings: Settings) -> Path:
    return settings.home / "secrets" / "connect.properties"


def _filled(template: str, values: Mapping[str, str]) -> Configuration:
    """Read a template of infra/connectors and put values in the place of @names@."""
    configuration: Configuration = json.loads((TEMPLATES / f"{template}.json").read_text())
    for name, text in configuration.items():
        for placeholder, value in values.items():
            configuration[name] = configuration[name].replace(f"@{placeholder}@", value)
        if "@" in configuration[name]:
            raise ReplicationError(f"{template}.json: {name} has a placeholder that nothing fills: {text}")
    return configuration
