"""In MongoDB too, a store reads its own documents and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from retail_pipeline import analytics
from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import client, tenants
from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document

UNAUTHORIZED = 13
STORES = (1, 2, 3)


@pytest.fixture
def views(company: Settings) -> Settings:
    """Return the company with its analytics computed and its stores let in."""
    mirrored.bring(company, 2, 91, "2024-05-01 10:00", [mirrored.Line(100, 9, 5)])
    mirrored.fill(company)
    analytics.run_all(company)
    tenants.provision(company)
    return company


@pytest.mark.parametrize("store", STORES)
def test_a_store_reads_exactly_its_own_documents(views: Settings, database: Database[Document], store: int) -> None:
    with client.connect(views, tenants.user(store)) as opened:
        mine = client.mirror(opened)
        for name, (collection, _) in tenants.definitions(store).items():
            if collection == "store_customers":
                continue
            wanted = list(database[collection].find({"store_id": store}, sort=[("_id", 1)]))
            assert list(mine[name].find(sort=[("_id", 1)])) == wanted, name
    assert database["transactions"].count_documents({"store_id": store}) > 0


def test_a_store_reads_the_customers_related_to_it(views: Settings) -> None:
    with client.connect(views, tenants.user(1)) as opened:
        seen = list(client.mirror(opened)["store_1.customers"].find(sort=[("_id", 1)]))
    assert [one["customer_id"] for one in seen] == [11, 12, 13]
    assert list(seen[0]) == ["_id", "customer_id", "age", "gender", "income", "loyalty_level"]


def test_an_alert_is_seen_by_its_store_alone(views: Settings) -> None:
    for store, number in ((1, 0), (2, 1), (3, 0)):
        with client.connect(views, tenants.user(store)) as opened:
            assert client.mirror(opened)[tenants.view(store, "fraud_alerts")].count_documents({}) == number


ATTEMPTS: dict[str, Callable[[Any], object]] = {
    "the collection": lambda mine: mine["transactions"].find_one(),
    "another store's view": lambda mine: mine["store_2.transactions"].find_one(),
    "a join": lambda mine: list(
        mine["store_1.transactions"].aggregate(
            [{"$lookup": {"from": "transactions", "pipeline": [], "as": "all"}}],
        )
    ),
    "a union": lambda mine: list(mine["store_1.transactions"].aggregate([{"$unionWith": "transactions"}])),
    "a write": lambda mine: mine["store_1.transactions"].insert_one({}),
    "a write to the collection": lambda mine: mine["transactions"].delete_many({}),
    "a change stream": lambda mine: mine["transactions"].watch(),
    "an output": lambda mine: list(mine["store_1.transactions"].aggregate([{"$out": "mine"}])),
    "another view": lambda mine: mine.command("collMod", "store_1.transactions", viewOn="transactions", pipeline=[]),
    "a view more": lambda mine: mine.command("create", "mine", viewOn="transactions", pipeline=[]),
    "the views' definitions": lambda mine: mine["system.views"].find_one(),
    "another database": lambda mine: mine.client["admin"]["system.users"].find_one(),
    "the state of the mirror": lambda mine: mine["mirror_state"].find_one(),
}


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda name: name.replace(" ", "_"))
def test_a_store_gets_at_nothing_else(views: Settings, attempt: str) -> None:
    # The refusal is explained to callers of this package, with the server's own as its cause.
    with pytest.raises(MirrorError) as refused, client.connect(views, tenants.user(1)) as opened:
        ATTEMPTS[attempt](client.mirror(opened))
    assert isinstance(refused.value.__cause__, OperationFailure)
    assert refused.value.__cause__.code == UNAUTHORIZED


def test_a_second_run_changes_nothing(views: Settings) -> None:
    assert tenants.provision(views) == []


def test_what_was_changed_by_hand_is_brought_back(views: Settings, database: Database[Document]) -> None:
    database.command("collMod", "store_1.transactions", viewOn="transactions", pipeline=[])
    database.drop_collection("store_1.inventory")
    database.command("grantPrivilegesToRole", tenants.user(1), privileges=client.readable(["transactions"]))
    database.client["admin"].command("grantRolesToUser", tenants.user(2), roles=["root"])
    assert sorted(tenants.provision(views)) == [
        "role store_user_1",
        "user store_user_2",
        "view store_1.inventory",
        "view store_1.transactions",
    ]
    assert tenants.provision(views) == []
    with client.connect(views, tenants.user(1)) as opened:
        stores = client.mirror(opened)["store_1.transactions"].distinct("store_id")
    assert stores == [1]


def test_a_new_password_is_set_at_the_next_run(views: Settings) -> None:
    views.credentials.rotate(f"mongo/{tenants.user(1)}")
    with pytest.raises(MirrorError), client.connect(views, tenants.user(1)) as opened:
        client.mirror(opened)["store_1.transactions"].find_one()
    assert tenants.provision(views) == ["user store_user_1"]
    with client.connect(views, tenants.user(1)) as opened:
        assert client.mirror(opened)["store_1.transactions"].find_one()


def test_a_new_store_gets_its_own_and_the_others_are_left_alone(views: Settings) -> None:
    with mirrored.superuser(views) as session:
        shop.run(session, "insert into retail.stores values (4, 'Place 4')")
    made = tenants.provision(views)
    assert made
    assert all("store_4." in one or one.endswith("store_user_4") for one in made)
    with client.connect(views, tenants.user(4)) as opened:
        assert client.mirror(opened)["store_4.transactions"].count_documents({}) == 0


def test_a_document_under_another_stores_identity_is_not_shown(views: Settings, database: Database[Document]) -> None:
    database["transactions"].insert_one({"_id": {"store_id": 1, "transaction_id": 77}, "store_id": 2})
    database["transactions"].insert_one({"_id": {"store_id": 2, "transaction_id": 78}, "store_id": 1})
    with client.connect(views, tenants.user(1)) as opened:
        seen = client.mirror(opened)["store_1.transactions"].distinct("_id.transaction_id")
    assert sorted(seen) == [11, 12]


@pytest.mark.parametrize(
    ("user", "may"),
    [
        (client.ANALYST, set()),
        (client.SINK, {"transactions"}),
        (client.WRITER, {"transactions", "products", "mirror_state"}),
    ],
)
def test_a_service_writes_what_it_must_and_no_more(company: Settings, user: str, may: set[str]) -> None:
    def allowed(collection: str) -> bool:
        with client.connect(company, user) as opened:
            client.mirror(opened)[collection].insert_one({"_id": {"by": user}})
        return True

    for collection in may:
        assert allowed(collection)
    for collection in {"transactions", "products", "mirror_state"} - may:
        with pytest.raises(MirrorError, match="not authorized"):
            allowed(collection)
