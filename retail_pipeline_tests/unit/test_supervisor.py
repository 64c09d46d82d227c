"""What the supervisor notes and when it acts, without a server."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from retail_pipeline import supervision as process
from retail_pipeline.backoff import Backoff
from retail_pipeline.errors import StackError
from retail_pipeline.settings import Settings
from retail_pipeline.stack import supervisor
from retail_pipeline.stack.mongo import Mongo
from retail_pipeline.stack.processes import Process
from retail_pipeline.stack.state import State, exclusively, unless_commanded
from retail_pipeline.stack.supervisor import BACKOFF, DIED, FAILED, RESTARTED, Journal, Supervisor
from retail_pipeline_tests.plug import PulledPlugError

GONE = Process(2**22 + 1, "a boot long ago 1")


@pytest.fixture(name="mongo")
def _mongo(tmp_path: Path) -> Mongo:
    """Return a MongoDB that was started and died."""
    with exclusively(tmp_path, print):
        state = State(tmp_path)
        state.remember("mongo", GONE)
    Journal(tmp_path).begin()
    return Mongo(Settings.from_environment({"RETAIL_HOME": str(tmp_path)}), state, lambda _: None)


def _events(mongo: Mongo) -> list[tuple[str, str]]:
    return [(note.server, note.event) for note in Journal(mongo.settings.home).read()]


def test_a_server_that_died_is_restarted_and_both_are_noted(mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mongo, "up", lambda _: None)

    process.look(mongo, BACKOFF, Journal(mongo.settings.home))

    assert _events(mongo) == [("mongo", DIED), ("mongo", RESTARTED)]
    assert supervisor.died(Journal(mongo.settings.home).read()) == ["mongo"]


def test_one_that_cannot_be_restarted_waits_longer_each_time_and_is_told(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Mongo) -> None:
        raise StackError("MongoDB ended while starting.")

    monkeypatch.setattr(Mongo, "up", fail)
    journal, backoff = Journal(mongo.settings.home), BACKOFF
    for _ in range(3):
        backoff = process.look(mongo, backoff, journal)

    assert _events(mongo) == [("mongo", DIED), ("mongo", FAILED)]
    state = State(mongo.settings.home)
    state.remember(Supervisor.name, Process.of(1))
    watcher = Supervisor(mongo.settings, state)
    watcher.heartbeat.touch()
    assert "mongo failed: MongoDB ended while starting." in watcher.health().detail


def test_nothing_is_restarted_while_a_command_starts_or_stops_servers(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mongo, "up", lambda _: pytest.fail("restarted"))
    with exclusively(mongo.settings.home, print):
        backoff = process.look(mongo, BACKOFF, Journal(mongo.settings.home))

    assert backoff == BACKOFF
    assert _events(mongo) == []


def test_servers_are_restarted_side_by_side(mongo: Mongo) -> None:
    with unless_commanded(mongo.settings.home) as one, unless_commanded(mongo.settings.home) as two:
        assert (one, two) == (True, True)


def test_one_that_was_stopped_on_purpose_stays_stopped(mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mongo, "up", lambda _: pytest.fail("restarted"))
    mongo.state.forget("mongo")
    process.look(mongo, BACKOFF, Journal(mongo.settings.home))


def test_a_supervisor_that_does_not_look_is_seen(mongo: Mongo) -> None:
    state = State(mongo.settings.home)
    state.remember(Supervisor.name, Process.of(1))
    watcher = Supervisor(mongo.settings, state)
    assert not watcher.health().ok
    watcher.heartbeat.touch()
    assert watcher.health().ok


def test_without_a_supervisor_somebody_is_told_that_nothing_is_restarted(mongo: Mongo) -> None:
    found = Supervisor(mongo.settings, State(mongo.settings.home)).health()
    assert (found.state, found.ok) == ("off", True)
    assert "nothing restarts a server that dies" in found.detail


def test_a_new_journal_keeps_the_one_before_beside_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin()
    journal.note("kafka", DIED, "why")
    journal.begin()

    assert journal.read() == []
    assert "kafka" in journal.path.with_suffix(".before.jsonl").read_text()


def test_a_watch_outlives_a_full_disk(mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full disk stopped has to be restarted once there is room, and neither journal nor log takes a line."""
    looks: list[str] = []

    def look(*_: object) -> Backoff:
        looks.append("")
        if len(looks) > 1:
            raise PulledPlugError
        raise OSError(errno.ENOSPC, "No space left on device")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(process, "look", look)
    monkeypatch.setattr(process, "_PAUSE", 0)
    monkeypatch.setattr("builtins.print", full)

    with pytest.raises(PulledPlugError):
        process._watch(mongo, Journal(mongo.settings.home))  # noqa: SLF001  it has no end but this

    assert len(looks) == 2
