"""The embedded servers: real ones, from wheels and jars, for a machine that has none; nothing outside knows of them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from retail_pipeline.errors import StackError
from retail_pipeline.settings import Settings
from retail_pipeline.stack import dagster as dagster_servers
from retail_pipeline.stack.addresses import environment, variables
from retail_pipeline.stack.connect import Connect
from retail_pipeline.stack.dagster import LOCATION, REPOSITORY, CodeServer, Daemon, Webserver
from retail_pipeline.stack.kafka import Kafka
from retail_pipeline.stack.mongo import Mongo
from retail_pipeline.stack.postgres import Postgres
from retail_pipeline.stack.server import Report, Server, ServerHealth
from retail_pipeline.stack.state import State, exclusively
from retail_pipeline.stack.supervisor import Journal, Supervisor, died

__all__ = [
    "LOCATION",
    "REPOSITORY",
    "ServerHealth",
    "ask_dagster",
    "code_server",
    "down",
    "environment",
    "export",
    "health",
    "logs",
    "repository",
    "restarted",
    "ui_address",
    "up",
    "variables",
    "watched",
]

# Each row is started one after the other, the rows side by side.
_ROWS: tuple[tuple[type[Server], ...], ...] = (
    (Kafka, Connect),
    (Mongo,),
    (Postgres, CodeServer, Webserver, Daemon),
)
# Who uses a server goes before it.
_STOPPING: tuple[type[Server], ...] = (Supervisor, Daemon, Webserver, CodeServer, Connect, Kafka, Mongo, Postgres)
_OURS = ("credentials.*", "state.*", "stack.lock", "secrets", "logs", "jars", "jars-*", "dagster", "landing.sqlite*")
_DAGSTER = (CodeServer.name, Webserver.name, Daemon.name)


def up(
    settings: Settings,
    report: Report,
    *,
    dagster: bool = True,
    only: Collection[str] | None = None,
    supervise: bool | None = None,
) -> None:
    """Start every server that does not run, and wait until each answers; `only` names the few that are wanted.

    With `supervise` a process is left that restarts what dies; with False one that is there ends.
    """
    lock = threading.Lock()

    def say(line: str) -> None:
        with lock:
            report(line)

    def wanted(server: Server) -> bool:
        return server.name in only if only is not None else dagster or server.name not in _DAGSTER

    def start(row: list[Server]) -> None:
        for server in row:
            server.up()

    with exclusively(settings.home, report), ThreadPoolExecutor(len(_ROWS)) as pool:
        rows = [[server for server in row if wanted(server)] for row in _rows(settings, say)]
        for server in (server for row in rows for server in row):
            server.choose_ports()
        dagster_servers.prepare_home(settings)
        for future in [pool.submit(start, row) for row in rows]:
            future.result()
        if supervise is not None:
            supervisor = Supervisor(settings, State(settings.home), say)
            supervisor.up() if supervise else supervisor.down()


def logs(settings: Settings) -> dict[str, Path]:
    """Return where the log of each embedded server is, and of what supervises them."""
    state = State(settings.home)
    return {server.name: server(settings, state).log for server in reversed(_STOPPING)}


def watched(settings: Settings, state: State, report: Report) -> list[Server]:
    """Return the servers that a supervisor watches."""
    return [server(settings, state, report) for row in _ROWS for server in row]


def restarted(settings: Settings) -> list[str]:
    """Name the servers that died since the last `up`: those that are dead, and those that the supervisor restarted."""
    silent = [one.name for one in health(settings) if one.state == "dead"]
    return list(dict.fromkeys([*silent, *died(Journal(settings.home).read())]))


def down(settings: Settings, report: Report, *, wipe: bool = False) -> None:
    """Stop every server, the last started first; with `wipe` remove their data, passwords and logs too."""
    if not settings.home.exists():
        return
    # First, and without waiting: it holds the lock for as long as a server that it restarts takes to start.
    Supervisor(settings, State(settings.home), report).halt()
    with exclusively(settings.home, report):
        for server in _STOPPING:
            server(settings, State(settings.home), report).down()
        if wipe:
            _wipe(settings)


def _wipe(settings: Settings) -> None:
    """Remove what this project keeps in its state folder, and the folder where nothing else is in it."""
    for name in (*_OURS, *(server.name for server in _STOPPING)):
        for path in settings.home.glob(name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    with suppress(OSError):
        settings.home.rmdir()


def health(settings: Settings) -> list[ServerHealth]:
    """Return how each server is."""
    return [server(settings, State(settings.home)).health() for server in reversed(_STOPPING)]


def export(settings: Settings) -> Settings:
    """Put those variables into this process's environment, for what it starts, and return the settings they make."""
    os.environ.update(variables(settings))
    return Settings.from_environment()


def ui_address(settings: Settings) -> str:
    """Return the address of Dagster's web UI."""
    state = State(settings.home)
    if state.process(Webserver.name) is None:
        raise StackError("Dagster's web UI is not running.", "start it with `retail-pipeline up`")
    return Webserver(settings, state).address()


def code_server(settings: Settings) -> str:
    """Return host:port of the code server, which has the definitions."""
    return CodeServer(settings, State(settings.home)).address()


def repository() -> str:
    """Return how GraphQL names the repository of the definitions."""
    return f'{{repositoryLocationName: "{LOCATION}", repositoryName: "{REPOSITORY}"}}'


def ask_dagster(settings: Settings, query: str) -> dict[str, Any]:
    """Put a GraphQL query to Dagster's web server; StackError where it does not answer."""
    ui_address(settings)
    try:
        return Webserver(settings, State(settings.home)).ask(query)
    except (requests.RequestException, KeyError, TypeError) as error:
        message = f"Dagster's web server does not answer: {type(error).__name__}."
        raise StackError(message, "see its line among the servers; `retail-pipeline up` restarts it") from error


def _rows(settings: Settings, report: Report) -> list[list[Server]]:
    """Return the servers of a home, in the order in which they depend on each other."""
    state = State(settings.home)
    return [[server(settings, state, report) for server in row] for row in _ROWS]
