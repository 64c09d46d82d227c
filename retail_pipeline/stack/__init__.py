"""The embedded servers: real ones, from wheels and jars, for a machine that has none; nothing outside knows of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection

from retail_pipeline.settings import Settings
from retail_pipeline.stack.postgres import Postgres
from retail_pipeline.stack.server import Report, Server, ServerHealth
from retail_pipeline.stack.state import State, exclusively

__all__ = ["ServerHealth", "down", "environment", "health", "up"]


def up(
    settings: Settings,
    report: Report,
    *,
    dagster: bool = True,  # noqa: ARG001
    only: Collection[str] | None = None,
) -> None:
    """Start every server that does not run, and wait until each answers; `only` names the few that are wanted."""
    lock = threading.Lock()

    def say(line: str) -> None:
        with lock:
            report(line)

    with exclusively(settings.home):
        for server in _servers(settings):
            if only is None or server.name in only:
                server.up(say)


def down(settings: Settings, report: Report, *, wipe: bool = False) -> None:
    """Stop every server, the last started first; with `wipe` remove the state folder too."""
    with exclusively(settings.home):
        for server in reversed(_servers(settings)):
            server.down(report)
        if wipe:
            shutil.rmtree(settings.home, ignore_errors=True)


def health(settings: Settings) -> list[ServerHealth]:
    """Tell how each server is."""
    return [server.health() for server in _servers(settings)]


def environment(settings: Settings) -> dict[str, str]:
    """Give the variables that lead to this stack, for a shell or for `Settings.from_environment`."""
    state = State(settings.home)
    postgres = Postgres(settings, state)
    embedded_postgres = not postgres.external and postgres.current() is not None
    dagster_dsn = settings.dagster_dsn or (postgres.dagster_address() if embedded_postgres else "")
    return {
        "RETAIL_HOME": str(settings.home),
        "RETAIL_POSTGRES_DSN": postgres.current() or "",
        "RETAIL_MONGO_URI": settings.mongo_uri or "",
        "RETAIL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
        "RETAIL_CONNECT_URL": settings.connect_url or "",
        "RETAIL_CSV": str(settings.csv),
        "RETAIL_DAGSTER_DSN": dagster_dsn,
        "DAGSTER_HOME": str(settings.dagster_home),
    }


def _servers(settings: Settings) -> list[Server]:
    """Give the servers in the order in which they depend on each other."""
    state = State(settings.home)
    return [Postgres(settings, state)]
