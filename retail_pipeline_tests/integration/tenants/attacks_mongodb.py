"""What a store's user may try against another in MongoDB, as a table like that of PostgreSQL.

Store 1 attacks. An attempt that is not refused must show nothing of another store, and none may change anything. Beside
each stands what must work: what the same user may do, or else the same attempt made by the administrator, which shows
that there was something to get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pymongo
from pymongo.database import Database
from pymongo.errors import OperationFailure

from retail_pipeline.mirror import client, tenants
from retail_pipeline.mirror.client import Document
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MONGO_DATABASE, TENANT
from retail_pipeline_tests.integration.warehouse.attacks import leaks as has_a_mark

Attempt = Callable[[Database[Document]], Any]

UNAUTHORIZED, WRONG_LOGIN = 13, 18
NO_JAVASCRIPT = (6108304, 31264)
SALES, OTHERS = "store_1.transactions", "store_2.transactions"


def own_sales(mine: Database[Document]) -> Any:
    """Read what is the store's own."""
    return mine[SALES].find_one()


def by_the_administrator(_: Database[Document]) -> Any:
    """Stand for: the same attempt, by the administrator, gets an answer."""
    raise NotImplementedError


@dataclass(frozen=True)
class Attack:
    """One way in, with the codes of a refusal; without any where it is harmless, and then with what it sees."""

    name: str
    attempt: Attempt
    refused: tuple[int, ...] = (UNAUTHORIZED,)
    control: Attempt = by_the_administrator
    sees: object = None


@contextmanager
def opened(settings: Settings, user: str | None, password: str | None = None) -> Iterator[Database[Document]]:
    """Open the mirror's database as a user, or as nobody; with what passes for a password."""
    address = client.uri(settings, user or client.administrator(settings))
    if user is None:
        address = f"mongodb://{client.host_port(settings)}/?replicaSet=rs0"
    elif password is not None:
        place = client.host_port(settings)
        address = f"mongodb://{quote(user)}:{quote(password)}@{place}/?replicaSet=rs0&authSource=admin"
    with pymongo.MongoClient[Document](address, serverSelectionTimeoutMS=15_000, tz_aware=True) as connected:
        yield connected[MONGO_DATABASE]


def leaks(answer: object) -> bool:
    """Return whether an answer holds a mark of another store, or a document of one."""
    if isinstance(answer, dict):
        return answer.get(TENANT, 1) != 1 or any(map(leaks, answer.values()))
    if isinstance(answer, list | tuple):
        return any(map(leaks, answer))
    return has_a_mark(answer)


def outcome(attack: Attack, mine: Database[Document]) -> tuple[int | None, object]:
    """Carry an attempt out; return the code that it was refused with and what was said, or what it answered."""
    try:
        return None, attack.attempt(mine)
    except OperationFailure as error:
        return error.code, str(error.details and error.details.get("errmsg"))


def everything(settings: Settings) -> object:
    """Return what no attack may change: every document, every view, every user and role."""
    with opened(settings, client.administrator(settings)) as whole:
        admin = whole.client["admin"]
        return (
            whole.command("dbHash")["collections"],
            sorted(whole.client.list_database_names()),
            sorted(map(str, admin.command("usersInfo", {"forAllDBs": True}, showCredentials=True)["users"])),
            sorted(map(str, whole.command("rolesInfo", 1, showPrivileges=True)["roles"])),
            sorted(map(str, whole.list_collections())),
        )


def try_out(attack: Attack, settings: Settings) -> None:
    """Carry an attack out as store 1; fail where it got anywhere."""
    before = everything(settings)
    with opened(settings, tenants.user(1)) as mine:
        code, answer = outcome(attack, mine)
    # The server repeats a refused command, which may name another store; only what it adds would be a leak.
    assert not leaks(answer), f"{attack.name} saw {answer}"
    if attack.refused:
        assert code in attack.refused, f"{attack.name} was answered {code}: {answer}"
    else:
        assert code is None, f"{attack.name} was refused {code}: {answer}"
        assert attack.sees is None or answer == attack.sees, f"{attack.name} was answered {answer}"
    assert everything(settings) == before, f"{attack.name} changed what is not its store's"


