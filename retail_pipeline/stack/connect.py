"""The embedded Kafka Connect worker with its two plugins, Debezium and the MongoDB sink."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

import requests

from retail_pipeline.settings import INFRA
from retail_pipeline.stack import jars, java
from retail_pipeline.stack.kafka import Kafka, scram_login, write_properties
from retail_pipeline.stack.kafka_users import MECHANISM
from retail_pipeline.stack.server import Server

USER = "connect"
TIMEOUT = 5  # seconds
PLUGINS = ("debezium", "mongodb")
_NEEDED = ("io.debezium.connector.postgresql.PostgresConnector", "com.mongodb.kafka.connect.MongoSinkConnector")
# What the MongoDB plugin's jar does not say about itself. With it Connect need not search every class of every jar.
_MANIFESTS = {
    "META-INF/services/org.apache.kafka.connect.sink.SinkConnector": "com.mongodb.kafka.connect.MongoSinkConnector\n",
}
# The worker itself, and what it gives to connectors.
_CLIENTS = ("", "producer.", "consumer.", "admin.")
# A backlog makes much that lives briefly: with room for it the collector has a third of the work.
_OPTIONS = ["-Xms640m", "-Xmn400m", "-Xmx1g"]


class Connect(Server):
    """Kafka Connect from the jars of infra/jars.txt, in distributed mode."""

    name: ClassVar[str] = "connect"
    title: ClassVar[str] = "Kafka Connect"
    variable: ClassVar[str | None] = "RETAIL_CONNECT_URL"
    stop_timeout: ClassVar[float] = 30

    def configured_address(self) -> str | None:
        """Return the address from the settings."""
        return self.settings.connect_url

    def address(self) -> str:
        """Return the embedded worker's REST address, with its password."""
        return f"http://{USER}:{quote(self.password(USER))}@127.0.0.1:{self.port}"

    def host_port(self, address: str) -> str:
        """Return host:port."""
        parts = urlsplit(address)
        return f"{'127.0.0.1' if parts.hostname == 'localhost' else parts.hostname}:{parts.port or 8083}"

    def prepare(self) -> None:
        """Write the settings, the password file and the plugin folders."""
        self.folder.mkdir(exist_ok=True, parents=True)
        self.folder.chmod(0o700)
        secrets = self.settings.home / "secrets"
        secrets.mkdir(exist_ok=True, mode=0o700)
        paths = jars.fetched(self.settings.home, self.report)
        login = self._write_login()
        path = [path for jar, path in paths.items() if jar.part == "kafka"]
        options = [*_OPTIONS, f"-Djava.security.auth.login.config={login}"]
        java.options_file(self.folder / "java.options", path, options)
        self._lay_out_plugins({jar: path for jar, path in paths.items() if jar.part in PLUGINS})
        computed = {
            "bootstrap.servers": Kafka(self.settings, self.state).current() or "",
            "listeners": f"http://127.0.0.1:{self.port}",
            "rest.advertised.host.name": "127.0.0.1",
            "plugin.path": str(self.folder / "plugins"),
            "config.providers.file.param.allowed.paths": str(secrets),
        } | self._kafka_login()
        write_properties(self.folder / "worker.properties", INFRA / "connect.properties", computed)

    def command(self) -> list[str]:
        """Return the command line of the worker."""
        main = "org.apache.kafka.connect.cli.ConnectDistributed"
        return [str(java.program()), f"@{self.folder / 'java.options'}", main, str(self.folder / "worker.properties")]

    def check(self, address: str) -> None:
        """Ask for the worker's health and for the two plugins."""
        health = requests.get(f"{address}/health", timeout=TIMEOUT)
        health.raise_for_status()
        plugins = requests.get(f"{address}/connector-plugins", timeout=TIMEOUT)
        plugins.raise_for_status()
        missing = set(_NEEDED) - {plugin["class"] for plugin in plugins.json()}
        if missing:
            message = f"it has no plugin {', '.join(sorted(missing))}"
            raise LookupError(message)

    def _kafka_login(self) -> dict[str, str]:
        """Return the settings with which the worker and its connectors log in to Kafka, where it asks for that."""
        password = self.settings.credentials.known(f"{Kafka.name}/{USER}")
        if password is None:
            return {}
        login = {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": MECHANISM,
            "sasl.jaas.config": scram_login(USER, password),
        }
        return {f"{client}{name}": value for client in _CLIENTS for name, value in login.items()}

    def _write_login(self) -> Path:
        """Write who may use the REST interface."""
        users = self.folder / "users.properties"
        users.touch(mode=0o600)
        users.write_text(f"{USER}: {self.password(USER)}\n")
        login = self.folder / "login.conf"
        module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
        login.write_text(f'KafkaConnect {{\n  {module} required file="{users}";\n}};\n')
        return login

    def _lay_out_plugins(self, paths: dict[jars.Jar, Path]) -> None:
        """Make a folder for each plugin, with exactly its jars."""
        unfinished, plugins = self.folder / "plugins.new", self.folder / "plugins"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in PLUGINS:
            (unfinished / part).mkdir(parents=True)
        for jar, path in paths.items():
            (unfinished / jar.part / path.name).symlink_to(path)
        with zipfile.ZipFile(unfinished / "mongodb" / "manifests.jar", "w") as archive:
            for name, content in _MANIFESTS.items():
                archive.writestr(name, content)
        shutil.rmtree(plugins, ignore_errors=True)
        unfinished.rename(plugins)
