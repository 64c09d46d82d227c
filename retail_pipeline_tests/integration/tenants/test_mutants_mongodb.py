"""Every wall of MongoDB is needed: each fault planted here is seen by what a store then gets, and repaired by a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from pymongo.database import Database

from retail_pipeline.mirror import tenants
from retail_pipeline.mirror.client import Document
from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.tenants.attacks_mongodb import ATTACKS, SALES, try_out

Fault = Callable[[Database[Document]], object]


@dataclass(frozen=True)
class Mutant:
    """A fault, and the attack of the table that must notice it."""

    fault: Fault
    caught_by: str


def _view(name: str, alter: Callable[[list[Document]], list[Document]]) -> Fault:
    """Change a view of store 1."""
    collection, pipeline = tenants.definitions(1)[name]
    return lambda whole: whole.command("collMod", name, viewOn=collection, pipeline=alter(pipeline))


def _without(stage: str) -> Callable[[list[Document]], list[Document]]:
    return lambda pipeline: [one for one in pipeline if stage not in one]


def _of_another(_: list[Document]) -> list[Document]:
    return [{"$match": {"store_id": 2}}, tenants.BARRIER]


def _may(collection: str, *actions: str, also_find: str | None = None) -> Fault:
    """Grant store 1's role a privilege more, or two."""
    wanted = {collection: actions} | ({also_find: ("find",)} if also_find else {})
    privileges = [
        {"resource": {"db": "walmart_realtime", "collection": name}, "actions": list(what)}
        for name, what in wanted.items()
    ]
    return lambda whole: whole.command("grantPrivilegesToRole", tenants.user(1), privileges=privileges)


def _has(role: str, database: str = "admin") -> Fault:
    """Grant store 1's user a role more."""
    roles = [{"role": role, "db": database}]
    return lambda whole: whole.client["admin"].command("grantRolesToUser", tenants.user(1), roles=roles)


MUTANTS: dict[str, Mutant] = {
    "sales of all stores": Mutant(_view(SALES, _without("$match")), "its sales, every one"),
    "sales of another store": Mutant(_view(SALES, _of_another), "its sales, every one"),
    "lines of all stores": Mutant(_view("store_1.transaction_details", _without("$match")), "its lines, every one"),
    "stock of all stores": Mutant(_view("store_1.inventory", _without("$match")), "its stock, every one"),
    "forecasts of all stores": Mutant(_view("store_1.demand_forecast", _without("$match")), "its forecasts, every one"),
    "observations of all stores": Mutant(
        _view("store_1.observations", _without("$match")), "its observations, every one"
    ),
    "customers of all stores": Mutant(_view("store_1.customers", _without("$match")), "its customers, every one"),
    "alerts of all stores": Mutant(_view("store_1.fraud_alerts", _without("$match")), "its alerts, every one"),
    "analytics of all stores": Mutant(
        _view("store_1.inventory_analytics", _without("$match")), "its inventory analytics, every one"
    ),
    "sales without a barrier": Mutant(_view(SALES, _without("$limit")), "a condition that divides by zero"),
    "alerts without a barrier": Mutant(_view("store_1.fraud_alerts", _without("$limit")), "a division in alerts"),
    "itself without a barrier": Mutant(
        _view("store_1.stores", _without("$limit")), "a conversion that quotes what it cannot convert"
    ),
    "find on a collection": Mutant(_may("transactions", "find"), "a collection"),
    "find on the joined collection": Mutant(_may("customers", "find"), "$lookup within $lookup"),
    "find on another's view": Mutant(_may("store_2.transactions", "find"), "another store's sales"),
    "find on every collection": Mutant(_may("", "find"), "$unionWith"),
    "insert into a collection": Mutant(_may("transactions", "insert"), "insert into a collection"),
    "update by $merge": Mutant(_may("transactions", "insert", "update"), "$merge into a collection"),
    "remove": Mutant(_may("transactions", "remove"), "delete from a collection"),
    "change streams": Mutant(_may("transactions", "changeStream", "find"), "a change stream of a collection"),
    "views of its own": Mutant(
        _may("store_1.mine", "createCollection", "find", also_find="transactions"), "a view of its own under its name"
    ),
    "its view changed": Mutant(_may(SALES, "collMod", "find", also_find="transactions"), "its view of everything"),
    "the collections listed": Mutant(_may("", "listCollections"), "the list of collections"),
    "statistics": Mutant(_may("transactions", "collStats"), "collStats"),
    "a role that reads the database": Mutant(_has("read", "walmart_realtime"), "the alerts of all"),
    "another store's role": Mutant(_has("store_user_2", "walmart_realtime"), "another store's alerts"),
    "a role that manages users": Mutant(_has("userAdminAnyDatabase"), "every user"),
    "a role that looks at the server": Mutant(_has("clusterMonitor"), "operations of others"),
    "a role that reads every database": Mutant(_has("readAnyDatabase"), "a change stream of the cluster"),
}


@pytest.fixture
def whole(fortress: Settings) -> Iterator[Database[Document]]:
    """Open the mirror as somebody who can plant any fault; restore documents, users and views in the end."""
    with mirrored.administrator(fortress) as opened:
        kept = list(opened["transactions"].find())
        yield opened
        opened.drop_collection("store_1.mine")
        opened["transactions"].delete_many({})
        opened["transactions"].insert_many(kept)
    tenants.provision(fortress)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_caught_and_repaired_by_the_next_run(
    name: str, fortress: Settings, whole: Database[Document]
) -> None:
    mutant = MUTANTS[name]
    attack = ATTACKS[mutant.caught_by]
    try_out(attack, fortress)

    mutant.fault(whole)

    with pytest.raises(AssertionError):
        try_out(attack, fortress)
    assert tenants.provision(fortress)
    with mirrored.administrator(fortress) as opened:
        opened.drop_collection("store_1.mine")
    try_out(attack, fortress)


def test_there_are_mutants_enough() -> None:
    assert len(MUTANTS) >= 20