def try_control(attack: Attack, settings: Settings) -> None:
    """Do what must work beside the attack."""
    if attack.control is by_the_administrator:
        with opened(settings, client.administrator(settings)) as whole:
            assert attack.attempt(whole), attack.name
        return
    with opened(settings, tenants.user(1)) as mine:
        assert attack.control(mine), attack.name


def _aggregate(*stages: Document, of: str = SALES) -> Attempt:
    return lambda mine: list(mine[of].aggregate(list(stages)))


def _command(*words: Any, database: str = MONGO_DATABASE, **options: Any) -> Attempt:
    return lambda mine: mine.client[database].command(*words, **options)


def _admin(*words: Any, **options: Any) -> Attempt:
    return _command(*words, database="admin", **options)


def _lookup(collection: str, **more: Any) -> Document:
    return {"$lookup": {"from": collection, "pipeline": [], "as": "all"} | more}


def _watch(*path: str) -> Attempt:
    def attempt(mine: Database[Document]) -> bool:
        target: Any = mine.client
        for name in path:
            target = target[name]
        with target.watch():
            return True

    return attempt


def _in_a_transaction(mine: Database[Document]) -> Any:
    with mine.client.start_session() as session, session.start_transaction():
        return mine["transactions"].find_one(session=session)


def _at_a_snapshot(mine: Database[Document]) -> Any:
    with mine.client.start_session(snapshot=True) as session:
        return mine["transactions"].find_one(session=session)


def _as_another(mine: Database[Document]) -> Any:
    metadata = {"$impersonatedUsers": [{"user": "admin", "db": "admin"}], "$impersonatedRoles": []}
    return mine.command({"find": OTHERS, "$audit": metadata})


def _refusals(*collections: str) -> Attempt:
    """Ask for what is there and for what is not: the answers must not differ."""

    def attempt(mine: Database[Document]) -> bool:
        said = set()
        for name in collections:
            try:
                mine.command("find", name)
            except OperationFailure as error:
                said.add((error.code, str(error.details and error.details.get("codeName"))))
            else:
                said.add((None, ""))
        return len(said) == 1

    return attempt


def _names(mine: Database[Document]) -> list[str]:
    answer = mine.command("listCollections", nameOnly=True, authorizedCollections=True)
    return [one["name"] for one in answer["cursor"]["firstBatch"] if not one["name"].startswith("store_1.")]


def _division(field: str, value: object) -> Document:
    return {"$expr": {"$eq": [{"$divide": [1, {"$cond": [{"$eq": [f"${field}", value]}, 0, 1]}]}, 5]}}


def _failing(view: str, condition: Document, *, operator: str = "$or", hint: bool = True) -> Attempt:
    """Ask for a condition that fails on another's document, by a way that looks at all documents of the collection."""
    how = [("$natural", 1)] if hint else None
    return lambda mine: list(mine[view].find({operator: [condition, {TENANT: 77}]}, hint=how))


_CONVERSION = {"$cond": [{"$eq": [f"${TENANT}", 1]}, 0, {"$toInt": "$store_location"}]}
_OWN_CONDITION = {"$or": [_division(TENANT, 99), {TENANT: 1}]}
_JAVASCRIPT = {"body": "function() { return true }", "args": [], "lang": "js"}
_GATHER = {
    "init": "function() { return 1 }",
    "accumulate": "function(s) { return s }",
    "accumulateArgs": [],
    "merge": "function(a, b) { return a }",
    "lang": "js",
}


def _own_condition(mine: Database[Document]) -> Any:
    return list(mine[SALES].find(_OWN_CONDITION, hint=[("$natural", 1)]))


