"""No way in to MongoDB: each attack of the table, tried as a store's own user, and what must work beside it."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from retail_pipeline.mirror import client, tenants
from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration.tenants import attacks_mongodb as attacks
from retail_pipeline_tests.integration.warehouse.attacks import leaks


def test_the_attacker_is_a_store_and_nothing_more(fortress: Settings) -> None:
    with attacks.opened(fortress, tenants.user(1)) as mine:
        login = mine.command("connectionStatus", showPrivileges=True)["authInfo"]
    assert login["authenticatedUsers"] == [{"user": "store_user_1", "db": "admin"}]
    assert [role["role"] for role in login["authenticatedUserRoles"]] == ["store_user_1"]
    assert {tuple(privilege["actions"]) for privilege in login["authenticatedUserPrivileges"]} == {("find",)}


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_an_attack_gets_nothing_and_its_control_works(name: str, fortress: Settings) -> None:
    attack = attacks.ATTACKS[name]
    attacks.try_out(attack, fortress)
    attacks.try_control(attack, fortress)


def test_every_attack_has_a_name_of_its_own() -> None:
    assert len(attacks.ATTACKS) == sum(map(len, attacks.GROUPS.values())) >= 60


@pytest.mark.parametrize("name", ["a collection", "another store's sales", "every user", "a new user", "the log"])
def test_nobody_gets_anything_without_a_login(name: str, fortress: Settings) -> None:
    with attacks.opened(fortress, None) as anonymous:
        assert anonymous.command("ping")["ok"] == 1, "there is somebody to ask"
        code, _ = attacks.outcome(attacks.ATTACKS[name], anonymous)
    assert code == attacks.UNAUTHORIZED


@pytest.mark.parametrize("user", ["store_user_1", "store_user_2", "analyst", "admin", "__system"])
def test_no_other_password_opens_a_login(user: str, fortress: Settings) -> None:
    wrong = [
        fortress.credentials.password("postgres/store_user_1"),
        fortress.credentials.password("mongo/store_user_3"),
        "password",
    ]
    for password in wrong:
        with (
            pytest.raises(OperationFailure) as refused,
            attacks.opened(fortress, user, password) as mine,
        ):
            attacks.own_sales(mine)
        assert refused.value.code == attacks.WRONG_LOGIN
    with attacks.opened(fortress, client.ANALYST) as whole:
        assert whole["transactions"].find_one(), "the right one opens it"


def test_another_stores_cursor_is_neither_read_nor_ended(fortress: Settings) -> None:
    with attacks.opened(fortress, tenants.user(2)) as other, attacks.opened(fortress, tenants.user(1)) as mine:
        cursor = other.command("find", attacks.OTHERS, batchSize=1)["cursor"]["id"]
        for view in (attacks.OTHERS, attacks.SALES):
            with pytest.raises(OperationFailure) as refused:
                mine.command("getMore", cursor, collection=view)
            assert refused.value.code == attacks.UNAUTHORIZED
            with pytest.raises(OperationFailure) as refused:
                mine.command("killCursors", view, cursors=[cursor])
            assert refused.value.code == attacks.UNAUTHORIZED
        assert other.command("find", attacks.OTHERS)["cursor"]["firstBatch"]


def test_what_explain_tells_is_the_collections_name_and_how_many_documents_it_has(fortress: Settings) -> None:
    question = {"find": attacks.SALES, "filter": {"store_id": 2}, "hint": {"$natural": 1}}
    with attacks.opened(fortress, tenants.user(1)) as mine:
        answer = mine.command("explain", question, verbosity="executionStats")
    del answer["command"]
    assert "walmart_realtime.transactions" in repr(answer)
    assert not leaks(answer)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([{"store_id": 1, "unit_price": "77770000.00"}], True),
        ("2\t5\t77770012\n", True),
        ("Key (gender)=(SECRET) is not present", True),
        ({"rows": [{"store_id": 2}]}, True),
        ([{"store_id": 1, "unit_price": "19.99"}], False),
        ("not authorized to execute command { find: 1, $clusterTime: { keyId: 7712532451997777926 } }", False),
    ],
)
def test_a_mark_of_another_store_is_told_from_a_number_that_holds_its_digits(answer: object, told: bool) -> None:
    assert attacks.leaks(answer) is told
