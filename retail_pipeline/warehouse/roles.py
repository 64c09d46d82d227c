"""Who can log in to PostgreSQL? The service roles, and one login for every store, mapped to it in role_store."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psycopg2 import errors as pg_errors
from psycopg2 import sql

from retail_pipeline.errors import BlockedError, WarehouseError
from retail_pipeline.warehouse import limits, lock_holders, locks, tenant_acts
from retail_pipeline.warehouse.connection import ADMIN, LOCK_SECONDS, SERVICES, STORES, administer, store_role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812

    from retail_pipeline.settings import Settings

# Both are set by a superuser, so both are in the same place of the catalog.
STORE_SETTINGS = {**limits.SETTINGS, **limits.BOUNDS}

# Passwords are 192 random bits: rounds would slow down every connection and nobody who guesses, see postgresql.conf.
# But drivers of others refuse less than RFC 7677 asks for, and stores and headquarters log in with those.
_OWN_ROUNDS, _ROUNDS = 1, 4096
_VERIFIER = re.compile(r"^SCRAM-SHA-256\$\d+:([^$]+)\$([^:]+):(.+)$")

# What two changes of one login at once end with: the server has no words of its own for it.
_DISTURBED = (
    pg_errors.InternalError_,
    pg_errors.LockNotAvailable,
    pg_errors.DeadlockDetected,
    pg_errors.UniqueViolation,
)
# In seconds, for one lock.
_TRIES, _TIMEOUT = 8, 1.0


@dataclass(frozen=True)
class _Role:
    """What the catalog says about a login."""

    connections: int
    verifier: str | None
    settings: frozenset[str]
    databases: tuple[str, ...]
    is_store: bool


def provision(settings: Settings, report: Callable[[str], None] = lambda _: None) -> list[str]:
    """Let the service roles and a login for every store of retail.stores in; name the roles that needed a change.

    The passwords are those of the settings' credentials. A login that an operator disabled, or that the watch shut
    out, stays out. A store that keeps changing its own login is left as it is, and reported.
    """
    with administer(settings, "The logins could not be set up") as connection, connection.cursor() as cursor:
        _lock(cursor)
        cursor.execute("select store_id from retail.stores order by store_id")
        stores = [row[0] for row in cursor.fetchall()]
        return _provision(cursor, settings, SERVICES, stores, report)


def add_store(settings: Settings, store_id: int) -> str:
    """Make a store's login, or let one in again that was disabled or shut out; return the role's name."""
    role = store_role(store_id)
    with administer(settings, f"{role} could not be let in") as connection, connection.cursor() as cursor:
        _lock(cursor)
        cursor.execute("select 1 from retail.stores where store_id = %s", (store_id,))
        if cursor.fetchone() is None:
            raise WarehouseError(
                f"There is no store {store_id}, so it can have no login.", "add the store to retail.stores first"
            )
        _provision(cursor, settings, (), [store_id])
        _undisturbed(cursor, role, partial(_may_log_in, cursor, role, may=True))
        tenant_acts.lift(cursor, store_id)
    return role


def disable_store(settings: Settings, store_id: int) -> None:
    """Keep a store's login out, and end its sessions; its rows, its mapping and its password stay."""
    role = store_role(store_id)
    with administer(settings, f"{role} could not be disabled") as connection, connection.cursor() as cursor:
        _lock(cursor)
        _require_role(cursor, role)
        end_sessions(cursor, role, wait=0)  # one of them may keep what follows waiting
        _undisturbed(cursor, role, partial(_may_log_in, cursor, role, may=False))
        connection.commit()
        end_sessions(cursor, role)


def remove_store(settings: Settings, store_id: int) -> None:
    """Drop a store's login and its mapping; its rows stay. The next `provision` would make the login again."""
    role = store_role(store_id)
    with administer(settings, f"{role} could not be removed") as connection, connection.cursor() as cursor:
        _lock(cursor)
        _require_role(cursor, role)
        end_sessions(cursor, role, wait=0)  # one of them may keep what follows waiting
        cursor.execute("delete from retail.role_store where role_name = %s", (role,))
        _undisturbed(cursor, role, partial(_may_log_in, cursor, role, may=False))
        connection.commit()
        end_sessions(cursor, role)
        cursor.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def rotate_password(settings: Settings, role: str) -> None:
    """Set a new password for a role, kept in the credentials; sessions that are open go on.

    But those of a store that changes its login meanwhile are ended.
    """
    with (
        administer(settings, f"The password of {role} could not be rotated") as connection,
        connection.cursor() as cursor,
    ):
        _lock(cursor)
        _require_role(cursor, role)
        password = settings.credentials.rotate(f"postgres/{role}")
        change = partial(_set_password, cursor, role, _new_verifier(role, password))
        if role in SERVICES:
            change()  # its sessions may be in the middle of a load
        else:
            _undisturbed(cursor, role, change)


