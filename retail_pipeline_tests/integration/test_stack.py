"""The embedded servers, as a user, an intruder and an accident see them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pymongo
import pytest
import requests
from pymongo.errors import OperationFailure

from retail_pipeline import stack
from retail_pipeline.errors import StackError
from retail_pipeline.settings import Settings
from retail_pipeline.stack import postgres
from retail_pipeline.stack.state import State

_UP = """
import sys
from retail_pipeline import stack
from retail_pipeline.settings import Settings
stack.up(Settings.from_environment(), print, dagster=False, only=sys.argv[1:])
"""


@pytest.fixture(name="home")
def _home() -> Iterator[Path]:
    """Return a second home beside that of the test run, with a path longer than a Unix socket's may be."""
    base = Path(tempfile.mkdtemp(prefix=f"retail-test-{os.getpid()}-"))
    base.chmod(0o755)
    home = base / ("a long and winding path " * 5).strip()
    yield home
    stack.down(_settings(home), print, wipe=True)
    shutil.rmtree(base)


def _settings(home: Path, **environment: str) -> Settings:
    return Settings.from_environment({"RETAIL_HOME": str(home), **environment})


def _up(home: Path, *only: str) -> list[str]:
    lines: list[str] = []
    stack.up(_settings(home), lines.append, only=only)
    return lines


def _query(home: Path, statement: str) -> Any:
    connection = psycopg2.connect(stack.environment(_settings(home))["RETAIL_POSTGRES_DSN"])
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchone() if cursor.description else None
    connection.close()
    return found


def _pid(home: Path, name: str) -> int:
    process = State(home).process(name)
    assert process is not None
    return process.pid


def _health(home: Path, name: str) -> stack.ServerHealth:
    return next(server for server in stack.health(_settings(home)) if server.name == name)


def _processes_of(home: Path) -> list[str]:
    """Find what runs for a home: it is on the command line of each server or of its parent."""
    found = []
    for process in psutil.process_iter(["cmdline", "status", "environ"]):
        words = process.info["cmdline"] or []
        variables = process.info["environ"] or {}
        ours = any(str(home) in word for word in words) or variables.get("RETAIL_HOME") == str(home)
        if ours and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(" ".join(words))
    return found


# --- an intruder ---


def test_postgresql_refuses_a_login_without_the_password(postgres_settings: Settings) -> None:
    dsn = postgres_settings.require("postgres_dsn")
    for password in ("", "wrong"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(dsn, password=password)


def test_mongodb_refuses_to_read_or_to_make_users_without_the_password(stack_settings: Settings) -> None:
    port = State(stack_settings.home).port("mongo")
    with pymongo.MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        with pytest.raises(OperationFailure, match="requires authentication"):
            client.list_database_names()
        with pytest.raises(OperationFailure, match="requires authentication"):
            client.admin.command("createUser", "intruder", pwd="x", roles=["root"])


def test_mongodb_runs_no_javascript(stack_settings: Settings) -> None:
    with pymongo.MongoClient[dict[str, Any]](stack_settings.require("mongo_uri")) as client:
        client.walmart_realtime.empty.insert_one({})
        with pytest.raises(OperationFailure, match="no globalScriptEngine"):
            client.walmart_realtime.empty.find_one({"$where": "true"})
        client.walmart_realtime.empty.drop()


def test_connects_rest_interface_refuses_a_call_without_the_password(stack_settings: Settings) -> None:
    address = "http://" + stack_settings.require("connect_url").rpartition("@")[2]
    for path in ("/", "/connectors", "/connector-plugins"):
        assert requests.get(address + path, timeout=10).status_code == requests.codes.unauthorized


def test_connect_reads_no_file_outside_the_folder_of_secrets(stack_settings: Settings) -> None:
    inside, outside = stack_settings.home / "secrets" / "in.properties", stack_settings.home / "out.properties"
    for path in (inside, outside):
        path.write_text("word=found\n")
    url = f"{stack_settings.require('connect_url')}/connector-plugins/MongoSinkConnector/config/validate"
    values = {}
    for path in (inside, outside):
        reference = f"${{file:{path}:word}}"
        configuration = {"connector.class": "MongoSinkConnector", "topics": "t", "database": reference}
        answer = requests.put(url, json=configuration, timeout=30).json()
        found = [it["value"]["value"] for it in answer.get("configs", []) if it["value"]["name"] == "database"]
        values[path] = found == ["found"]
        path.unlink()
    assert values == {inside: True, outside: False}


def test_no_server_listens_beyond_this_machine_and_none_shows_a_password(stack_settings: Settings) -> None:
    known = list(stack_settings.credentials.passwords(["postgres/postgres", "mongo/admin", "connect/connect"]).values())
    for name in ("postgres", "mongo", "kafka", "connect"):
        process = psutil.Process(_pid(stack_settings.home, name))
        listening = {it.laddr.ip for it in process.net_connections("tcp") if it.status == psutil.CONN_LISTEN}
        assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
        assert listening
        shown = " ".join(process.cmdline()) + (stack_settings.home / "logs" / f"{name}.log").read_text()
        assert not any(secret in shown for secret in known)


def test_only_the_owner_reads_what_holds_a_password(stack_settings: Settings) -> None:
    home = stack_settings.home
    for path in [
        home / "credentials.json",
        *(home / name for name in ("postgres", "mongo", "kafka", "connect", "secrets")),
    ]:
        assert path.stat().st_mode & 0o077 == 0


# --- a user ---


def test_starting_what_runs_changes_nothing_also_with_its_addresses_exported(stack_settings: Settings) -> None:
    before = stack.health(stack_settings)
    for settings in (stack_settings, _settings(stack_settings.home)):
        lines: list[str] = []
        stack.up(settings, lines.append, dagster=False)
        assert len(lines) == 4
        assert all("running on 127.0.0.1" in line for line in lines)
        assert stack.health(settings) == before


def test_postgresql_is_durable_and_ready_for_logical_decoding(postgres_settings: Settings) -> None:
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "wal_level": "logical",
        "max_slot_wal_keep_size": "4GB",
        "data_checksums": "on",
        "password_encryption": "scram-sha-256",
    }
    assert {name: _query(postgres_settings.home, f"show {name}")[0] for name in wanted} == wanted