_READING: Sequence[Attack] = [
    Attack("a collection", lambda mine: mine["transactions"].find_one()),
    Attack("the customers", lambda mine: list(mine["customers"].find())),
    Attack("the relations of customers", lambda mine: list(mine["store_customers"].find())),
    Attack("the alerts of all", lambda mine: list(mine["fraud_alerts"].find())),
    Attack("the inventory analytics of all", lambda mine: list(mine["inventory_analytics"].find())),
    Attack("another store's sales", lambda mine: mine[OTHERS].find_one()),
    Attack("another store's customers", lambda mine: mine["store_2.customers"].find_one()),
    Attack("another store's alerts", lambda mine: mine["store_2.fraud_alerts"].find_one()),
    Attack("another store's inventory analytics", lambda mine: mine["store_2.inventory_analytics"].find_one()),
    Attack("its sales, every one", _aggregate({"$match": {}}), (), own_sales),
    Attack("its customers, every one", _aggregate(of="store_1.customers"), (), own_sales),
    Attack("its lines, every one", _aggregate(of="store_1.transaction_details"), (), own_sales),
    Attack("its observations, every one", _aggregate(of="store_1.observations"), (), own_sales),
    Attack("its stock, every one", _aggregate(of="store_1.inventory"), (), own_sales),
    Attack("its forecasts, every one", _aggregate(of="store_1.demand_forecast"), (), own_sales),
    Attack("its alerts, every one", _aggregate(of="store_1.fraud_alerts"), (), own_sales),
    Attack("its inventory analytics, every one", _aggregate(of="store_1.inventory_analytics"), (), own_sales),
    Attack("itself among stores", _aggregate(of="store_1.stores"), (), own_sales),
    Attack(
        "a condition that asks for another",
        lambda mine: list(mine[SALES].find({"$or": [{TENANT: 2}, {"$expr": {"$ne": [f"${TENANT}", 1]}}]})),
        (),
        own_sales,
        [],
    ),
    Attack("a count", lambda mine: mine[SALES].count_documents({TENANT: {"$ne": 1}}), (), own_sales, 0),
    Attack("distinct values", lambda mine: mine[SALES].distinct(TENANT), (), own_sales, [1]),
    Attack("a count of the collection", _command("count", "transactions")),
    Attack("distinct values of the collection", _command("distinct", "transactions", key=TENANT)),
    Attack("an estimated count", lambda mine: mine["transactions"].estimated_document_count()),
    Attack("a read in a transaction", _in_a_transaction),
    Attack("a read at a snapshot", _at_a_snapshot),
    Attack(
        "a collection being filled",
        lambda mine: mine["transactions.next"].find_one(),
        control=own_sales,
    ),
    Attack("the state of the mirror", lambda mine: mine["mirror_state"].find_one(), control=own_sales),
]

_JOINING: Sequence[Attack] = [
    Attack("$lookup in a collection", _aggregate(_lookup("transactions"))),
    Attack("$lookup by fields", _aggregate(_lookup("customers", localField=TENANT, foreignField="age"))),
    Attack("$lookup in another's view", _aggregate(_lookup(OTHERS))),
    Attack(
        "$lookup within $lookup",
        _aggregate(_lookup("store_1.stores", pipeline=[_lookup("customers")])),
        control=_aggregate(_lookup("store_1.stores", pipeline=[_lookup("store_1.customers")])),
    ),
    Attack("$lookup within $facet", _aggregate({"$facet": {"one": [_lookup("transactions")]}})),
    Attack("$lookup from made documents", lambda mine: list(mine.aggregate([{"$documents": [{}]}, _lookup("stores")]))),
    Attack(
        "$lookup in another database",
        _aggregate(_lookup({"db": "admin", "coll": "system.users"})),  # type: ignore[arg-type]
        (9, UNAUTHORIZED),
        _aggregate(_lookup("store_1.stores")),
    ),
    Attack("$unionWith", _aggregate({"$unionWith": "transactions"})),
    Attack("$unionWith another's view", _aggregate({"$unionWith": OTHERS})),
    Attack(
        "$unionWith within $unionWith",
        _aggregate({"$unionWith": {"coll": "store_1.stores", "pipeline": [{"$unionWith": "stores"}]}}),
    ),
    Attack(
        "$graphLookup",
        _aggregate(
            {
                "$graphLookup": {
                    "from": "transactions",
                    "startWith": f"${TENANT}",
                    "connectFromField": TENANT,
                    "connectToField": TENANT,
                    "as": "all",
                }
            }
        ),
    ),
]

