"""Two runs that make the same thing at the same moment both end well."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from pymongo.database import Database

from retail_pipeline.mirror import client, tenants
from retail_pipeline.mongodb import USERS_DATABASE
from retail_pipeline.replication import publication
from retail_pipeline.settings import Settings
from retail_pipeline.tables import PUBLICATION, STREAM_PUBLICATION
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.mirrored import Document

_RUNS = 4


def _at_once(make: Callable[[], Any]) -> None:
    """Let several do it at the same moment; raise what any of them raises."""
    ready = Barrier(_RUNS, timeout=60)

    def one() -> None:
        ready.wait()
        make()

    with ThreadPoolExecutor(_RUNS) as pool:
        for done in [pool.submit(one) for _ in range(_RUNS)]:
            done.result()


def test_users_roles_and_views_are_made_by_several_at_once(company: Settings, database: Database[Document]) -> None:
    users = database.client[USERS_DATABASE]
    for _ in range(3):
        for one in database.list_collections(filter={"type": "view"}):
            database.drop_collection(one["name"])
        database.command("dropAllRolesFromDatabase")
        for name in (client.WRITER, client.ANALYST, client.SINK, *map(tenants.user, (1, 2, 3))):
            if users.command("usersInfo", {"user": name, "db": USERS_DATABASE})["users"]:
                users.command("dropUser", name)

        _at_once(lambda: client.provision(company))
        _at_once(lambda: tenants.provision(company))

        for store in (1, 2, 3):
            with client.connect(company, tenants.user(store)) as opened:
                assert client.mirror(opened)[f"store_{store}.transactions"].distinct("store_id") == [store]
        assert tenants.provision(company) == []


def test_what_is_there_already_is_brought_to_what_it_should_be(database: Database[Document]) -> None:
    """As by a run that looked just before another one made it: with other privileges, and another definition."""
    database.command("createRole", "late", privileges=[], roles=[])
    privileges = client.readable(["store_1.transactions"])
    client._make(database, "createRole", "updateRole", "late", is_there=False, privileges=privileges, roles=[])
    database.command("create", "late_view", viewOn="stores", pipeline=[])
    wanted = {"late_view": ("transactions", [tenants.BARRIER])}
    tenants._ensure_views(database, {}, wanted)  # noqa: SLF001

    [role] = database.command("rolesInfo", "late", showPrivileges=True)["roles"]
    assert role["privileges"] == privileges
    assert tenants._present_views(database)["late_view"] == wanted["late_view"]  # noqa: SLF001
    database.command("dropRole", "late")


@pytest.mark.parametrize("there", [False, True], ids=["made", "repaired"])
def test_publications_are_made_by_several_at_once(company: Settings, *, there: bool) -> None:
    with mirrored.superuser(company) as session, session.cursor() as cursor:
        for _ in range(3):
            if there:
                cursor.execute(f"alter publication {STREAM_PUBLICATION} drop table retail.transactions")
            else:
                cursor.execute(f"drop publication if exists {PUBLICATION}, {STREAM_PUBLICATION}")

            _at_once(lambda: publication.ensure(company))

            found = publication.ensure(company)
            assert "transactions" in found[STREAM_PUBLICATION]