def _provision(
    cursor: Cursor,
    settings: Settings,
    services: Iterable[str],
    stores: list[int],
    report: Callable[[str], None] | None = None,
) -> list[str]:
    names = [*services, *map(store_role, stores)]
    passwords = settings.credentials.passwords([f"postgres/{name}" for name in names])
    present = _present(cursor)
    shut_out = tenant_acts.shut_out(cursor)
    connections = _share(cursor)
    # Computed before, for it takes longer than a store takes to connect again.
    verifiers = {
        name: _new_verifier(name, passwords[f"postgres/{name}"])
        for name in names
        if not _opens(present.get(name), passwords[f"postgres/{name}"], _rounds(name))
    }
    changed = [name for name in services if name in verifiers]
    for name in changed:
        _set_password(cursor, name, verifiers[name])
    for store_id in stores:
        name = store_role(store_id)
        let_in = store_id not in shut_out
        provide = partial(
            _provision_login, cursor, name, present.get(name), verifiers.get(name), connections, let_in=let_in
        )
        has_changed = False
        try:
            # Nobody can be logged in as one that is new.
            has_changed = _undisturbed(cursor, name, provide) if name in present else provide()
        except BlockedError as error:
            if report is None:
                raise
            report(f"{error.message} It is left as it is. Next: {error.next_step}")
        # A store can only read its mapping: whoever keeps that from being written is somebody else.
        if _provision_mapping(cursor, name, store_id) or has_changed:
            changed.append(name)
    return changed


def _undisturbed(cursor: Cursor, role: str, change: Callable[[], object]) -> bool:
    """Change a store's login although the store may be changing it, too; tell what the change told.

    Where that is in the way, the store's sessions end, and the change is tried again.
    """
    for tries_left in reversed(range(_TRIES)):
        cursor.execute("savepoint undisturbed; set local lock_timeout = %s", (round(_TIMEOUT * 1000),))
        try:
            done = change()
        except _DISTURBED as error:
            cursor.execute("rollback to savepoint undisturbed; release savepoint undisturbed")
            if not tries_left:
                raise _in_vain(cursor, role, error) from error
            # Without waiting: the next try is in the queue for the login before the store has connected again.
            end_sessions(cursor, role, wait=0)
        else:
            cursor.execute("release savepoint undisturbed; set local lock_timeout to default")
            break
    return bool(done)


def _in_vain(cursor: Cursor, role: str, error: Exception) -> BlockedError:
    """Make the error for a login that could not be changed: somebody holds it, or it changes again and again."""
    if isinstance(error, pg_errors.LockNotAvailable):
        found = lock_holders.holders(cursor, _TIMEOUT, ["pg_authid", "pg_db_role_setting"])
        if found:
            return lock_holders.blocked(f"{role} could not be changed", _TIMEOUT, found)
    return BlockedError(
        f"{role} is being changed by its own sessions again and again, so it could not be set up.",
        f"`retail-pipeline store disable {role.rpartition('_')[2]}` keeps it out; then run it again",
    )


def _may_log_in(cursor: Cursor, role: str, *, may: bool) -> None:
    cursor.execute(sql.SQL("alter role {} " + ("login" if may else "nologin")).format(sql.Identifier(role)))


def _provision_login(
    cursor: Cursor, name: str, present: _Role | None, verifier: str | None, connections: int, *, let_in: bool
) -> bool:
    has_changed = _provision_store(cursor, name, present, connections, let_in=let_in)
    if verifier is not None:
        _set_password(cursor, name, verifier)
    return has_changed or verifier is not None


