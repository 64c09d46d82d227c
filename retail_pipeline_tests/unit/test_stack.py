"""What the embedded stack remembers, recognises and reads, without a server."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from retail_pipeline import stack
from retail_pipeline.errors import StackError
from retail_pipeline.settings import Settings
from retail_pipeline.stack import jars, java, kafka, mongo, processes, state
from retail_pipeline.stack.postgres import Postgres


@pytest.fixture(name="settings")
def _settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"RETAIL_HOME": str(tmp_path / "home")})


def _postgres(settings: Settings) -> Postgres:
    settings.home.mkdir(exist_ok=True)
    return Postgres(settings, state.State(settings.home))


# --- state ---


def test_a_port_never_changes_after_it_was_chosen(tmp_path: Path) -> None:
    first = state.State(tmp_path).port("postgres")
    assert state.State(tmp_path).port("postgres") == first
    assert state.State(tmp_path).known_port("postgres") == first


def test_two_servers_of_a_home_get_two_ports_that_are_free_and_outside_the_range_of_outgoing_connections(
    tmp_path: Path,
) -> None:
    remembered = state.State(tmp_path)
    ports = {remembered.port(name) for name in ("postgres", "mongo", "kafka", "connect")}
    assert len(ports) == 4
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(state.is_free(port) and port < lowest for port in ports)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not state.is_free(server.getsockname()[1])


def test_a_state_file_that_is_not_json_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(StackError, match=r"state\.json.*\n.*make clean"):
        state.State(tmp_path).known_port("postgres")


def test_the_state_of_a_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    state.State(tmp_path).port("postgres")
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0


# --- processes ---


def test_a_child_that_ends_while_it_is_looked_at_is_buried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = processes.spawn(["sleep", "60"], os.environ, tmp_path / "log", lambda _: None)
    child, started = psutil.Process(process.pid), processes._started  # noqa: SLF001  it ends just before this

    def ends(pid: int) -> str | None:
        child.kill()
        while child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        return started(pid)

    monkeypatch.setattr(processes, "_started", ends)
    assert not process.alive
    assert not psutil.pid_exists(process.pid)


def test_a_recycled_process_id_is_not_taken_for_the_server_nor_stopped() -> None:
    stranger = processes.Process(os.getpid(), "another boot 1")
    assert not stranger.alive
    assert processes.stop(stranger, signal.SIGKILL, 0)  # or this test would end here


def test_a_server_whose_starter_dies_before_remembering_it_never_starts(tmp_path: Path) -> None:
    def die(_: processes.Process) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.spawn(["touch", str(tmp_path / "started")], os.environ, tmp_path / "log", die)
    os.wait()
    assert not (tmp_path / "started").exists()


def test_stopping_a_server_takes_along_what_it_started(tmp_path: Path) -> None:
    children = tmp_path / "children"
    script = f"sleep 1000 & echo $! >{children}; trap '' TERM; while :; do sleep 0.1; done"
    process = processes.spawn(["sh", "-c", script], os.environ, tmp_path / "log", lambda _: None)
    while not (children.exists() and children.read_text().strip()):
        assert process.alive
    child = processes.Process.of(int(children.read_text()))
    assert child.alive
    assert not processes.stop(process, signal.SIGTERM, 0.2), "it ignores the polite signal"
    assert not process.alive
    assert not child.alive


def test_the_last_telling_line_of_a_log_is_the_last_that_speaks_of_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ERROR of an earlier start\n")
    before = log.stat().st_size
    with log.open("a") as file:
        file.write("INFO starting\nERROR port is taken\nINFO stopped\n\n")
    assert processes.tail(log, before) == "ERROR port is taken"
    assert processes.tail(log, before + len("INFO starting\nERROR port is taken\n")) == "INFO stopped"
    assert processes.tail(tmp_path / "none") == ""


# --- which server ---


def test_the_exported_address_of_the_embedded_server_does_not_make_it_external(settings: Settings) -> None:
    server = _postgres(settings)
    own = server.address()
    assert not _postgres(replace(settings, postgres_dsn=own)).external
    assert not _postgres(replace(settings, postgres_dsn=own.replace("127.0.0.1", "localhost"))).external
    other = replace(settings, postgres_dsn="postgresql://u:p@127.0.0.1:1/walmart")
    assert _postgres(other).external
    assert stack.environment(other)["RETAIL_POSTGRES_DSN"] == "postgresql://u:p@127.0.0.1:1/walmart"


def test_an_external_server_that_is_silent_is_named_by_its_variable_and_without_its_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "TIMEOUT", 100)
    for variable, external in {
        "RETAIL_POSTGRES_DSN": replace(settings, postgres_dsn="postgresql://u:hidden@127.0.0.1:1/walmart"),
        "RETAIL_MONGO_URI": replace(settings, mongo_uri="mongodb://u:hidden@127.0.0.1:1/"),
        "RETAIL_KAFKA_BOOTSTRAP": replace(settings, kafka_bootstrap="127.0.0.1:1"),
        "RETAIL_CONNECT_URL": replace(settings, connect_url="http://u:hidden@127.0.0.1:1"),
    }.items():
        name = {"RETAIL_POSTGRES_DSN": "postgres", "RETAIL_MONGO_URI": "mongo"}.get(
            variable, variable.split("_")[1].lower()
        )
        with pytest.raises(StackError, match=variable) as caught:
            stack.up(external, print, dagster=False, only=[name])
        assert "hidden" not in str(caught.value)


def test_without_any_server_every_address_is_empty(settings: Settings) -> None:
    found = stack.environment(settings)
    assert [name for name, value in found.items() if value] == ["RETAIL_HOME", "DAGSTER_HOME"]
    assert {server.state for server in stack.health(settings)} == {"stopped"}


def test_wiping_leaves_what_is_not_ours(settings: Settings) -> None:
    _postgres(settings).choose_ports()
    kept = settings.home / "a letter"
    kept.write_text("dear")
    stack.down(settings, print, wipe=True)
    assert list(settings.home.iterdir()) == [kept]


def test_a_home_that_cannot_be_written_is_named_with_the_variable_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings.from_environment({"RETAIL_HOME": str(tmp_path / "file" / "home")})
    with pytest.raises(StackError, match=r"file/home.*\n.*RETAIL_HOME"):
        stack.up(settings, print)


def test_passwords_are_taken_out_of_every_line_that_is_shown(settings: Settings) -> None:
    server = _postgres(settings)
    assert (
        server.redact(f"FATAL {server.address()}") == f"FATAL postgresql://postgres:***@127.0.0.1:{server.port}/walmart"
    )


# --- jars and Java ---


def test_the_list_of_jars_names_each_file_once_for_each_part() -> None:
    listed = jars.listed()
    assert {jar.part for jar in listed} == {"kafka", "debezium", "mongodb"}
    assert len({(jar.part, jar.group, jar.artifact) for jar in listed}) == len(listed)
    assert all(len(jar.sha256) == 64 for jar in listed)


def test_a_line_that_is_no_jar_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "jars.txt"
    path.write_text("# comment\n\nkafka org.example:thing 00\n")
    with pytest.raises(StackError, match="Line 3"):
        jars.listed(path)


def test_a_jar_with_another_hash_is_refused_with_both_hashes(tmp_path: Path) -> None:
    path = tmp_path / "thing-1.jar"
    path.write_bytes(b"changed")
    jar = jars.Jar("kafka", "org.example", "thing", "1", hashlib.sha256(b"original").hexdigest())
    with pytest.raises(
        StackError, match=rf"org\.example:thing:1.*{hashlib.sha256(b'changed').hexdigest()}.*{jar.sha256}"
    ):
        jars.check(jar, path)


def test_a_cached_jar_with_another_hash_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    good, bad = (jars.Jar("kafka", "org.example", name, "1", hashlib.sha256(b"good").hexdigest()) for name in "ab")
    for jar, content in ((good, b"good"), (bad, b"bad")):
        path = tmp_path / "m2" / jar.path
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert jars.fetched(tmp_path, print, [good]) == {good: tmp_path / "m2" / good.path}
    monkeypatch.setitem(sys.modules, "jgo.maven", None)  # nothing to fetch it with
    with pytest.raises(StackError, match=r"org\.example:b:1 is missing"):
        jars.fetched(tmp_path, print, [bad])
    assert not list(tmp_path.glob("jars-*"))


def test_a_jar_that_cannot_be_fetched_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable:
        def __init__(self, **_: object) -> None:
            raise ConnectionError

    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setattr("jgo.maven.MavenContext", Unreachable)
    jar = jars.Jar("kafka", "org.example", "thing", "1", "00")
    with pytest.raises(StackError) as caught:
        jars.fetched(tmp_path, print, [jar])
    assert caught.value.message == "The jar org.example:thing:1 could not be fetched: ConnectionError."


def test_where_the_usual_cache_cannot_be_made_jars_go_to_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("M2_REPO", str(tmp_path / "file" / "m2"))
    jar = jars.Jar("kafka", "org.example", "thing", "1", hashlib.sha256(b"good").hexdigest())
    path = tmp_path / "home" / "jars" / jar.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"good")
    assert jars.fetched(tmp_path / "home", print, [jar]) == {jar: path}


def test_java_of_the_wheel_is_new_enough() -> None:
    assert java.version(java.program()) >= 17
    assert java.version(Path("/nowhere/java")) == 0


def test_a_path_with_a_blank_or_a_quote_survives_javas_options_file(tmp_path: Path) -> None:
    path = java.options_file(tmp_path / "options", [tmp_path / 'a "b" c.jar'], ["-Xmx1g"])
    assert f'"{tmp_path}/a \\"b\\" c.jar"' in path.read_text().splitlines()
    assert path.stat().st_mode & 0o077 == 0


def test_settings_files_of_kafka_are_for_their_owner_alone(tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("a=1\n")
    path = tmp_path / "server.properties"
    path.touch(mode=0o644)
    kafka.write_properties(path, template, {"b": "back\\slash"})
    assert path.stat().st_mode & 0o077 == 0
    assert [line for line in path.read_text().splitlines() if "=" in line] == ["a=1", "b=back\\\\slash"]


def test_a_log_that_grows_too_large_is_emptied_under_who_writes_it_and_its_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    with log.open("a") as writer:
        writer.writelines(f"line {number}\n" for number in range(1000))
        writer.flush()
        assert not processes.shorten(log, above=1_000_000, keep=100)
        assert processes.shorten(log, above=1000, keep=100)
        writer.write("after\n")
    kept = (tmp_path / "postgres.log.1").read_text().splitlines()
    assert log.read_text() == "after\n"
    assert kept[-1] == "line 999"
    assert all(line.startswith("line ") for line in kept), "it begins with a whole line"
    assert (tmp_path / "postgres.log.1").stat().st_mode & 0o077 == 0


# --- system libraries ---


@pytest.mark.parametrize(
    ("said", "missing", "remedy"),
    [
        (
            "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file",
            "libcurl.so.4",
            "libcurl4",
        ),
        (
            "mongod: error while loading shared libraries: libssl.so.3: cannot open shared object file",
            "libssl.so.3",
            "libssl3",
        ),
        ("mongod: /lib/libc.so.6: version `GLIBC_2.35' not found (required by mongod)", "GLIBC_2.35", "2.35 or newer"),
        ("Illegal instruction", "Illegal instruction", "RETAIL_MONGO_URI"),
    ],
)
def test_a_missing_system_library_is_one_clear_line(said: str, missing: str, remedy: str) -> None:
    message, next_step = mongo.missing_library(said)
    assert missing in message
    assert remedy in next_step
    assert "\n" not in message


def test_importing_the_stack_imports_no_dagster() -> None:
    code = "import sys; import retail_pipeline.stack; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
