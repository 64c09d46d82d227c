"""Which stores may log in? Each store in the data, with its logins in PostgreSQL and MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from retail_pipeline.mirror import tenants
from retail_pipeline.mirror.client import administrator, connect
from retail_pipeline.mongodb import USERS_DATABASE
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, tenant_acts

_STORES = """
select s.store_id, s.store_location, r.rolcanlogin, r.rolconnlimit, count(a.pid)
from retail.stores as s
left join pg_catalog.pg_roles as r on r.rolname = 'store_user_' || s.store_id
left join pg_catalog.pg_stat_activity as a on a.usename = r.rolname
group by s.store_id, s.store_location, r.rolcanlogin, r.rolconnlimit
order by s.store_id
"""


@dataclass(frozen=True)
class StoreLogins:
    """A store and its logins: whether each server lets it in, its connections to PostgreSQL, how many it may have."""

    store_id: int
    store_location: str
    state: str
    postgres: bool
    mongodb: bool
    connections: int
    connection_limit: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


def of_stores(settings: Settings) -> list[StoreLogins]:
    """Return every store in the data, in the order of their numbers."""
    with connection.connect(settings, connection.READER) as session, session.cursor() as cursor:
        shut_out = tenant_acts.shut_out(cursor)
        cursor.execute(_STORES)
        found = cursor.fetchall()
    with connect(settings, administrator(settings)) as client:
        users = {one["user"] for one in client[USERS_DATABASE].command("usersInfo", 1)["users"]}
    return [
        StoreLogins(
            store_id,
            location,
            _state(store_id in shut_out, may_log_in, tenants.user(store_id) in users),
            bool(may_log_in),
            tenants.user(store_id) in users,
            connections,
            limit,
        )
        for store_id, location, may_log_in, limit, connections in found
    ]


def _state(shut_out: bool, may_log_in: bool | None, has_user: bool) -> str:
    """Say how a store stands, in the words of the calls that change it."""
    if shut_out:
        return "shut out"
    if may_log_in is None:
        return "not added"
    if not may_log_in:
        return "disabled"
    return "let in" if has_user else "PostgreSQL only"


def as_text(found: Sequence[StoreLogins]) -> str:
    """Return a line a store, and a last one with their number."""
    titles = ("store", "location", "state", "connections", "of")
    rows = [
        (str(one.store_id), one.store_location, one.state, str(one.connections), str(one.connection_limit or "-"))
        for one in found
    ]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)) for row in (titles, *rows)]
    inside = sum(one.state == "let in" for one in found)
    return "\n".join([*(line.rstrip() for line in lines), f"{len(found)} stores, {inside} let in."])
