"""Who is shut out of PostgreSQL is shut out of MongoDB, too, and what a store runs there is ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pymongo.errors import OperationFailure

from retail_pipeline.healing.guard import Guard, on_duty
from retail_pipeline.mirror import client, tenants
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, limits, roles
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.shop import rows, run
from retail_pipeline_tests.integration.tenants.attacks_mongodb import opened

VIEW = tenants.view(3, "transactions")


@pytest.fixture(name="said")
def _said() -> list[str]:
    return []


@pytest.fixture(name="guard")
def _guard(fortress: Settings, said: list[str]) -> Iterator[Guard]:
    with on_duty(fortress, said.append, time.monotonic) as guard:
        assert guard is not None
        yield guard
    for store in (1, 3):
        roles.add_store(fortress, store)
    tenants.provision(fortress)


def test_a_store_that_is_shut_out_has_no_user_in_mongodb_until_it_is_let_in(
    fortress: Settings, guard: Guard, said: list[str]
) -> None:
    with mirrored.superuser(fortress) as superuser:
        run(superuser, shop.offences(3))
    with opened(fortress, tenants.user(3)) as mine:
        mine[VIEW].find_one()
        assert [act.kind for act in guard.look()] == ["shut_out"]
        with pytest.raises(OperationFailure):
            mine[VIEW].find_one()
    assert "retail-pipeline store enable 3" in said[0]
    tenants.provision(fortress)
    with mirrored.administrator(fortress) as whole:
        assert not whole.client["admin"].command("usersInfo", tenants.user(3))["users"]

    roles.add_store(fortress, 3)
    tenants.add_store(fortress, 3)

    with opened(fortress, tenants.user(3)) as mine:
        assert guard.look() == []
        mine[VIEW].find_one()


def test_a_store_that_resists_in_postgresql_keeps_no_other_in_mongodb(
    fortress: Settings, guard: Guard, said: list[str]
) -> None:
    with connection.connect_dsn(fortress.require("postgres_dsn")) as operator:
        run(operator, shop.offences(1, 3))
        operator.commit()
        # The watch ends no session but the store's own.
        run(operator, f"alter role {connection.store_role(1)} connection limit 5")
        assert [(act.store_id, act.kind) for act in guard.look()] == [(3, "shut_out")]
        operator.rollback()
    assert ["store enable 3" in line for line in said] == [True]
    with mirrored.administrator(fortress) as whole:
        assert not whole.client["admin"].command("usersInfo", tenants.user(3))["users"]
    assert [(act.store_id, act.kind) for act in guard.look()] == [(1, "shut_out")], "at the next look"


def test_a_long_operation_of_a_store_is_ended_and_one_of_a_service_is_not(
    fortress: Settings, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT", 0.3)
    many = {"$reduce": {"input": {"$range": [0, 40_000]}, "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}}
    slow = [{"$unionWith": {"coll": VIEW}}] * 40 + [{"$project": {"n": many}}]
    outcomes: dict[str, object] = {}

    def ask(user: str) -> None:
        try:
            with opened(fortress, user) as mine:
                outcomes[user] = len(list(mine[VIEW].aggregate(slow)))
        except OperationFailure as error:
            outcomes[user] = error.code

    threads = [threading.Thread(target=ask, args=(user,)) for user in (tenants.user(3), client.ANALYST)]
    for thread in threads:
        thread.start()
    acts = []
    while any(thread.is_alive() for thread in threads):
        acts += guard.look()
        time.sleep(0.05)
    assert [(act.store_id, act.kind) for act in acts] == [(3, "operation")]
    assert outcomes[tenants.user(3)] == 11601, "interrupted"
    assert isinstance(outcomes[client.ANALYST], int)
    assert outcomes[client.ANALYST] != 11601


def test_postgresql_is_watched_while_mongodb_does_not_answer(fortress: Settings, said: list[str]) -> None:
    elsewhere = replace(fortress, mongo_uri="mongodb://admin:none@127.0.0.1:9/?authSource=admin")
    with on_duty(elsewhere, said.append, time.monotonic) as guard:
        assert guard is not None
        for _ in range(3):
            assert guard.look() == []
        with mirrored.superuser(fortress) as superuser:
            assert rows(superuser, "select count(*) from pg_locks where locktype = 'advisory'") == [(1,)]
    assert len(said) == 1
    assert "none" not in said[0]