def test_dagsters_database_belongs_to_a_role_that_is_no_superuser(postgres_settings: Settings) -> None:
    owner = "select rolname, rolsuper from pg_database join pg_roles on datdba = pg_roles.oid where datname = 'dagster'"
    assert _query(postgres_settings.home, owner) == ("dagster", False)
    psycopg2.connect(postgres_settings.require("dagster_dsn")).close()
    own = "rolname in ('postgres', 'dagster')"
    rounds = f"select array_agg(distinct split_part(rolpassword, ':', 1)) from pg_authid where {own}"
    assert _query(postgres_settings.home, rounds) == (["SCRAM-SHA-256$1"],)


def test_a_second_home_runs_beside_the_first_and_stops_without_a_trace(postgres_settings: Settings, home: Path) -> None:
    _up(home, "postgres")
    assert _query(home, "select 1") == (1,)
    assert _pid(home, "postgres") != _pid(postgres_settings.home, "postgres")
    port = State(home).port("postgres")
    assert _processes_of(home)
    stack.down(_settings(home), print)
    assert not _processes_of(home)
    assert _health(home, "postgres").state == "stopped"
    _up(home, "postgres")
    assert State(home).port("postgres") == port
    assert _query(postgres_settings.home, "select 1") == (1,)


def test_wiping_removes_every_file(home: Path) -> None:
    _up(home, "postgres")
    stack.down(_settings(home), print, wipe=True)
    assert not home.exists()


