"""Where Dagster keeps its runs: PostgreSQL, through connections that a process keeps.

See https://docs.dagster.io/deployment/oss/dagster-yaml#storage.
"""

from functools import cache
from typing import Any, Self

from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import Engine, create_engine

# What a process keeps while it has nothing to ask. Threads that ask at the same time get more, which close at once.
_KEPT = 2


@cache
def _engine(postgres_url: str) -> Engine:
    """Return the one engine of this process, for each tick of a sensor opens an instance of its own.

    Makes Dagster's tables where they are missing. A connection that the server ended is replaced before it is used.
    """
    DagsterPostgresStorage(postgres_url)
    return create_engine(
        postgres_url, isolation_level="AUTOCOMMIT", pool_size=_KEPT, max_overflow=-1, pool_pre_ping=True
    )


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's own storage, which otherwise makes a connection for each event that it writes.

    To start a server process for a connection costs ten times what writing the event does.
    """

    def __init__(self, postgres_url: str, inst_data: Any = None) -> None:
        engine = _engine(postgres_url)
        super().__init__(postgres_url, should_autocreate_tables=False, inst_data=inst_data)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine  # noqa: SLF001 - only the web server's pool can be configured

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """Make it as dagster.yaml says."""
        return cls(pg_url_from_config(config_value), inst_data)
