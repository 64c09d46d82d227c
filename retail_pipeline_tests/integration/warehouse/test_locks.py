"""Nothing waits for a lock without end: who holds it is named, and what asked could not tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.errors import BlockedError, CouldNotTellError
from retail_pipeline.mirror import fidelity, snapshot, write_lock
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.tables import BY_NAME
from retail_pipeline.warehouse import connection, exclusion, load, locks, roles
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration import shop

STORE = connection.store_role(1)


@pytest.fixture
def settings(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Return a small company whose services wait for locks but shortly; its store 1 can log in, also afterwards."""
    shop.seed(warehouse)
    roles.add_store(warehouse, 1)
    with monkeypatch.context() as patched:
        patched.setattr(connection, "LOCK_SECONDS", 0.3)
        patched.setattr(load, "LOCK_SECONDS", 0.3)
        yield warehouse
    roles.add_store(warehouse, 1)


@contextmanager
def _store_with(settings: Settings, statement: str) -> Iterator[Connection]:
    """Let a store keep what a statement locks, as long as the block lasts."""
    with connection.connect(settings, STORE) as session:
        shop.run(session, "set lock_timeout = 0")
        shop.run(session, statement)
        yield session
        session.rollback()


def _count(settings: Settings) -> None:
    with fidelity.could_tell(), snapshot.latest(settings) as latest:
        latest.count(BY_NAME["transactions"])


def _snapshot(settings: Settings) -> None:
    with fidelity.could_tell(), snapshot.take(settings) as now:
        list(now.documents(BY_NAME["transactions"]))


@pytest.mark.parametrize("ask", [_count, _snapshot])
def test_a_comparison_beside_a_locked_table_could_not_tell_and_names_who_locks_it(
    settings: Settings, ask: Callable[[Settings], None]
) -> None:
    with (
        _store_with(settings, "lock table retail.transactions in access exclusive mode") as session,
        pytest.raises(CouldNotTellError, match=rf"held by {STORE} .*process {session.info.backend_pid}.*transactions"),
    ):
        ask(settings)


def test_a_load_beside_a_locked_table_loads_nothing_and_names_who_locks_it(settings: Settings) -> None:
    with (
        _store_with(settings, "lock table retail.transaction_details in access exclusive mode"),
        pytest.raises(BlockedError, match=rf"held by {STORE}.*Nothing of .* was loaded") as failed,
    ):
        load_file(settings, SAMPLE)

    assert "store disable 1" in failed.value.next_step
    assert load_file(settings, SAMPLE).loaded


def test_a_store_cannot_keep_itself_from_being_disabled(settings: Settings) -> None:
    with suppress(psycopg2.OperationalError), connection.connect(settings, STORE) as session:  # it is ended
        shop.run(session, f"alter role {STORE} password 'of its own'")
        roles.disable_store(settings, 1)

    with connection.connect(settings, connection.READER) as reader:
        assert shop.rows(reader, "select rolcanlogin from pg_roles where rolname = %s", STORE) == [(False,)]


def test_logins_are_changed_beside_a_load(settings: Settings) -> None:
    disabled = []

    def disable(line: str) -> None:
        if line in {"sales and their lines", "stock"}:
            roles.disable_store(settings, 1)
            disabled.append(line)

    load_file(settings, SAMPLE, report=disable)

    assert disabled == ["sales and their lines", "stock"]


def test_another_change_of_logins_is_named(settings: Settings) -> None:
    with connection.connect_dsn(settings.require("postgres_dsn")) as other:
        shop.run(other, "select pg_advisory_xact_lock(%s)", locks.LOGINS)
        with pytest.raises(BlockedError, match=rf"process {other.info.backend_pid}"):
            roles.rotate_password(settings, STORE)


def test_who_rewrites_collections_is_named_to_who_waits_at_a_terminal(settings: Settings) -> None:
    told: list[str] = []
    with (
        write_lock.hold(settings),
        pytest.raises(BlockedError, match=r"retail_reader \(retail-pipeline\), process \d+"),
        write_lock.hold(settings, told.append, within=0.3),
    ):
        raise AssertionError
    assert told
    assert "waiting for another run that writes the collections to end" in told[0]


def test_who_waits_for_a_load_holds_nothing_and_comes_next(settings: Settings) -> None:
    address = settings.require("postgres_dsn")
    told = threading.Event()
    taken: list[bool] = []

    def wait() -> None:
        with connection.connect(settings, connection.LOADER) as waiting:
            exclusion.take(settings, waiting, locks.LOAD, "another load", report=lambda _: told.set())
            taken.append(True)

    with connection.connect_dsn(address) as holding:
        shop.run(holding, "select pg_advisory_lock(%s)", locks.LOAD)
        holding.commit()
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert told.wait(30)
        held = shop.rows(
            holding,
            "select l.locktype from pg_locks as l join pg_stat_activity as a using (pid) "
            "where a.usename = 'retail_loader' and a.datname = current_database() and l.granted "
            "and l.locktype <> 'virtualxid'",
        )
        assert held == []
        assert not taken
    waiter.join()
    assert taken
