"""The embedded Kafka: one node that is broker and controller, without ZooKeeper."""

from __future__ import annotations

import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from retail_pipeline.errors import StackError
from retail_pipeline.replication.kafka import ADMIN, Administrator, client_settings
from retail_pipeline.settings import INFRA
from retail_pipeline.stack import jars, java, processes
from retail_pipeline.stack import kafka_users as users
from retail_pipeline.stack.server import Server, new_folder

_OPTIONS = ["-Xms128m", "-Xmx512m"]


class Kafka(Server):
    """Kafka from the jars of infra/jars.txt."""

    name: ClassVar[str] = "kafka"
    title: ClassVar[str] = "Kafka"
    variable: ClassVar[str | None] = "RETAIL_KAFKA_BOOTSTRAP"
    ports: ClassVar[tuple[str, ...] | None] = ("kafka", "kafka_controller")
    stop_timeout: ClassVar[float] = 30

    def configured_address(self) -> str | None:
        """Return the address from the settings."""
        return self.settings.kafka_bootstrap

    def address(self) -> str:
        """Return the embedded broker's address."""
        return f"127.0.0.1:{self.port}"

    def host_port(self, address: str) -> str:
        """Return host:port of the first broker that an address names."""
        host, _, port = address.split(",", maxsplit=1)[0].strip().rpartition(":")
        return f"{'127.0.0.1' if host == 'localhost' else host}:{port}"

    def prepare(self) -> None:
        """Write the settings and the class path; format the data folder beside its place and move it when whole."""
        self.folder.mkdir(exist_ok=True, parents=True)
        self.folder.chmod(0o700)
        paths = jars.fetched(self.settings.home, self.report)
        path = [path for jar, path in paths.items() if jar.part == "kafka"]
        java.options_file(self.folder / "java.options", path, _OPTIONS)
        data = self.folder / "data"
        if not data.exists():
            self._format(data)
        self._write_properties(data)

    def command(self) -> list[str]:
        """Return the command line of the broker."""
        return [*self._java(), "kafka.Kafka", str(self.folder / "server.properties")]

    def check(self, address: str) -> None:
        """Ask the broker for its cluster."""
        host, _, port = self.host_port(address).rpartition(":")
        # The client would log every refused attempt while the broker starts.
        socket.create_connection((host, int(port)), timeout=5).close()
        settings = client_settings(replace(self.settings, kafka_bootstrap=address), ADMIN)
        with closing(Administrator(**settings, request_timeout_ms=5000)) as client:
            if not client.describe_cluster()["brokers"]:
                message = "no broker has joined yet"
                raise ConnectionError(message)

    def complete(self) -> None:
        """Make the users, with what each may do."""
        settings = client_settings(replace(self.settings, kafka_bootstrap=self.address()), ADMIN)
        with closing(Administrator(**settings)) as client:
            users.provision(client, self.settings.credentials)

    def _controller_login(self) -> str:
        password = self.password("controller")
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        return f'{module} required username="controller" password="{password}" user_controller="{password}";'

    def _java(self) -> list[str]:
        return [str(java.program()), f"@{self.folder / 'java.options'}"]

    def _write_properties(self, data: Path) -> None:
        controller = f"127.0.0.1:{self.state.port('kafka_controller')}"
        computed = {
            "listeners": f"CLIENT://{self.address()},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENT://{self.address()}",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(data),
            "listener.name.client.scram-sha-512.sasl.jaas.config": scram_login(ADMIN, self.password(ADMIN)),
            "listener.name.controller.plain.sasl.jaas.config": self._controller_login(),
        }
        write_properties(self.folder / "server.properties", INFRA / "kafka.properties", computed)

    def _format(self, data: Path) -> None:
        unfinished = new_folder(data)
        self._write_properties(unfinished)
        identity = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        words = [
            "-XX:TieredStopAtLevel=1",
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            f"--cluster-id={identity}",
        ]
        words += ["--config", str(self.folder / "server.properties")]
        words += ["--add-scram", f"{users.MECHANISM}=[name={ADMIN},password={self.password(ADMIN)}]"]
        # The administrator's password goes by a file, for a command line is seen by everybody.
        options = self.folder / "format.options"
        options.touch(mode=0o600)
        options.write_text((self.folder / "java.options").read_text() + "".join(f"{java.quoted(it)}\n" for it in words))
        command = [str(java.program()), f"@{options}"]
        log = self.folder / "format.log"
        with log.open("wb") as output:
            done = subprocess.run(command, env=self.environment(), stdout=output, stderr=output, check=False)
        options.unlink()
        if done.returncode:
            message = f"Kafka could not format {unfinished}: {self.redact(processes.tail(log))}"
            raise StackError(message, f"read {log}")
        unfinished.rename(data)


def scram_login(user: str, password: str) -> str:
    """Return the setting with which a Java client logs in."""
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return f'{module} required username="{user}" password="{password}";'


def write_properties(path: Path, template: Path, computed: dict[str, str]) -> None:
    """Write a Java properties file for our eyes only: a template of infra/ and what only this machine knows."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    lines = [f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in computed.items()]
    path.write_text(template.read_text() + "\n# Computed by the stack.\n" + "".join(lines))
