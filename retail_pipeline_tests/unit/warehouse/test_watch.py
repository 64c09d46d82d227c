"""Whose session is ended, judged from what one look saw; and how much each store may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from retail_pipeline.warehouse import limits, watch
from retail_pipeline.warehouse.tenant_acts import HARMFUL, Act
from retail_pipeline.warehouse.watch import Queue, Session, judge

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LONG, SHORT = limits.WAIT + 1, limits.WAIT - 1


def store(pid: int, store_id: int = 1, **others: object) -> Session:
    """Return a session of a store, in a transaction that is old enough to be looked at."""
    session = Session(pid, store_id, f"store_user_{store_id}", "127.0.0.1", BEGAN, transaction_age=LONG)
    return replace(session, **others)  # type: ignore[arg-type]


def service(pid: int, **others: object) -> Session:
    """Return a session of a service."""
    session = Session(pid, None, "retail_loader", "127.0.0.1", BEGAN, transaction_age=3600, statement_age=3600)
    return replace(session, wrote=True, horizon=10**9, **others)  # type: ignore[arg-type]


def verdicts(*sessions: Session, queue: float = 0.0, held: float = 3600.0) -> dict[int, str]:
    return {verdict.session.pid: verdict.kind for verdict in judge(sessions, Queue(queue, held))}


def test_a_store_that_keeps_another_waiting_is_ended() -> None:
    assert verdicts(store(1), store(2, 2, waited=LONG, blockers=(1,))) == {1: "blocking"}
    assert verdicts(store(1), service(2, waited=LONG, blockers=(1,))) == {1: "blocking"}


def test_nobody_is_ended_before_others_have_waited_for_long() -> None:
    assert verdicts(store(1), store(2, 2, waited=SHORT, blockers=(1,))) == {}


def test_a_store_that_waits_for_itself_is_left_alone() -> None:
    assert verdicts(store(1), store(2, 1, waited=LONG, blockers=(1,))) == {}


def test_a_service_is_never_ended_whatever_it_does() -> None:
    assert verdicts(service(1), store(2, 2, waited=LONG, blockers=(1,)), queue=1.0) == {}


def test_a_young_transaction_is_not_to_blame_for_a_long_wait() -> None:
    """A row that many short sales follow each other on keeps somebody waiting, and no one of them does."""
    assert verdicts(store(1, transaction_age=SHORT), store(2, 2, waited=LONG, blockers=(1,))) == {}


# The first keeps the second waiting, and so the second the third.
CHAIN = (store(1), store(2, 2, waited=LONG, blockers=(1,)), store(3, 3, waited=LONG, blockers=(2,)))


def _direct(waiter: Session, by_pid: dict[int, Session]) -> list[Session]:
    """Find those that somebody waits for, without asking whom they wait for: a planted fault."""
    return [by_pid[pid] for pid in waiter.blockers if by_pid[pid].store_id is not None]


def test_who_waits_for_a_third_is_a_victim_and_only_the_end_of_the_chain_is_ended() -> None:
    assert verdicts(*CHAIN) == {1: "blocking"}


def test_without_the_search_for_the_end_of_the_chain_a_victim_would_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "culprits", _direct)
    assert verdicts(*CHAIN) == {1: "blocking", 2: "blocking"}


def test_where_a_service_is_at_the_end_of_the_chain_nobody_is_ended() -> None:
    assert verdicts(service(1), store(2, 2, waited=LONG, blockers=(1,)), store(3, 3, waited=LONG, blockers=(2,))) == {}


def test_who_asks_for_a_whole_table_is_ended_although_it_waits_itself() -> None:
    """The others wait for its wish, and not for the session of another store or a service that it waits for."""
    wish = store(2, 2, waited=LONG, whole_table=True, blockers=(1,))
    behind = store(3, 3, waited=LONG, blockers=(2,))
    assert verdicts(service(1), wish, behind) == {2: "blocking"}
    assert verdicts(store(1), wish, behind) == {2: "blocking"}
    assert verdicts(store(1), wish) == {}


def test_a_circle_has_no_end_and_is_left_to_the_server() -> None:
    assert verdicts(store(1, waited=LONG, blockers=(2,)), store(2, 2, waited=LONG, blockers=(1,))) == {}


def test_who_keeps_a_whole_table_and_waits_for_a_service_is_ended() -> None:
    """Else all sales stand still for as long as the service takes, which need not be what they wait for."""
    keeps = store(2, 2, waited=LONG, whole_table=True, blockers=(1,))
    assert verdicts(service(1), keeps, store(3, 3, waited=LONG, blockers=(2,))) == {2: "blocking"}


def test_who_waits_for_a_service_that_waits_for_it_is_ended() -> None:
    circle = (service(1, waited=LONG, blockers=(2,)), store(2, 2, waited=LONG, blockers=(1,)))
    assert verdicts(*circle) == {2: "blocking"}


def test_while_notifications_pile_up_the_oldest_transaction_of_a_store_is_ended() -> None:
    old, older = store(1, transaction_age=limits.QUEUE_HOLDER + 1), store(2, 2, transaction_age=limits.QUEUE_HOLDER + 2)
    assert verdicts(old, older, queue=limits.QUEUE_SHARE / 2) == {}
    assert verdicts(old, older, queue=limits.QUEUE_SHARE * 2) == {2: "notifications"}
    assert verdicts(store(1, transaction_age=limits.QUEUE_HOLDER - 1), queue=1.0) == {}


def after(shares: list[float]) -> Queue:
    """Return what is known of the queue after it was looked at every two seconds."""
    queue = Queue()
    for share in shares:
        queue = queue.later(share, limits.PAUSE)
    return queue


def test_a_queue_that_becomes_shorter_is_held_by_nobody() -> None:
    """A listener that renews its transaction reads on, and an old transaction of another store is not to blame."""
    report = store(1, transaction_age=60)
    full = 2 * limits.QUEUE_SHARE
    renewed = [full, 2 * full, full, 2 * full, 3 * full, full, 2 * full, 3 * full]
    for looks in range(1, len(renewed) + 1):
        assert judge([report], after(renewed[:looks])) == []


def test_a_queue_that_becomes_no_shorter_is_held() -> None:
    report = store(1, transaction_age=60)
    over = 2 * limits.QUEUE_SHARE
    looks = int(limits.QUEUE_HOLDER / limits.PAUSE) + 2
    assert judge([report], after([0.0, *[over] * (looks - 1)])) == []
    assert [one.kind for one in judge([report], after([0.0, *[over] * looks]))] == ["notifications"]
    assert judge([report], after([*[limits.QUEUE_SHARE / 2] * 10, over])) == [], "it was not over its limit before"


OVER: dict[str, Callable[[], Session]] = {
    "statement": lambda: store(1, statement_age=limits.STATEMENT + 1),
    "transaction": lambda: store(1, transaction_age=limits.TRANSACTION + 1),
    "stream": lambda: store(1, transaction_age=limits.WRITE_TRANSACTION + 1, wrote=True),
    "vacuum": lambda: store(1, horizon=limits.HORIZON + 1, transaction_age=limits.HORIZON_SECONDS + 1),
}


@pytest.mark.parametrize("kind", OVER)
def test_what_is_over_a_limit_is_ended(kind: str) -> None:
    assert verdicts(OVER[kind]()) == {1: kind}


def test_what_is_within_the_limits_is_left_alone() -> None:
    session = store(1, statement_age=limits.STATEMENT - 1, horizon=limits.HORIZON - 1)
    assert verdicts(replace(session, transaction_age=limits.TRANSACTION - 1)) == {}
    assert verdicts(replace(session, transaction_age=limits.WRITE_TRANSACTION - 1, wrote=True)) == {}


def test_a_short_report_is_not_ended_for_the_transactions_that_others_make_meanwhile() -> None:
    assert verdicts(store(1, horizon=10**9, transaction_age=limits.HORIZON_SECONDS - 1)) == {}


def test_what_another_store_can_bring_about_shuts_nobody_out() -> None:
    assert "vacuum" not in HARMFUL
    assert Act(1, "notifications", BEGAN, "x").harmed_others
    suspected = Act(1, "notifications", BEGAN, "x", proven=False)
    assert not suspected.harmed_others
    assert "does not count" in suspected.next_step


def test_a_session_is_ended_once_for_the_gravest_of_its_reasons() -> None:
    both = store(1, transaction_age=limits.TRANSACTION + 1, wrote=True)
    assert verdicts(both, store(2, 2, waited=LONG, blockers=(1,)), queue=1.0) == {1: "blocking"}
    assert {"statement", "transaction"}.isdisjoint(HARMFUL)


def test_the_next_look_comes_when_who_waits_has_waited_too_long() -> None:
    assert watch.pause([], acted=False) == limits.PAUSE
    assert watch.pause([store(1, waited=0.0)], acted=False) <= limits.WAIT + 0.2
    assert watch.pause([store(1, waited=limits.WAIT - 0.5)], acted=False) <= 0.7
    assert watch.pause([service(1, waited=3600.0)], acted=False) == limits.PAUSE
    assert watch.pause([], acted=True) < 0.5


@pytest.mark.parametrize("stores", [1, 3, 22, 100, 400, 423])
def test_the_connections_of_all_stores_leave_the_services_theirs(stores: int) -> None:
    free = 950
    each = limits.connections(stores, free)
    assert limits.LEAST_CONNECTIONS <= each <= limits.MOST_CONNECTIONS
    assert stores * each <= free - limits.SERVICE_CONNECTIONS


def test_a_store_has_its_least_whatever_the_server_has() -> None:
    assert limits.connections(10_000, 100) == limits.LEAST_CONNECTIONS