def test_commands_at_the_same_time_start_one_server(home: Path) -> None:
    lines: list[str] = []
    threads = [
        threading.Thread(target=stack.up, args=(_settings(home), lines.append), kwargs={"only": ["postgres"]})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("ready" in line for line in lines) == 1
    assert sum("running" in line for line in lines) == 2
    assert _query(home, "select 1") == (1,)


def test_servers_outlive_the_command_that_started_them(home: Path) -> None:
    environment = os.environ | {"RETAIL_HOME": str(home)}
    subprocess.run([sys.executable, "-c", _UP, "postgres"], check=True, env=environment)
    assert _query(home, "select 1") == (1,)


def test_an_ordinary_user_needs_nothing_else(home: Path) -> None:
    home.mkdir(parents=True)
    become = ["unshare", "--user", "--map-user=65534"] if os.geteuid() == 0 else []
    environment = os.environ | {"RETAIL_HOME": str(home)}
    subprocess.run([*become, sys.executable, "-c", _UP, "postgres", "mongo"], check=True, env=environment)
    assert _query(home, "select 1") == (1,)


def test_without_user_namespaces_postgresql_starts_all_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_namespaces", lambda: False)
    _up(home, "postgres")
    assert _query(home, "select 1") == (1,)
    assert psutil.Process(_pid(home, "postgres")).uids().real != 0


# --- an accident ---


@pytest.mark.parametrize("name", ["postgres", "mongo"])
def test_a_server_that_died_is_noticed_with_its_log_and_restarted_without_loss(home: Path, name: str) -> None:
    _up(home, "postgres", "mongo")
    _query(home, "create table kept as select 42 as answer")
    os.kill(_pid(home, name), signal.SIGKILL)
    while State(home).process(name).alive:  # type: ignore[union-attr]
        time.sleep(0.01)
    found = _health(home, name)
    assert (found.state, found.ok, found.log) == ("dead", False, home / "logs" / f"{name}.log")
    lines = _up(home, "postgres", "mongo")
    assert any("had died" in line and str(found.log) in line for line in lines)
    assert all(_health(home, it).ok for it in ("postgres", "mongo"))
    assert _query(home, "select answer from kept") == (42,)


def test_a_connect_worker_that_hangs_is_restarted(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = _pid(stack_settings.home, "connect")
    lines: list[str] = []
    os.kill(pid, signal.SIGSTOP)
    try:
        with monkeypatch.context() as hasty:
            hasty.setattr("retail_pipeline.stack.connect.Connect.answer_timeout", 0)
            hasty.setattr("retail_pipeline.stack.connect.Connect.stop_timeout", 0)
            hasty.setattr("retail_pipeline.stack.connect.TIMEOUT", 1)
            stack.up(stack_settings, lines.append, dagster=False)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert any("does not answer, is restarted" in line for line in lines)
    assert _health(stack_settings.home, "connect").ok
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    "sign", ["credentials.json", "postgres/data.new-*/base", "logs/postgres.log", "postgres/data/postmaster.pid"]
)
def test_a_start_that_is_killed_at_any_moment_is_completed_by_the_next(home: Path, sign: str) -> None:
    environment = os.environ | {"RETAIL_HOME": str(home)}
    command = subprocess.Popen([sys.executable, "-c", _UP, "postgres"], env=environment)
    while command.poll() is None and not list(home.glob(sign)):
        time.sleep(0.005)
    command.kill()
    command.wait()
    _up(home, "postgres")
    assert _query(home, "select count(*) from pg_database where datname in ('walmart', 'dagster')") == (2,)
    assert not list(home.glob("postgres/data.new-*"))
    postmasters = [line for line in _processes_of(home) if "/postgres -D" in line]
    assert len(postmasters) == 1


def test_a_port_that_another_program_took_is_named_and_nothing_is_started(home: Path) -> None:
    home.mkdir(parents=True)
    port = State(home).port("postgres")
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StackError, match=f"Port {port} .*PostgreSQL"):
        _up(home, "postgres")
    assert not _processes_of(home)


def test_a_server_that_cannot_start_is_named_with_its_last_word_and_its_log(home: Path) -> None:
    _up(home, "postgres")
    stack.down(_settings(home), print)
    (home / "postgres" / "data" / "PG_VERSION").write_text("3\n")
    with pytest.raises(
        StackError, match=r"(?s)PostgreSQL ended while starting.*incompatible.*Next: read .*postgres\.log"
    ):
        _up(home, "postgres")


# --- Dagster ---


def test_dagsters_servers_answer_and_leave_nothing_behind_even_when_killed(home: Path) -> None:
    names = ("postgres", "dagster_code_server", "dagster_webserver", "dagster_daemon")
    _up(home, *names)
    assert all(_health(home, name).ok for name in names)
    address = stack.ui_address(_settings(home))
    assert "dagster_version" in requests.get(f"{address}/server_info", timeout=10).json()
    before = _pid(home, "dagster_code_server")
    below = psutil.Process(before).children()
    assert below, "the process that loaded the definitions is there"
    for child in below:
        child.kill()
    psutil.wait_procs(below, timeout=10)
    assert _health(home, "dagster_code_server").state == "dead", "its server goes on alone, and says that it serves"
    _up(home, *names)
    assert _health(home, "dagster_code_server").ok
    assert _pid(home, "dagster_code_server") == before, "runs are of its session, and go on"
    for name in names[1:]:
        os.kill(_pid(home, name), signal.SIGKILL)
    stack.down(_settings(home), print)
    assert not _processes_of(home)
    with pytest.raises(StackError, match="not running"):
        stack.ui_address(_settings(home))