def _provision_store(cursor: Cursor, name: str, present: _Role | None, connections: int, *, let_in: bool) -> bool:
    """Make a store's login with its group and limits, or correct them; tell whether anything was to do."""
    role = sql.Identifier(name)
    if present is None:
        cursor.execute(sql.SQL("create role {} " + ("login" if let_in else "nologin")).format(role))
    wanted = frozenset(f"{setting}={value}" for setting, value in STORE_SETTINGS.items())
    has = present and (present.is_store, present.connections, present.settings, present.databases)
    if has == (True, connections, wanted, ()):
        return False
    cursor.execute(sql.SQL("alter role {} connection limit {}").format(role, sql.Literal(connections)))
    cursor.execute(sql.SQL("alter role {} reset all").format(role))
    for database in present.databases if present else ():
        cursor.execute(sql.SQL("alter role {} in database {} reset all").format(role, sql.Identifier(database)))
    for setting, value in STORE_SETTINGS.items():
        statement = sql.SQL("alter role {} set {} = {}")
        cursor.execute(statement.format(role, sql.Identifier(setting), sql.Literal(value)))
    # Its rights come by inheritance; becoming the group itself would serve nothing.
    cursor.execute(sql.SQL("grant {} to {} with inherit true, set false").format(sql.Identifier(STORES), role))
    return True


def _provision_mapping(cursor: Cursor, name: str, store_id: int) -> bool:
    cursor.execute(
        "insert into retail.role_store as rs (role_name, store_id) values (%s, %s) "
        "on conflict (role_name) do update set store_id = excluded.store_id where rs.store_id <> excluded.store_id",
        (name, store_id),
    )
    return bool(cursor.rowcount)


def _present(cursor: Cursor) -> dict[str, _Role]:
    """Read every login that is there, with one statement however many stores there are."""
    cursor.execute(
        "select a.rolname, a.rolconnlimit, a.rolpassword,"
        "   coalesce((select s.setconfig from pg_db_role_setting as s"
        "       where s.setrole = a.oid and s.setdatabase = 0), '{}'),"
        "   array(select d.datname::text from pg_db_role_setting as s inner join pg_database as d"
        "       on s.setdatabase = d.oid where s.setrole = a.oid order by 1),"
        "   exists (select from pg_auth_members as m where m.member = a.oid and m.roleid = %s::regrole"
        "       and m.inherit_option) "
        "from pg_authid as a",
        (STORES,),
    )
    return {
        name: _Role(connections, verifier, frozenset(settings), tuple(databases), is_store)
        for name, connections, verifier, settings, databases, is_store in cursor.fetchall()
    }


def _share(cursor: Cursor) -> int:
    """Compute how many connections each store may have, of all that are in the data."""
    free = limits.free_connections(cursor)
    cursor.execute("select count(*) from retail.stores")
    ((stores,),) = cursor.fetchall()
    return limits.connections(stores, free)


def _require_role(cursor: Cursor, role: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    if cursor.fetchone() is None:
        raise WarehouseError(
            f"There is no login {role}.",
            f"`retail-pipeline store add {role.rpartition('_')[2]}` makes it; `store list` names those that are there",
        )


def end_sessions(cursor: Cursor, role: str, wait: int = 10_000) -> None:
    """End the sessions of a role, and wait until they are gone, for so many milliseconds each."""
    # Without this a transaction sees the sessions of its first look for ever, and none that has connected since.
    cursor.execute("select pg_stat_clear_snapshot()")
    cursor.execute("select pg_terminate_backend(pid, %s) from pg_stat_activity where usename = %s", (wait, role))


def _lock(cursor: Cursor) -> None:
    """Let one caller at a time change logins: two changes of one role at once fail."""
    try:
        cursor.execute("select pg_advisory_xact_lock(%s)", (locks.LOGINS,))
    except pg_errors.LockNotAvailable as error:
        cursor.connection.rollback()
        found = lock_holders.advisory_holders(cursor, locks.LOGINS)
        raise lock_holders.blocked("Another change of the logins is not done", LOCK_SECONDS, found) from error


def _set_password(cursor: Cursor, role: str, verifier: str) -> None:
    """Set what proves the password instead of the password, which a log of statements would keep."""
    cursor.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _new_verifier(role: str, password: str) -> str:
    return _verifier(password, secrets.token_bytes(16), _rounds(role))


def _verifier(password: str, salt: bytes, iterations: int) -> str:
    """Compute what PostgreSQL keeps of a password (RFC 5803), for one of ASCII characters only, as ours are."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *encoded)


def _rounds(role: str) -> int:
    return _OWN_ROUNDS if role in SERVICES and role != ADMIN else _ROUNDS


def _opens(role: _Role | None, password: str, rounds: int) -> bool:
    """Return whether a login has the password, with so many rounds: one with others was made before they were these."""
    parts = _VERIFIER.match(role.verifier) if role and role.verifier else None
    if parts is None:
        return False
    return hmac.compare_digest(parts.string, _verifier(password, base64.b64decode(parts[1]), rounds))