_LEAKING: Sequence[Attack] = [
    Attack("a condition that divides by zero", _failing(SALES, _division(TENANT, 2)), (), _own_condition, []),
    Attack(
        "a conversion that quotes what it cannot convert",
        _failing("store_1.stores", {"$expr": {"$eq": [_CONVERSION, 1]}}),
        (),
        _own_condition,
        [],
    ),
    Attack("a division in the stock", _failing("store_1.inventory", _division(TENANT, 2)), (), _own_condition, []),
    Attack(
        "a division in alerts",
        _failing("store_1.fraud_alerts", _division(TENANT, 2), hint=False),
        (),
        _own_condition,
        [],
    ),
    Attack(
        "a division in inventory analytics",
        _failing("store_1.inventory_analytics", _division(TENANT, 3), hint=False),
        (),
        _own_condition,
        [],
    ),
    Attack(
        "a division in customers",
        _failing("store_1.customers", _division("customer_id", 21)),
        (),
        _own_condition,
        [],
    ),
    Attack(
        "a division behind a later stage",
        _aggregate({"$sort": {"transaction_id": 1}}, {"$match": {"$or": [_division(TENANT, 2), {TENANT: 77}]}}),
        (),
        _own_condition,
        [],
    ),
    Attack(
        "what is there and what is not",
        _refusals("transactions", "nothing", OTHERS, "store_99.transactions"),
        (),
        own_sales,
        sees=True,
    ),
    Attack("names of what is not its own", _names, (), own_sales, []),
    Attack("definitions of the views", lambda mine: list(mine["system.views"].find()), control=own_sales),
    Attack("the list of collections", lambda mine: list(mine.list_collections())),
    Attack(
        "names of databases",
        lambda mine: mine.client.list_database_names(),
        (),
        own_sales,
        [MONGO_DATABASE],
    ),
    Attack("indexes", lambda mine: list(mine["transactions"].list_indexes())),
    Attack("explain of a collection", _command("explain", {"find": "transactions"})),
    Attack(
        "explain of a join",
        _command("explain", {"aggregate": SALES, "pipeline": [_lookup("transactions")], "cursor": {}}),
    ),
    Attack("$collStats", _aggregate({"$collStats": {"count": {}}}, of="transactions")),
    Attack("$indexStats", _aggregate({"$indexStats": {}}, of="transactions")),
    Attack("$planCacheStats", _aggregate({"$planCacheStats": {}}, of="transactions"), control=own_sales),
    Attack("collStats", _command("collStats", "transactions")),
    Attack("dbStats", _command("dbStats")),
    Attack("dbHash", _command("dbHash")),
    Attack("validate", _command("validate", "transactions")),
]

_JAVASCRIPTS: Sequence[Attack] = [
    Attack("$where", lambda mine: list(mine[SALES].find({"$where": "true"})), NO_JAVASCRIPT, own_sales),
    Attack("$function", _aggregate({"$match": {"$expr": {"$function": _JAVASCRIPT}}}), NO_JAVASCRIPT, own_sales),
    Attack(
        "$accumulator", _aggregate({"$group": {"_id": None, "x": {"$accumulator": _GATHER}}}), NO_JAVASCRIPT, own_sales
    ),
    Attack(
        "mapReduce",
        _command("mapReduce", "transactions", map="function() {}", reduce="function() {}", out={"inline": 1}),
        control=own_sales,
    ),
    Attack("stored JavaScript", lambda mine: mine["system.js"].find_one(), control=own_sales),
]

