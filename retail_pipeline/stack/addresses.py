"""The variables that lead to a stack: addresses from the settings where they are set, else the embedded ones."""

from __future__ import annotations

from retail_pipeline.settings import Settings
from retail_pipeline.stack.connect import Connect
from retail_pipeline.stack.kafka import Kafka
from retail_pipeline.stack.mongo import Mongo
from retail_pipeline.stack.postgres import Postgres
from retail_pipeline.stack.state import State


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables, for a shell or for `Settings.from_environment`; empty where there is no server."""
    state = State(settings.home)
    postgres = Postgres(settings, state)
    own_database = postgres.dagster_address() if postgres.current() and not postgres.external else ""
    return {
        "RETAIL_HOME": str(settings.home),
        "RETAIL_POSTGRES_DSN": postgres.current() or "",
        "RETAIL_MONGO_URI": Mongo(settings, state).current() or "",
        "RETAIL_KAFKA_BOOTSTRAP": Kafka(settings, state).current() or "",
        "RETAIL_CONNECT_URL": Connect(settings, state).current() or "",
        "RETAIL_CSV": str(settings.csv or ""),
        "RETAIL_DAGSTER_DSN": settings.dagster_dsn or own_database,
        "DAGSTER_HOME": str(settings.dagster_home),
    }


def variables(settings: Settings) -> dict[str, str]:
    """Return the variables that have a value, for a process that is started."""
    return {name: value for name, value in environment(settings).items() if value}
