"""A store that holds up what all share is ended, whatever limits it has lifted; nobody else is.

Each test makes the bound that it is about a fraction of a second, has a session of a store go over it, and looks until
something was done.
"""

from __future__ import annotations

import ctypes
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.errors import WarehouseError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, limits, roles, tenant_acts, watch
from retail_pipeline.warehouse.tenant_acts import Act
from retail_pipeline.warehouse.watch import Watch
from retail_pipeline_tests.integration import shop
from retail_pipeline_tests.integration.shop import rows, run

LIFTED = (
    "set statement_timeout = 0; set lock_timeout = 0; set transaction_timeout = 0; "
    "set idle_in_transaction_session_timeout = 0"
)
TOUCH = "update retail.inventory set inventory_level = inventory_level where store_id = %s and product_id = 100"


@pytest.fixture(name="guard")
def _guard(company: Settings) -> Iterator[Watch]:
    with watch.watching(company) as found:
        assert found is not None
        yield found


@pytest.fixture(autouse=True)
def _let_in_again(company: Settings) -> Iterator[None]:
    """Logins belong to the whole server, and other tests need them."""
    yield
    for store in (1, 2, 3):
        roles.add_store(company, store)


@pytest.fixture(name="offender")
def _offender(company: Settings) -> Iterator[Connection]:
    """Return a session of store 1 that has lifted every limit that it can."""
    with opened(company, 1) as session:
        run(session, LIFTED)
        session.commit()
        yield session


@contextmanager
def opened(settings: Settings, store: int) -> Iterator[Connection]:
    """Return a session of a store that may be ended before the test is over."""
    with closing(psycopg2.connect(connection.dsn(settings, connection.store_role(store)))) as session:
        try:
            yield session
        finally:
            # Where the watch failed to, or closing would wait for what a thread runs on it.
            with suppress(psycopg2.Error):
                session.cancel()


def until(guard: Watch, kind: str, *, beside: Callable[[], object] = lambda: None) -> list[Act]:
    """Look until something of a kind was done; return all that was done."""
    end = time.monotonic() + 60
    acts: list[Act] = []
    while not any(act.kind == kind for act in acts):
        assert time.monotonic() < end, f"only {acts} within a minute"
        beside()
        acts += guard.look()
        time.sleep(0.05)
    return acts


def is_over(session: Connection) -> bool:
    """Return whether the server has ended a session."""
    try:
        rows(session, "select 1")
    except psycopg2.Error:
        return True
    return False


def in_background(work: Callable[[], object]) -> threading.Thread:
    """Do in a thread what waits for the offender."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def touch(session: Connection, store: int) -> None:
    """Change a store's stock to what it is."""
    run(session, TOUCH, store)
    session.commit()


def sale(settings: Settings, store: int) -> Callable[[], int]:
    """Return a sale of a store as something to be called."""

    def sell() -> int:
        with connection.connect(settings, connection.store_role(store)) as session:
            return shop.sell(session, [100], [1], store=store)

    return sell


@pytest.mark.parametrize("mode", ["share", "share row exclusive", "exclusive", "access exclusive"])
def test_a_store_that_locks_a_table_is_ended_and_the_sales_of_others_go_on(
    mode: str, company: Settings, guard: Watch, offender: Connection
) -> None:
    run(offender, f"lock table retail.transactions in {mode} mode")
    made: list[int] = []
    waiting = in_background(lambda: made.append(sale(company, 2)()))

    acts = until(guard, "blocking")

    waiting.join(30)
    assert made
    assert is_over(offender)
    assert [(act.store_id, act.kind) for act in acts] == [(1, "blocking")]
    assert "store_user_1" in acts[0].what
    assert "kept store_user_2 waiting" in acts[0].what


def test_a_store_that_locks_its_rows_from_a_load_is_ended_and_the_load_is_not(
    company: Settings, guard: Watch, offender: Connection
) -> None:
    run(offender, TOUCH, 1)
    with connection.connect(company, connection.LOADER) as loader:
        run(loader, TOUCH, 2)
        waiting = in_background(lambda: run(loader, TOUCH, 1))
        with opened(company, 2) as victim:
            # It waits for the load, which waits for the offender.
            behind = in_background(lambda: touch(victim, 2))
            acts = until(guard, "blocking")
            waiting.join(30)
            loader.commit()
            behind.join(30)
            assert not is_over(victim)
    assert is_over(offender)
    assert {act.store_id for act in acts} == {1}