_WRITING: Sequence[Attack] = [
    Attack("insert through a view", lambda mine: mine[SALES].insert_one({}), control=own_sales),
    Attack("update through a view", lambda mine: mine[SALES].update_many({}, {"$set": {TENANT: 2}}), control=own_sales),
    Attack("delete through a view", lambda mine: mine[SALES].delete_many({}), control=own_sales),
    Attack("find and modify", lambda mine: mine[SALES].find_one_and_delete({}), control=own_sales),
    Attack("insert into a collection", lambda mine: mine["transactions"].insert_one({TENANT: 2}), control=own_sales),
    Attack("delete from a collection", lambda mine: mine["transactions"].delete_many({}), control=own_sales),
    Attack("$out", _aggregate({"$out": "mine"}), control=own_sales),
    Attack("$out to another database", _aggregate({"$out": {"db": "mine", "coll": "mine"}}), control=own_sales),
    Attack("$merge into a collection", _aggregate({"$merge": "transactions"}), control=own_sales),
    Attack(
        "$merge into the users", _aggregate({"$merge": {"into": {"db": "admin", "coll": "mine"}}}), control=own_sales
    ),
    Attack("a database of its own", lambda mine: mine.client["mine"]["mine"].insert_one({}), control=own_sales),
    Attack("a collection of its own", _command("create", "mine"), control=own_sales),
    Attack("a view of its own", _command("create", "mine", viewOn="transactions", pipeline=[]), control=own_sales),
    Attack(
        "a view of its own under its name",
        _command("create", "store_1.mine", viewOn="transactions", pipeline=[]),
        control=own_sales,
    ),
    Attack("its view of everything", _command("collMod", SALES, viewOn="transactions", pipeline=[]), control=own_sales),
    Attack("its view dropped", _command("drop", SALES), control=own_sales),
    Attack("a collection dropped", _command("drop", "transactions"), control=own_sales),
    Attack("the database dropped", _command("dropDatabase"), control=own_sales),
    Attack(
        "a collection renamed",
        _admin("renameCollection", f"{MONGO_DATABASE}.transactions", to=f"{MONGO_DATABASE}.store_1.mine"),
        control=own_sales,
    ),
    Attack("a collection capped", _command("convertToCapped", "transactions", size=4096), control=own_sales),
    Attack("an index", lambda mine: mine["transactions"].create_index("customer_id"), control=own_sales),
    Attack("compaction", _command("compact", "transactions"), control=own_sales),
    Attack(
        "operations of the oplog applied",
        _admin("applyOps", [{"op": "i", "ns": f"{MONGO_DATABASE}.transactions", "o": {"_id": 9}}]),
        control=own_sales,
    ),
]

_WATCHING: Sequence[Attack] = [
    Attack("a change stream of a collection", _watch(MONGO_DATABASE, "transactions")),
    Attack("a change stream of a view", _watch(MONGO_DATABASE, SALES), control=own_sales),
    Attack("a change stream of the database", _watch(MONGO_DATABASE)),
    Attack("a change stream of the cluster", _watch()),
    Attack("the oplog", lambda mine: mine.client["local"]["oplog.rs"].find_one()),
    Attack("the start of the server", lambda mine: mine.client["local"]["startup_log"].find_one()),
    Attack("the sessions kept", lambda mine: mine.client["config"]["system.sessions"].find_one(), control=own_sales),
    Attack("transactions kept", lambda mine: mine.client["config"]["transactions"].find_one(), control=own_sales),
    Attack("the profile", lambda mine: mine["system.profile"].find_one(), control=own_sales),
    Attack("profiling", _command("profile", 2), control=own_sales),
    Attack("operations of others", _admin("currentOp", True)),  # noqa: FBT003
    Attack(
        "$currentOp of others",
        lambda mine: list(mine.client["admin"].aggregate([{"$currentOp": {"allUsers": True}}])),
    ),
    Attack("killing an operation", _admin("killOp", op=1), control=own_sales),
    Attack(
        "killing another's sessions",
        _admin("killAllSessions", [{"user": "store_user_2", "db": "admin"}]),
        control=_admin("killSessions", []),
    ),
    Attack(
        "sessions of others",
        lambda mine: list(mine.client["config"].aggregate([{"$listLocalSessions": {"allUsers": True}}])),
    ),
]

