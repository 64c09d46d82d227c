"""One command lets a store in and keeps it out, in PostgreSQL and MongoDB alike, while the servers run on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from pymongo.errors import OperationFailure

from retail_pipeline import cli
from retail_pipeline.cli import call
from retail_pipeline.mirror import tenants
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, roles
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.shop import rows, run
from retail_pipeline_tests.integration.tenants.attacks_mongodb import UNAUTHORIZED, WRONG_LOGIN, Attack, opened, outcome

# Logins belong to the whole server: a store that no other test has.
STORE = 811


@pytest.fixture
def shop(fortress: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Return a new store that nobody let in yet, and point the command at its servers."""
    monkeypatch.setattr(call, "running", lambda _: fortress)
    with mirrored.superuser(fortress) as superuser:
        run(superuser, "insert into retail.stores values (%s, 'New')", STORE)
    yield fortress
    tenants.remove_store(fortress, STORE)
    with mirrored.superuser(fortress) as superuser:
        run(superuser, "delete from retail.role_store where store_id = %s", STORE)
        run(superuser, f"drop role if exists {connection.store_role(STORE)}")
        run(superuser, "delete from retail.stores where store_id = %s", STORE)


def _in_postgresql(settings: Settings, password: str | None = None) -> bool:
    changes = {"password": password} if password else {}
    address = psycopg2.extensions.make_dsn(connection.dsn(settings, connection.store_role(STORE)), **changes)
    try:
        with connection.connect_dsn(address) as session:
            return rows(session, "select store_id from retail.stores") == [(STORE,)]
    except Exception as error:
        if isinstance(error.__cause__, psycopg2.OperationalError):
            return False
        raise


def _in_mongodb(settings: Settings, password: str | None = None) -> bool:
    look = Attack("its own row", lambda mine: mine[tenants.view(STORE, "stores")].find_one())
    with opened(settings, tenants.user(STORE), password) as mine:
        code, _ = outcome(look, mine)
    assert code in (None, UNAUTHORIZED, WRONG_LOGIN)
    return code is None


def _is_in(settings: Settings) -> tuple[bool, bool]:
    return _in_postgresql(settings), _in_mongodb(settings)


def _store(action: str, store: int = STORE) -> int:
    return cli.main(["store", action, str(store)])


def test_a_store_is_let_in_to_both(shop: Settings) -> None:
    assert _is_in(shop) == (False, False)
    assert _store("add") == 0
    assert _is_in(shop) == (True, True)


def test_a_disabled_store_stays_out_of_both_whatever_runs_until_it_is_enabled(shop: Settings) -> None:
    _store("add")
    with opened(shop, tenants.user(STORE)) as mine:
        view = mine[tenants.view(STORE, "stores")]
        view.find_one()
        assert _store("disable") == 0
        with pytest.raises(OperationFailure):
            view.find_one()
    roles.provision(shop)
    tenants.provision(shop)
    assert _is_in(shop) == (False, False)

    assert _store("enable") == 0

    assert _is_in(shop) == (True, True)


def test_a_store_that_postgresql_keeps_out_is_kept_out_of_mongodb_by_the_next_run(shop: Settings) -> None:
    _store("add")
    roles.disable_store(shop, STORE)
    assert tenants.provision(shop) == [f"no {tenants.user(STORE)}"]
    assert _is_in(shop) == (False, False)


def test_a_store_that_postgresql_has_is_let_in_to_mongodb_by_the_next_run(shop: Settings) -> None:
    roles.provision(shop)
    assert _is_in(shop) == (True, False)
    tenants.provision(shop)
    assert _is_in(shop) == (True, True)


def test_of_a_removed_store_no_login_and_no_view_is_left(shop: Settings) -> None:
    _store("add")
    assert _store("remove") == 0
    assert _is_in(shop) == (False, False)
    with mirrored.administrator(shop) as whole:
        assert not whole.list_collection_names(filter={"name": {"$regex": f"^store_{STORE}"}})
        assert not whole.command("rolesInfo", tenants.user(STORE))["roles"]


def test_new_passwords_count_at_once_and_the_old_ones_no_longer(shop: Settings) -> None:
    _store("add")
    old = {server: shop.credentials.password(f"{server}/{tenants.user(STORE)}") for server in ("postgres", "mongo")}
    assert _in_postgresql(shop, old["postgres"])
    assert _in_mongodb(shop, old["mongo"])

    assert _store("rotate") == 0

    assert _is_in(shop) == (True, True)
    assert not _in_postgresql(shop, old["postgres"])
    assert not _in_mongodb(shop, old["mongo"])


@pytest.mark.parametrize("action", ["add", "enable", "disable", "remove", "rotate"])
def test_a_store_that_is_not_there_is_a_clear_error(
    action: str, shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop
    assert _store(action, 987) == 1
    assert "987" in capsys.readouterr().err


def test_the_list_says_which_stores_are_in_in_the_words_of_the_calls(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def listed() -> dict[str, Any]:
        capsys.readouterr()
        assert cli.main(["store", "list", "--json"]) == 0
        [found] = [one for one in json.loads(capsys.readouterr().out) if one["store_id"] == STORE]
        return dict(found)

    assert (listed()["state"], listed()["connection_limit"]) == ("not added", None)
    _store("add")
    with connection.connect(shop, connection.store_role(STORE)):
        found = listed()
    assert found | {"connection_limit": 0} == {
        "store_id": STORE,
        "store_location": "New",
        "state": "let in",
        "postgres": True,
        "mongodb": True,
        "connections": 1,
        "connection_limit": 0,
    }
    assert found["connection_limit"] > 0
    _store("disable")
    assert listed()["state"] == "disabled"
    roles.add_store(shop, STORE)
    assert listed()["state"] == "PostgreSQL only"
    with mirrored.superuser(shop) as superuser:
        run(
            superuser,
            "insert into retail.tenant_acts (store_id, kind, harmed_others, since, what)"
            " values (%s, 'shut_out', true, now(), 'planted')",
            STORE,
        )
    assert listed()["state"] == "shut out"
    _store("enable")
    assert listed()["state"] == "let in"