def test_a_store_that_waits_for_a_service_is_left_alone_with_those_behind_it(company: Settings, guard: Watch) -> None:
    with connection.connect(company, connection.LOADER) as loader, opened(company, 1) as first:
        run(loader, "select from retail.inventory for update")
        behind = in_background(lambda: touch(first, 1))
        with connection.connect_dsn(company.require("postgres_dsn"), autocommit=True) as everything:
            waits = "select extract(epoch from clock_timestamp() - min(waitstart)) > 3 from pg_locks where not granted"
            while rows(everything, waits) != [(True,)]:
                assert guard.look() == []
                time.sleep(0.05)
        assert guard.look() == []
        loader.rollback()
        behind.join(30)
        assert not is_over(first)


def test_a_wish_for_a_whole_table_is_ended_and_not_the_one_that_it_waits_for(
    company: Settings, guard: Watch, offender: Connection
) -> None:
    with opened(company, 3) as honest:
        run(honest, TOUCH, 3)
        wish = in_background(lambda: _quietly(lambda: run(offender, "lock table retail.inventory")))
        made: list[int] = []
        waiting = in_background(lambda: made.append(sale(company, 2)()))

        acts = until(guard, "blocking")

        for thread in (wish, waiting):
            thread.join(30)
        assert made
        assert not is_over(honest)
    assert {act.store_id for act in acts} == {1}


def _quietly(work: Callable[[], object]) -> None:
    with suppress(psycopg2.Error):
        work()


@pytest.fixture(name="short")
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bounds be as short as a test may wait."""
    monkeypatch.setattr(limits, "WAIT", 0.2)
    monkeypatch.setattr(limits, "HORIZON_SECONDS", 0.2)


@pytest.mark.usefixtures("short")
def test_a_statement_is_ended_although_the_store_has_lifted_its_limit(
    company: Settings, offender: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT", 1.0)
    running = in_background(lambda: _quietly(lambda: run(offender, "select pg_sleep(600)")))
    with watch.watching(company) as guard:
        assert guard is not None
        assert [act.kind for act in until(guard, "statement")] == ["statement"]
    running.join(30)
    assert not running.is_alive()


@pytest.mark.usefixtures("short")
def test_a_procedure_that_commits_again_and_again_is_one_statement(
    company: Settings, offender: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT", 1.0)
    offender.autocommit = True
    endless = "do $$ begin loop perform pg_sleep(0.01); commit; end loop; end $$"
    running = in_background(lambda: _quietly(lambda: run(offender, endless)))
    with watch.watching(company) as guard:
        assert guard is not None
        assert [act.kind for act in until(guard, "statement")] == ["statement"]
    running.join(30)
    assert not running.is_alive()


class _Argument(ctypes.Structure):
    """An argument of libpq's PQfn, given by address."""

    _fields_ = (("len", ctypes.c_int), ("isint", ctypes.c_int), ("ptr", ctypes.c_char_p))


def call_by_number(session: Connection, function: int, argument: bytes) -> None:
    """Call a function of the server without a statement, which psycopg2 does for large objects only."""
    [libpq] = Path(psycopg2.__file__).parents[1].glob("psycopg2_binary.libs/libpq-*")
    call = ctypes.CDLL(str(libpq)).PQfn
    call.argtypes = [
        *(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int),
        *(ctypes.POINTER(_Argument), ctypes.c_int),
    ]
    length = ctypes.c_int()
    arguments = (_Argument * 1)(_Argument(len(argument), 0, argument))
    call(session.pgconn_ptr, function, ctypes.create_string_buffer(8), ctypes.byref(length), 0, arguments, 1)