_BECOMING: Sequence[Attack] = [
    Attack("a role for itself", _admin("grantRolesToUser", "store_user_1", roles=["root"]), control=own_sales),
    Attack("a role for its role", _command("grantRolesToRole", "store_user_1", roles=["read"]), control=own_sales),
    Attack(
        "a privilege for its role",
        _command("grantPrivilegesToRole", "store_user_1", privileges=client.readable(["transactions"])),
        control=own_sales,
    ),
    Attack("another's role for itself", _admin("updateUser", "store_user_1", roles=[]), control=own_sales),
    Attack("its own password", _admin("updateUser", "store_user_1", pwd="x"), control=own_sales),
    Attack("another's password", _admin("updateUser", "store_user_2", pwd="x"), control=own_sales),
    Attack("a new user", _admin("createUser", "mine", pwd="x", roles=[]), control=own_sales),
    Attack("a new role", _command("createRole", "mine", privileges=[], roles=[]), control=own_sales),
    Attack("a user dropped", _admin("dropUser", "store_user_2"), control=own_sales),
    Attack("every user", _admin("usersInfo", 1), control=_admin("usersInfo", "store_user_1")),
    Attack("another user", _admin("usersInfo", "store_user_2"), control=_admin("usersInfo", "store_user_1")),
    Attack("every role", _command("rolesInfo", 1), control=_command("rolesInfo", "store_user_1")),
    Attack("another's role", _command("rolesInfo", "store_user_2"), control=_command("rolesInfo", "store_user_1")),
    Attack("the users' collection", lambda mine: mine.client["admin"]["system.users"].find_one()),
    Attack("the roles' collection", lambda mine: mine.client["admin"]["system.roles"].find_one()),
    Attack("the name of another in a command", _as_another, control=own_sales),
]

_SERVER: Sequence[Attack] = [
    Attack("every parameter", _admin("getParameter", "*")),
    Attack("a parameter set", _admin("setParameter", 1, javascriptEnabled=True), control=own_sales),
    Attack("the command line", _admin("getCmdLineOpts")),
    Attack("the log", _admin("getLog", "global")),
    Attack("the host", _admin("hostInfo")),
    Attack("the server's state", _admin("serverStatus")),
    Attack("the use of collections", _admin("top")),
    Attack("the replica set's configuration", _admin("replSetGetConfig")),
    Attack("the replica set's state", _admin("replSetGetStatus")),
    Attack("stepping down", _admin("replSetStepDown", 60), control=own_sales),
    Attack("a lock of every write", _admin("fsync", 1, lock=True), control=own_sales),
    Attack("shutting down", _admin("shutdown", 1), control=own_sales),
]

GROUPS: dict[str, Sequence[Attack]] = {
    "reading": _READING,
    "joining": _JOINING,
    "leaking": _LEAKING,
    "server-side JavaScript": _JAVASCRIPTS,
    "writing": _WRITING,
    "watching": _WATCHING,
    "becoming": _BECOMING,
    "the server": _SERVER,
}
ATTACKS = {attack.name: attack for group in GROUPS.values() for attack in group}
