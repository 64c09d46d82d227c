"""What a store may do with its own login, its connections and its locks: a table of states of one store.

Each is a session's work as the store itself, with no right that every store does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import psycopg2

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, limits
from retail_pipeline.warehouse.isolation import PROBED
from retail_pipeline_tests.integration.shop import run

ROLE = connection.store_role(1)

State = Callable[[Settings], AbstractContextManager[None]]


def _setting(name: str, value: str) -> State:
    """Set something on the own role, for this database: it goes with the database of the test."""

    @contextmanager
    def state(settings: Settings) -> Iterator[None]:
        with connection.connect(settings, ROLE) as store:
            run(store, f"alter role {ROLE} in database {store.info.dbname} set {name} = {value}")
        yield

    return state


@contextmanager
def _full_pool(settings: Settings) -> Iterator[None]:
    with ExitStack() as pool:
        for _ in range(limits.MOST_CONNECTIONS):
            pool.callback(psycopg2.connect(connection.dsn(settings, ROLE)).close)
        yield


def _open_transaction(statement: str) -> State:
    @contextmanager
    def state(settings: Settings) -> Iterator[None]:
        with connection.connect(settings, ROLE) as store:
            run(store, "set idle_in_transaction_session_timeout = 0")
            run(store, statement)
            yield
            store.rollback()

    return state


# These let everything be told.
TELLING: dict[str, State] = {
    "row security off": _setting("row_security", "off"),
    "a timeout of a millisecond": _setting("statement_timeout", "'1ms'"),
    "read only": _setting("default_transaction_read_only", "on"),
    "names looked up elsewhere": _setting("search_path", "elsewhere"),
    "a full pool": _full_pool,
} | {f"its rows of {table} locked": _open_transaction(f"select from retail.{table} for update") for table in PROBED}

LOCKED: dict[str, State] = {
    table: _open_transaction(f"lock table retail.{table} in access exclusive mode") for table in PROBED
}

ALL: dict[str, State] = TELLING | {f"{table} locked": state for table, state in LOCKED.items()}
