"""Dagster's servers: the code server has the definitions, the web UI and the daemon ask it.

A daemon that keeps a code server of its own replaces it every minute, which costs seconds of processor each time and
the memory of several. One beside it stays, see
https://docs.dagster.io/deployment/code-locations/running-a-code-location-server.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar

import grpc
import psutil
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

from retail_pipeline.errors import StackError
from retail_pipeline.settings import INFRA, Settings
from retail_pipeline.stack.addresses import environment, variables
from retail_pipeline.stack.processes import Process
from retail_pipeline.stack.server import Server

LOCATION = "retail_pipeline"
REPOSITORY = "__repository__"  # Dagster's name for the only one of a code location
_MODULE = "retail_pipeline.definitions"
_WORKSPACE = """load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {location}}}
"""
_RELOAD = """mutation {{ reloadRepositoryLocation(repositoryLocationName: "{location}") {{
    ... on WorkspaceLocationEntry {{ locationOrLoadError {{ ... on PythonError {{ message }} }} }}
    ... on Error {{ message }} }} }}"""
_RELOADED_WITHIN = 180.0  # as long as Dagster's own limit on loading definitions; a busy machine takes a minute
_DAEMONS = """{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy lastHeartbeatTime } } } }"""
_LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name
    locationOrLoadError { ... on PythonError { message causes { message } } } } } } }"""


def prepare_home(settings: Settings) -> None:
    """Put dagster.yaml into DAGSTER_HOME; a file in a folder that is not ours is left as it is."""
    target = settings.dagster_home / "dagster.yaml"
    ours = settings.dagster_home.is_relative_to(settings.home)
    if ours or not target.exists():
        settings.dagster_home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(INFRA / "dagster.yaml", target)


class _Dagster(Server):
    """What they have in common."""

    @property
    def workspace(self) -> Path:
        """The file that tells where the code server is."""
        return self.settings.home / CodeServer.name / "workspace.yaml"

    def configured_address(self) -> str | None:
        """Return None: there is no address in the settings for these."""
        return None

    @property
    def web(self) -> str:
        """The web UI's address, where all of Dagster is asked."""
        return f"http://127.0.0.1:{self.state.port(Webserver.name)}"

    def address(self) -> str:
        """Return the web UI's address; the daemon is asked there too."""
        return self.web

    def host_port(self, address: str) -> str:
        """Return host:port."""
        return address.removeprefix("http://")

    def prepare(self) -> None:
        """See that there is a database to keep runs in."""
        if not environment(self.settings)["RETAIL_DAGSTER_DSN"]:
            message = "RETAIL_DAGSTER_DSN is not set, and PostgreSQL is not the embedded one."
            raise StackError(message, "make a database for Dagster and set RETAIL_DAGSTER_DSN to its address")

    def environment(self) -> dict[str, str]:
        """Return the variables with which definitions find every server."""
        base = super().environment()
        path = f"{Path(sys.executable).parent}{os.pathsep}{base.get('PATH', os.defpath)}"
        return base | self.settings.choices() | variables(self.settings) | {"PATH": path, "PYTHONUNBUFFERED": "1"}

    def ask(self, query: str, within: float = 30.0) -> dict[str, Any]:
        """Put a GraphQL query to the web server."""
        answer = requests.post(f"{self.web}/graphql", json={"query": query}, timeout=within)
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def reload(self) -> str:
        """Let the code server load the definitions again; return why it did not, empty where it did."""
        try:
            answer = self.ask(_RELOAD.format(location=LOCATION), _RELOADED_WITHIN)["reloadRepositoryLocation"]
        except requests.RequestException as error:
            return type(error).__name__
        problem = (answer.get("locationOrLoadError") or answer).get("message", "")
        return self.redact((problem.strip().splitlines() or [""])[-1])


