"""The embedded servers: real ones, from wheels and jars, for a machine that has none; nothing outside knows of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor

from retail_pipeline.settings import Settings
from retail_pipeline.stack.connect import Connect
from retail_pipeline.stack.kafka import Kafka
from retail_pipeline.stack.mongo import Mongo
from retail_pipeline.stack.postgres import Postgres
from retail_pipeline.stack.server import Report, Server, ServerHealth
from retail_pipeline.stack.state import State, exclusively

__all__ = ["ServerHealth", "down", "environment", "health", "up"]

# Each row is started one after the other, the rows side by side.
_ROWS: tuple[tuple[type[Server], ...], ...] = ((Kafka, Connect), (Mongo,), (Postgres,))


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

    def start(row: list[Server]) -> None:
        for server in row:
            server.up()

    with exclusively(settings.home), ThreadPoolExecutor(len(_ROWS)) as pool:
        wanted = [[server for server in row if only is None or server.name in only] for row in _rows(settings, say)]
        started: list[Future[None]] = [pool.submit(start, row) for row in wanted]
        for future in started:
            future.result()


def down(settings: Settings, report: Report, *, wipe: bool = False) -> None:
    """Stop every server, the last started first; with `wipe` remove the state folder too."""
    if not settings.home.exists():
        return
    with exclusively(settings.home):
        for row in _rows(settings, report):
            for server in reversed(row):
                server.down()
        if wipe:
            shutil.rmtree(settings.home, ignore_errors=True)


def health(settings: Settings) -> list[ServerHealth]:
    """Tell how each server is."""
    return [server.health() for row in _rows(settings, print) for server in row]


def environment(settings: Settings) -> dict[str, str]:
    """Give the variables that lead to this stack, for a shell or for `Settings.from_environment`."""
    state = State(settings.home)
    postgres = Postgres(settings, state)
    embedded_postgres = not postgres.external and postgres.current() is not None
    dagster_dsn = settings.dagster_dsn or (postgres.dagster_address() if embedded_postgres else "")
    return {
        "RETAIL_HOME": str(settings.home),
        "RETAIL_POSTGRES_DSN": postgres.current() or "",
        "RETAIL_MONGO_URI": Mongo(settings, state).current() or "",
        "RETAIL_KAFKA_BOOTSTRAP": Kafka(settings, state).current() or "",
        "RETAIL_CONNECT_URL": Connect(settings, state).current() or "",
        "RETAIL_CSV": str(settings.csv),
        "RETAIL_DAGSTER_DSN": dagster_dsn,
        "DAGSTER_HOME": str(settings.dagster_home),
    }


def _rows(settings: Settings, report: Report) -> list[list[Server]]:
    """Give the servers of a home, in the order in which they depend on each other."""
    state = State(settings.home)
    return [[server(settings, state, report) for server in row] for row in _ROWS]
