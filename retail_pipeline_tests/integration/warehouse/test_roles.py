"""Every store of the data has a login of its own, which an operator can disable, remove and give a new password."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from retail_pipeline.errors import BlockedError, WarehouseError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, limits, roles
from retail_pipeline_tests.integration.shop import rows, run

# Logins belong to the whole server: stores that no other test has.
STORE, OTHER = 901, 902


@pytest.fixture
def stores(warehouse: Settings, tmp_path: Path) -> Settings:
    """Return two stores without logins, with passwords of their own."""
    settings = replace(warehouse, home=tmp_path)
    tmp_path.joinpath("credentials.json").write_text((warehouse.home / "credentials.json").read_text())
    with connection.connect_dsn(settings.require("postgres_dsn")) as superuser:
        run(superuser, "insert into retail.stores values (%s, 'Here'), (%s, 'There')", STORE, OTHER)
        for store in (STORE, OTHER):
            run(superuser, f"drop role if exists store_user_{store}")
    return settings


def _store_seen_by(settings: Settings, store: int) -> list[tuple[object, ...]]:
    with connection.connect(settings, connection.store_role(store)) as session:
        return rows(session, "select store_id from retail.stores")


def test_provisioning_lets_each_store_in_and_does_nothing_the_second_time(stores: Settings) -> None:
    made = roles.provision(stores)

    assert made == [f"store_user_{STORE}", f"store_user_{OTHER}"]
    assert _store_seen_by(stores, STORE) == [(STORE,)]
    assert _store_seen_by(stores, OTHER) == [(OTHER,)]
    assert roles.provision(stores) == []


def test_provisioning_repairs_what_was_changed_by_hand(stores: Settings) -> None:
    roles.provision(stores)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        run(superuser, f"alter role store_user_{STORE} password 'another'")
        run(superuser, f"update retail.role_store set store_id = {STORE} where role_name = 'store_user_{OTHER}'")

    assert roles.provision(stores) == [f"store_user_{STORE}", f"store_user_{OTHER}"]
    assert _store_seen_by(stores, STORE) == [(STORE,)]
    assert _store_seen_by(stores, OTHER) == [(OTHER,)]


def test_a_store_has_limits_and_no_attribute_of_an_administrator(stores: Settings) -> None:
    roles.provision(stores)
    with connection.connect(stores, connection.store_role(STORE)) as session:
        assert rows(session, "show statement_timeout") == [("30s",)]
        assert rows(
            session,
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolconnlimit "
            "from pg_roles where rolname = current_user",
        ) == [(False, False, False, False, False, limits.MOST_CONNECTIONS)]


@contextmanager
def _changing_its_login(settings: Settings, *, commits: bool) -> Iterator[None]:
    """Let a store change its own login in a transaction that stays open, or is committed once somebody waits for it."""
    role = connection.store_role(STORE)
    over = threading.Event()
    with (
        connection.connect_dsn(settings.require("postgres_dsn"), autocommit=True) as superuser,
        closing(psycopg2.connect(connection.dsn(settings, role))) as store,
    ):
        run(superuser, f"alter role {role} set work_mem = '5MB'")
        run(store, f"alter role {role} set work_mem = '6MB'")

        def commit() -> None:
            while not (over.is_set() or rows(superuser, "select 1 from pg_locks where not granted")):
                time.sleep(0.005)
            store.commit()

        committing = threading.Thread(target=commit)
        if commits:
            committing.start()
        try:
            yield
        finally:
            over.set()
            if commits:
                committing.join()


@pytest.mark.parametrize("commits", [True, False], ids=["and commits", "and waits"])
def test_a_store_that_changes_its_login_meanwhile_keeps_nobody_from_being_provided_for(
    stores: Settings, *, commits: bool
) -> None:
    roles.provision(stores)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        run(superuser, f"alter role store_user_{OTHER} connection limit 1")
    with _changing_its_login(stores, commits=commits):
        assert roles.provision(stores) == [f"store_user_{STORE}", f"store_user_{OTHER}"]

    with connection.connect(stores, connection.store_role(STORE)) as session:
        assert rows(session, "show work_mem") != [("6MB",)]
    assert roles.provision(stores) == []


def test_a_store_that_cannot_be_provided_for_is_reported_and_the_others_are(
    stores: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles.provision(stores)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        run(superuser, f"alter role store_user_{OTHER} connection limit 1")
    monkeypatch.setattr(roles, "end_sessions", lambda *_, **__: None)
    monkeypatch.setattr(roles, "_TIMEOUT", 0.05)
    told: list[str] = []
    with _changing_its_login(stores, commits=False):
        assert roles.provision(stores, told.append) == [f"store_user_{OTHER}"]
        with pytest.raises(BlockedError, match=f"held by store_user_{STORE}"):
            roles.add_store(stores, STORE)

    assert [f"store disable {STORE}" in line for line in told] == [True]


@contextmanager
def _changing_its_password_again_and_again(settings: Settings) -> Iterator[None]:
    """Let sessions of a store set its password, to what it is, without end; each that is ended connects again."""
    role = connection.store_role(STORE)
    address = connection.dsn(settings, role)
    password = psycopg2.extensions.parse_dsn(address)["password"]
    over, began = threading.Event(), threading.Event()

    def change() -> None:
        while not over.is_set():
            with suppress(psycopg2.Error), closing(psycopg2.connect(address)) as store:
                store.autocommit = True
                while not over.is_set():
                    with suppress(psycopg2.errors.InternalError_):
                        run(store, f"alter role {role} password '{password}'; select pg_sleep(0.2)")
                    began.set()

    sessions = [threading.Thread(target=change) for _ in range(4)]
    for session in sessions:
        session.start()
    try:
        assert began.wait(10)
        yield
    finally:
        over.set()
        for session in sessions:
            session.join()


@pytest.mark.parametrize("act", [roles.disable_store, roles.remove_store])
def test_a_store_is_out_although_it_changes_its_login_and_connects_again_and_again(
    stores: Settings, act: Callable[[Settings, int], None]
) -> None:
    roles.provision(stores)
    with _changing_its_password_again_and_again(stores):
        act(stores, STORE)

        with pytest.raises(WarehouseError, match="does not let"):
            _store_seen_by(stores, STORE)


def test_a_store_that_changes_its_login_again_and_again_keeps_no_other_out(stores: Settings) -> None:
    roles.provision(stores)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        run(superuser, f"alter role store_user_{STORE} connection limit 20")
        run(superuser, f"alter role store_user_{OTHER} connection limit 1")
    told: list[str] = []
    with _changing_its_password_again_and_again(stores):
        changed = roles.provision(stores, told.append)

    # Which of the two it is depends on the machine.
    assert f"store_user_{OTHER}" in changed
    assert (f"store_user_{STORE}" in changed) != any(f"store disable {STORE}" in line for line in told)


def test_who_connects_again_is_ended_in_the_same_transaction(stores: Settings) -> None:
    roles.provision(stores)
    role = connection.store_role(STORE)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser, superuser.cursor() as cursor:
        for _ in range(2):
            with closing(psycopg2.connect(connection.dsn(stores, role))) as session:
                roles.end_sessions(cursor, role)

                with pytest.raises(psycopg2.OperationalError):
                    rows(session, "select 1")


@contextmanager
def _held(settings: Settings, statement: str) -> Iterator[None]:
    """Let an administrator hold what a statement locks."""
    with connection.connect_dsn(settings.require("postgres_dsn")) as superuser:
        run(superuser, statement)
        yield
        superuser.rollback()


def test_no_store_is_blamed_for_a_mapping_that_somebody_else_keeps(
    stores: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles.provision(stores)
    roles.remove_store(stores, OTHER)
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.5)
    with (
        connection.connect(stores, connection.store_role(STORE)) as session,
        _held(stores, "lock table retail.role_store in exclusive mode"),
    ):
        with pytest.raises(BlockedError, match=r"The logins could not be set up: .* on role_store"):
            roles.provision(stores, pytest.fail)

        assert rows(session, "select 1") == [(1,)]


def test_a_login_that_an_administrator_holds_is_not_said_to_be_changed_by_the_store(
    stores: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles.provision(stores)
    monkeypatch.setattr(roles, "_TIMEOUT", 0.05)
    with (
        _held(stores, f"alter role store_user_{STORE} connection limit 3"),
        pytest.raises(BlockedError, match=r"held by postgres .* on pg_authid[\s\S]*pg_terminate_backend"),
    ):
        roles.rotate_password(stores, connection.store_role(STORE))


def test_no_session_of_a_service_is_ended_for_its_new_password(
    stores: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.5)
    with (
        connection.connect(stores, connection.READER) as session,
        _held(stores, "alter role retail_reader connection limit -1"),
    ):
        with pytest.raises(BlockedError, match="The password of retail_reader could not be rotated"):
            roles.rotate_password(stores, connection.READER)

        assert rows(session, "select 1") == [(1,)]


def test_limits_that_a_store_lifted_are_brought_back_for_all_databases_and_for_one(stores: Settings) -> None:
    roles.provision(stores)
    role = connection.store_role(STORE)
    with connection.connect(stores, role) as session:
        [(database,)] = rows(session, "select current_database()")
        run(session, f"alter role {role} set statement_timeout = 0")
        run(session, f"alter role {role} in database {database} set statement_timeout = '1ms'")
        run(session, f"alter role {role} in database {database} set row_security = off")

    assert roles.provision(stores) == [role]

    with connection.connect(stores, role) as session:
        assert rows(session, "select current_setting('statement_timeout'), current_setting('row_security')") == [
            ("30s", "on")
        ]
    assert roles.provision(stores) == []


def test_a_store_writes_no_line_to_the_servers_log(stores: Settings, postgres_settings: Settings) -> None:
    roles.provision(stores)
    log = postgres_settings.home / "logs" / "postgres.log"
    speaks = "do $$ begin {} raise {} 'told by %', current_user; end $$"
    with connection.connect(stores, connection.store_role(STORE), autocommit=True) as session:
        run(session, "set debug_print_plan = on")
        for level in ("log", "warning", "notice"):
            run(session, speaks.format("", level))
        with pytest.raises(psycopg2.errors.RaiseException):
            run(session, speaks.format("", "exception"))
    with connection.connect_dsn(stores.require("postgres_dsn"), autocommit=True) as superuser:
        # As a store without its bounds would: the log is the one that is looked at.
        run(superuser, speaks.format("", "log"))

    text = log.read_text(errors="replace")

    assert "told by postgres" in text
    assert f"told by {connection.store_role(STORE)}" not in text


def test_a_store_fills_no_disk_with_temporary_files(stores: Settings) -> None:
    roles.provision(stores)
    large = "select count(*) from (select repeat('x', 1000) || n from generate_series(1, 400000) as n order by 1) as s"
    with connection.connect(stores, connection.store_role(STORE)) as session:
        run(session, "set work_mem = '64kB'; set statement_timeout = 0")
        with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded, match="temp_file_limit"):
            run(session, large)
        session.rollback()


def test_the_connections_of_many_stores_add_up_to_less_than_the_server_has(stores: Settings) -> None:
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser, superuser.cursor() as cursor:
        run(superuser, "insert into retail.stores select s, 'Place' from generate_series(2001, 2398) as s")
        free = limits.free_connections(cursor)
    roles.add_store(stores, STORE)

    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        [(each,)] = rows(
            superuser, "select rolconnlimit from pg_roles where rolname = %s", connection.store_role(STORE)
        )

    assert limits.LEAST_CONNECTIONS <= each < limits.MOST_CONNECTIONS
    assert 400 * each <= free - limits.SERVICE_CONNECTIONS


def test_the_services_have_connections_of_their_own(stores: Settings) -> None:
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        members = rows(
            superuser,
            "select m.member::regrole::text from pg_auth_members as m "
            "where m.roleid = 'pg_use_reserved_connections'::regrole order by 1",
        )
        [(reserved,)] = rows(superuser, "select current_setting('reserved_connections')::integer")

    assert {member for (member,) in members} == {*connection.SERVICES, "dagster"}
    assert reserved > 0


def test_a_disabled_store_is_out_at_once_and_stays_out_until_it_is_added_again(stores: Settings) -> None:
    roles.provision(stores)
    session = psycopg2.connect(connection.dsn(stores, connection.store_role(STORE)))
    roles.disable_store(stores, STORE)
    with pytest.raises(psycopg2.OperationalError):
        rows(session, "select 1")
    session.close()
    roles.provision(stores)
    with pytest.raises(WarehouseError, match="is not permitted to log in"):
        _store_seen_by(stores, STORE)
    assert _store_seen_by(stores, OTHER) == [(OTHER,)]

    roles.add_store(stores, STORE)

    assert _store_seen_by(stores, STORE) == [(STORE,)]


def test_a_removed_store_has_no_login_and_keeps_its_rows(stores: Settings) -> None:
    roles.provision(stores)
    roles.remove_store(stores, STORE)

    with pytest.raises(WarehouseError, match="does not let"):
        _store_seen_by(stores, STORE)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        assert rows(superuser, "select count(*) from retail.stores where store_id = %s", STORE) == [(1,)]
        assert rows(superuser, "select count(*) from retail.role_store where store_id = %s", STORE) == [(0,)]


def test_a_rotated_password_counts_at_once_and_the_old_one_no_longer(stores: Settings) -> None:
    roles.provision(stores)
    old = connection.dsn(stores, connection.store_role(STORE))
    roles.rotate_password(stores, connection.store_role(STORE))

    assert _store_seen_by(stores, STORE) == [(STORE,)]
    with pytest.raises(WarehouseError, match="password authentication failed") as refused, connection.connect_dsn(old):
        pass
    assert psycopg2.extensions.parse_dsn(old)["password"] not in str(refused.value)


@pytest.mark.parametrize("act", [roles.disable_store, roles.remove_store, roles.add_store])
def test_a_store_that_is_not_there_is_named(act: object, warehouse: Settings) -> None:
    assert callable(act)
    with pytest.raises(WarehouseError, match="987"):
        act(warehouse, 987)


def test_the_server_keeps_no_password_that_it_could_log(stores: Settings) -> None:
    roles.provision(stores)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        kept = rows(superuser, "select rolpassword from pg_authid where rolname like 'store_user_9%'")

    assert kept
    # Fewer rounds, and drivers of others refuse to log in.
    assert all(str(verifier).startswith("SCRAM-SHA-256$4096:") for (verifier,) in kept)


def test_a_login_with_rounds_of_before_gets_those_of_now_and_keeps_its_password(stores: Settings) -> None:
    kept = "select rolname, rolpassword from pg_authid where rolname in ('retail_admin', 'retail_reader')"
    roles.provision(stores)
    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        password = stores.credentials.password("postgres/retail_reader")
        run(superuser, "set scram_iterations = 4096")
        run(superuser, "alter role retail_reader password %s", password)
    changed = roles.provision(stores)

    with connection.connect_dsn(stores.require("postgres_dsn")) as superuser:
        rounds = {name: str(verifier).split("$")[1].split(":")[0] for name, verifier in rows(superuser, kept)}
    assert rounds == {"retail_admin": "4096", "retail_reader": "1"}
    assert changed == ["retail_reader"]
    with connection.connect(stores, connection.READER):
        pass