class CodeServer(_Dagster):
    """The server of the definitions: it evaluates schedules and sensors and starts runs.

    The process that is started passes questions on to one below it, which has the definitions, and goes on without it.
    """

    name: ClassVar[str] = "dagster_code_server"
    title: ClassVar[str] = "Dagster's code server"

    def address(self) -> str:
        """Return host:port."""
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Write where it will be."""
        super().prepare()
        self.workspace.parent.mkdir(parents=True, exist_ok=True)
        self.workspace.write_text(_WORKSPACE.format(port=self.port, location=LOCATION))

    def command(self) -> list[str]:
        """Return the command line of the code server."""
        program = Path(sys.executable).with_name("dagster")
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--location-name", LOCATION]
        return [str(program), "code-server", "start", "-m", _MODULE, *where, "--log-format", "json"]

    def up(self) -> None:
        """Start it; where only the process below died, let the one above start that again, for its runs go on."""
        process = self.state.process(self.name)
        # The first time it also asks the one that died to end, and complains that it does not answer.
        if process and process.alive and self.died and self.reload() and self.reload():
            self.report(f"{self.title}: could not load the definitions again")
        super().up()

    def lives(self, process: Process) -> bool:
        """Whether the process below lives too: nobody else starts it again, and the one above says that it serves."""
        try:
            below = psutil.Process(process.pid).children()
        except psutil.Error:
            return False
        return process.alive and any(Process.of(child.pid).alive for child in below)

    def check(self, address: str) -> None:
        """Ask by the protocol of https://github.com/grpc/grpc/blob/master/doc/health-checking.md."""
        with grpc.insecure_channel(address) as channel:
            request = health_pb2.HealthCheckRequest(service="DagsterApi")
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            message = "it does not serve yet"
            raise ConnectionError(message)


class Webserver(_Dagster):
    """The server of the web UI."""

    name: ClassVar[str] = "dagster_webserver"
    title: ClassVar[str] = "Dagster's web UI"

    def command(self) -> list[str]:
        """Return the command line of the web server."""
        program = Path(sys.executable).with_name("dagster-webserver")
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workspace", str(self.workspace)]
        return [str(program), *where, "--log-format", "json"]

    def check(self, address: str) -> None:
        """Ask who is there."""
        requests.get(f"{address}/server_info", timeout=5).raise_for_status()

    def up(self) -> None:
        """Start it; where it runs, let it load the definitions again, for they may have changed."""
        if self.health().state == "running":
            problem = self.reload()
            if problem:
                self.report(f"{self.title}: the definitions were not loaded again: {problem}")
        super().up()

    def complete(self) -> None:
        """Say so where the definitions do not load; the web UI runs all the same and shows the trace."""
        for problem in self._broken():
            self.report(f"{self.title}: {problem}; its log: {self.log}")

    def _broken(self) -> list[str]:
        """Return which code locations do not load, and why."""
        problems = []
        for entry in self.ask(_LOCATIONS)["workspaceOrError"].get("locationEntries", []):
            error = entry["locationOrLoadError"]
            if error and "message" in error:
                messages = [error["message"], *(cause["message"] for cause in error["causes"])]
                why = (messages[-1].strip().splitlines() or [""])[-1]
                problems.append(f"{entry['name']} does not load: {self.redact(why)}")
        return problems


class Daemon(_Dagster):
    """dagster-daemon: schedules, sensors, the run queue."""

    name: ClassVar[str] = "dagster_daemon"
    title: ClassVar[str] = "Dagster's daemon"
    ports: ClassVar[tuple[str, ...] | None] = ()

    def command(self) -> list[str]:
        """Return the command line of the daemon."""
        program = Path(sys.executable).with_name("dagster-daemon")
        return [str(program), "run", "--workspace", str(self.workspace), "--log-format", "json"]

    def check(self, address: str) -> None:
        """See a heartbeat from each of its threads that is younger than the process."""
        del address
        process = self.state.process(self.name)
        started = psutil.Process(process.pid).create_time() - 2 if process else 0
        found = self.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        silent = [
            daemon["daemonType"]
            for daemon in found
            if daemon["required"] and not (daemon["healthy"] and (daemon["lastHeartbeatTime"] or 0) >= started)
        ]
        if silent:
            message = f"no heartbeat from {', '.join(silent)}"
            raise ConnectionError(message)
