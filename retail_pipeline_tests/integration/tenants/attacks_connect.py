"""What may be tried against Kafka Connect's REST interface, with its password and without, as two tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from retail_pipeline.settings import Settings

# Requests that ask for a password; the connector need not be there.
ENDPOINTS: dict[str, tuple[str, str, Any]] = {
    "the worker": ("GET", "/", None),
    "its health": ("GET", "/health", None),
    "connectors": ("GET", "/connectors", None),
    "connectors with their configurations": ("GET", "/connectors?expand=info", None),
    "a configuration": ("GET", "/connectors/walmart/config", None),
    "a state": ("GET", "/connectors/walmart/status", None),
    "tasks": ("GET", "/connectors/walmart/tasks", None),
    "topics": ("GET", "/connectors/walmart/topics", None),
    "offsets": ("GET", "/connectors/walmart/offsets", None),
    "plugins": ("GET", "/connector-plugins", None),
    "a new connector": ("POST", "/connectors", {"name": "mine", "config": {}}),
    "another configuration": ("PUT", "/connectors/walmart/config", {}),
    "a restart": ("POST", "/connectors/walmart/restart", None),
    "a stop": ("PUT", "/connectors/walmart/stop", None),
    "a pause": ("PUT", "/connectors/walmart/pause", None),
    "other offsets": ("PATCH", "/connectors/walmart/offsets", {"offsets": []}),
    "no offsets": ("DELETE", "/connectors/walmart/offsets", None),
    "a connector less": ("DELETE", "/connectors/walmart", None),
    "a validation": ("PUT", "/connector-plugins/MongoSinkConnector/config/validate", {}),
    "levels of the log": ("GET", "/admin/loggers", None),
    "another level of the log": ("PUT", "/admin/loggers/root", {"level": "TRACE"}),
}
# Requests from worker to worker ask for a signature instead.
INTERNAL: dict[str, tuple[str, str, Any]] = {
    "another worker's tasks": ("POST", "/connectors/walmart/tasks", [{}]),
    "another worker's fence": ("PUT", "/connectors/walmart/fence", None),
}


@dataclass(frozen=True)
class Secret:
    """A reference in a configuration that must stay one, even for somebody with the password of the interface."""

    name: str
    reference: str


def references(home: Path) -> dict[str, Secret]:
    """Return references to what this machine has outside the one folder that the worker may read."""
    secrets = [
        Secret("the machine's users", "${file:/etc/passwd:root}"),
        Secret("the passwords of this deployment", f"${{file:{home}/credentials.json:x}}"),
        Secret("the interface's own users", f"${{file:{home}/connect/users.properties:connect}}"),
        Secret("the worker's login to Kafka", f"${{file:{home}/connect/worker.properties:sasl.jaas.config}}"),
        Secret("the broker's login", f"${{file:{home}/kafka/server.properties:node.id}}"),
        Secret("MongoDB's key", f"${{file:{home}/mongo/keyfile:x}}"),
        Secret("a way out of the folder", f"${{file:{home}/secrets/../connect/worker.properties:group.id}}"),
        Secret("a folder of the same beginning", f"${{file:{home}/secrets-attacked/p.properties:known}}"),
        Secret("a link beside the folder", f"${{file:{home}/link-attacked/p.properties:known}}"),
        Secret("a variable of the environment", "${env:PATH}"),
        Secret("a whole folder", f"${{directory:{home}/connect:users.properties}}"),
    ]
    return {secret.name: secret for secret in secrets}


def ask(
    settings: Settings, request: tuple[str, str, Any], login: tuple[str, str] | None, headers: Mapping[str, str] = {}
) -> requests.Response:
    """Send a request with a login, or without."""
    method, path, body = request
    parts = urlsplit(settings.require("connect_url"))
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, address, json=body, auth=login, headers=dict(headers), timeout=30)


def login_of(settings: Settings) -> tuple[str, str]:
    """Return user and password of the interface."""
    parts = urlsplit(settings.require("connect_url"))
    return unquote(parts.username or ""), unquote(parts.password or "")


def echoed(settings: Settings, reference: str) -> str:
    """Let the worker validate a configuration with a reference in it; return what it says of it."""
    plugin = "MongoSinkConnector"
    config = {
        "connector.class": f"com.mongodb.kafka.connect.{plugin}",
        "name": "attacked",
        "topics": "attacked",
        "collection": reference,
        "connection.uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1",
        # Being wrong, it ends the validation before the worker tries to reach MongoDB.
        "writemodel.strategy": "no.such.Strategy",
        "database": "attacked",
    }
    request = ("PUT", f"/connector-plugins/{plugin}/config/validate", config)
    answer = ask(settings, request, login_of(settings))
    if not answer.ok:
        return answer.text
    values = [one["value"]["value"] for one in answer.json()["configs"] if one["value"]["name"] == "collection"]
    return re.sub(re.escape(reference), "", str(values))