@pytest.mark.usefixtures("short")
def test_a_function_called_without_a_statement_counts_as_one(
    company: Settings, offender: Connection, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT", 1.0)
    [(sleep,)] = rows(superuser, "select 'pg_sleep'::regproc::oid")
    offender.autocommit = True
    running = in_background(lambda: call_by_number(offender, sleep, struct.pack("!d", 600.0)))
    with watch.watching(company) as guard:
        assert guard is not None
        assert [act.kind for act in until(guard, "statement")] == ["statement"]
    running.join(30)
    assert not running.is_alive()


HOLDING = {
    "transaction": ("TRANSACTION", 0.5, "select 1"),
    "stream": ("WRITE_TRANSACTION", 0.5, TOUCH.replace("%s", "1")),
    "vacuum": ("HORIZON", 5, "set transaction isolation level repeatable read; select count(*) from retail.stores"),
}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("kind", HOLDING)
def test_what_holds_back_the_stream_or_vacuum_or_lasts_too_long_is_ended_and_others_are_not(
    kind: str, company: Settings, offender: Connection, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, bound, statement = HOLDING[kind]
    monkeypatch.setattr(limits, name, bound)
    run(offender, statement)
    with (
        opened(company, 2) as idle,
        connection.connect(company, connection.LOADER) as loader,
        watch.watching(company) as guard,
    ):
        assert guard is not None
        rows(idle, "select 1")
        idle.commit()
        run(loader, "select from retail.stores where store_id = 3 for update")

        acts = until(guard, kind, beside=lambda: run(superuser, "select pg_current_xact_id()"))

        assert {(act.store_id, act.kind) for act in acts} == {(1, kind)}
        assert is_over(offender)
        assert not is_over(idle)
        assert not is_over(loader)


def _flood(company: Settings, listener: Connection, superuser: Connection, monkeypatch: pytest.MonkeyPatch) -> float:
    """Let a session hold the queue of notifications, and another fill it over its limit; return how full it is."""
    run(listener, "listen anything")
    listener.commit()
    rows(listener, "select 1")  # now in a transaction, in which it takes no notification
    monkeypatch.setattr(limits, "QUEUE_HOLDER", 0.5)
    flood = "select count(pg_notify('anything', repeat('x', 7000) || n)) from generate_series(1, 2000) as n"
    with opened(company, 2) as other:
        rows(other, flood)
        other.commit()
    [(held,)] = rows(superuser, "select pg_notification_queue_usage()")
    assert isinstance(held, float)
    assert held > 0
    monkeypatch.setattr(limits, "QUEUE_SHARE", held / 2)
    return held


@pytest.mark.usefixtures("short")
def test_a_flood_of_notifications_loses_its_holder_and_the_tail_of_the_queue_moves(
    company: Settings, offender: Connection, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = _flood(company, offender, superuser, monkeypatch)
    with watch.watching(company) as guard:
        assert guard is not None
        acts = until(guard, "notifications")
        assert {(act.store_id, act.kind) for act in acts} == {(1, "notifications")}
        end = time.monotonic() + 30
        # Nobody but the watch asks, as nobody did when the queue filled up.
        while guard.queue.share > held / 2:
            assert time.monotonic() < end
            guard.look()
    assert is_over(offender)


@pytest.mark.usefixtures("short")
def test_who_is_ended_for_the_queue_of_notifications_and_did_not_hold_it_has_no_strike(
    company: Settings, offender: Connection, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(company, 3) as older:
        rows(older, "select 1")
        _flood(company, offender, superuser, monkeypatch)
        with watch.watching(company) as guard:
            assert guard is not None
            acts = until(guard, "notifications")
            while not is_over(offender):
                acts += guard.look()
                time.sleep(0.05)
        assert is_over(older)
    assert [(act.store_id, act.kind, act.proven) for act in acts] == [
        (3, "notifications", False),
        (1, "notifications", True),
    ]
    counts = "select store_id, harmed_others from retail.tenant_acts order by act_id"
    assert rows(superuser, counts) == [(3, False), (1, True)]
    assert [act.harmed_others for act in tenant_acts.summary(company).lately] == [True, False]


@pytest.mark.usefixtures("short")
def test_who_holds_the_queue_of_notifications_three_times_is_shut_out(
    company: Settings, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    acts: list[Act] = []
    for _ in range(limits.SHUT_OUT_AFTER):
        with opened(company, 1) as listener:
            _flood(company, listener, superuser, monkeypatch)
            with watch.watching(company) as guard:
                assert guard is not None
                acts += until(guard, "notifications")
    assert [act.kind for act in acts] == ["notifications"] * limits.SHUT_OUT_AFTER + ["shut_out"]


def _strike(company: Settings, guard: Watch, times: int) -> list[Act]:
    acts: list[Act] = []
    for _ in range(times):
        with opened(company, 1) as session:
            run(session, "lock table retail.inventory")
            waiting = in_background(sale(company, 2))
            acts += until(guard, "blocking")
            waiting.join(30)
    return acts


@pytest.mark.usefixtures("short")
def test_three_acts_shut_a_store_out_until_an_operator_lets_it_in(company: Settings) -> None:
    with watch.watching(company) as guard, opened(company, 1) as bystander:
        assert guard is not None
        _strike(company, guard, 2)
        assert not is_over(bystander)
        bystander.rollback()
    # Another watch: what the first one did is not forgotten.
    with watch.watching(company) as guard, opened(company, 1) as bystander:
        assert guard is not None
        acts = _strike(company, guard, 1)
        assert [act.kind for act in acts] == ["blocking", "shut_out"]
        assert is_over(bystander)
        assert "store enable 1" in acts[-1].next_step
    roles.provision(company)
    with pytest.raises(WarehouseError, match="is not permitted to log in"):
        sale(company, 1)()
    assert sale(company, 2)()
    told = tenant_acts.summary(company)
    assert [act.store_id for act in told.shut_out] == [1]
    assert [act.kind for act in told.lately] == ["blocking"] * 3

    roles.add_store(company, 1)

    assert sale(company, 1)()
    assert tenant_acts.summary(company).shut_out == ()
    with watch.watching(company) as guard:
        assert guard is not None
        acts = _strike(company, guard, 1)
    assert [act.kind for act in acts] == ["blocking"], "it starts from zero"


def test_a_store_that_changes_its_login_is_shut_out_all_the_same(
    company: Settings, guard: Watch, offender: Connection, superuser: Connection
) -> None:
    run(offender, f"alter role {connection.store_role(1)} password 'another'")
    run(superuser, shop.offences(1))

    assert [act.kind for act in guard.look()] == ["shut_out"]

    assert is_over(offender)
    with pytest.raises(WarehouseError, match="is not permitted to log in"):
        sale(company, 1)()


def test_a_store_that_resists_keeps_no_other_from_being_shut_out(
    company: Settings, guard: Watch, superuser: Connection
) -> None:
    run(superuser, shop.offences(1, 2))
    with connection.connect_dsn(company.require("postgres_dsn")) as operator:
        # The watch ends no session but the store's own.
        run(operator, f"alter role {connection.store_role(1)} connection limit 5")
        assert [act.store_id for act in guard.look()] == [2]
        operator.rollback()

    assert [act.store_id for act in guard.look()] == [1], "at the next look"


def test_what_was_done_is_told_although_the_connection_is_lost_meanwhile(
    guard: Watch, company: Settings, offender: Connection, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Watch.record
    myself = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"

    def lost(self: Watch, acts: list[Act]) -> None:
        record(self, acts)
        if acts:
            run(superuser, myself)

    monkeypatch.setattr(Watch, "record", lost)
    run(offender, "lock table retail.inventory")
    waiting = in_background(sale(company, 2))
    assert [act.kind for act in until(guard, "blocking")] == ["blocking"]
    waiting.join(30)
    with pytest.raises(psycopg2.Error):
        guard.look()


def test_a_store_that_keeps_a_whole_table_while_it_waits_for_a_service_is_ended(
    company: Settings, guard: Watch, offender: Connection
) -> None:
    forecast = "insert into retail.demand_forecast values (1, 100, '1999-01-01', 1, 1)"
    with connection.connect(company, connection.LOADER) as loader:
        run(loader, forecast)
        run(offender, "lock table retail.inventory in access exclusive mode")
        waits_for_loader = in_background(lambda: _quietly(lambda: run(offender, forecast)))
        sold = in_background(sale(company, 2))

        assert {(act.store_id, act.kind) for act in until(guard, "blocking")} == {(1, "blocking")}

        sold.join(30)
        waits_for_loader.join(30)
        assert not sold.is_alive()
        assert rows(loader, "select 1"), "the service is never ended"


@pytest.mark.usefixtures("short")
def test_a_store_that_is_shut_out_is_not_let_in_by_dropping_its_login(company: Settings) -> None:
    with watch.watching(company) as guard:
        assert guard is not None
        _strike(company, guard, 3)
    roles.remove_store(company, 1)
    roles.provision(company)
    with pytest.raises(WarehouseError, match="is not permitted to log in"):
        sale(company, 1)()


def test_a_store_that_an_operator_disabled_is_not_told_as_shut_out(company: Settings) -> None:
    roles.disable_store(company, 1)
    assert tenant_acts.summary(company).shut_out == ()


def test_what_one_look_finds_counts_once_however_many_sessions_it_was(company: Settings, guard: Watch) -> None:
    with (
        opened(company, 1) as one,
        opened(company, 1) as two,
        opened(company, 1) as three,
    ):
        for session in (one, two, three):
            run(session, "lock table retail.inventory in share mode")
        waiting = in_background(sale(company, 2))
        acts = until(guard, "blocking")
        waiting.join(30)
    assert [act.kind for act in acts] == ["blocking"] * 3


def test_only_one_watches(company: Settings, guard: Watch) -> None:
    assert guard.look() == []
    with watch.watching(company) as second:
        assert second is None


def test_before_the_schema_has_come_so_far_nothing_is_done(company: Settings, superuser: Connection) -> None:
    run(superuser, "drop table retail.tenant_acts")
    with watch.watching(company) as guard:
        assert guard is not None
        assert guard.look() == []
    assert tenant_acts.summary(company) == tenant_acts.Summary((), ())


def test_no_store_reads_what_was_done_to_whom_and_headquarters_does(company: Settings, superuser: Connection) -> None:
    run(superuser, "insert into retail.tenant_acts values (2, 1, now(), 'stream', true, now(), 'SECRET', null)")
    with (
        connection.connect(company, connection.store_role(1)) as store,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        rows(store, "select * from retail.tenant_acts")
    with connection.connect(company, connection.ADMIN) as headquarters:
        assert rows(headquarters, "select what from retail.tenant_acts") == [("SECRET",)]
