"""What a look at the landing folder asks for, and that nothing is lost or asked twice whichever way it dies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline import landing as package
from retail_pipeline.errors import SettingError
from retail_pipeline.landing import arrivals, content, memory, tick
from retail_pipeline.landing.arrivals import A_TICK, AT_ONCE, MOST_AGAIN, Ended
from retail_pipeline.landing.content import Content
from retail_pipeline.landing.memory import NAME, Memory, State, recall
from retail_pipeline.warehouse import ledger
from retail_pipeline_tests.plug import PulledPlugError
from retail_pipeline_tests.unit.landing.conftest import Landing


def states(landing: Landing) -> dict[bytes, State]:
    """Return what is remembered of each file."""
    return {file.name: file.state for file in recall(landing.settings.home / NAME)}


def test_each_file_is_asked_for_once_when_it_rests(landing: Landing) -> None:
    landing.put("a.csv")
    landing.put(b"caf\xe9.CSV")

    first = landing.tick()
    second = landing.tick()
    third = landing.tick()
    landing.end()
    fourth = landing.tick()

    assert [len(look.requests) for look in (first, second, third, fourth)] == [0, 2, 0, 0]
    assert sorted(landing.asked) == [b"a.csv", b"caf\xe9.CSV"]
    assert set(states(landing).values()) == {State.LOADED}


def test_a_file_that_grows_at_each_look_waits_and_stops_no_other(landing: Landing) -> None:
    growing = landing.put("growing.csv")
    landing.put("a.csv")
    sentences = []
    for number in range(5):
        growing.write_text("x" * number)
        sentences.append(landing.tick().sentence)

    assert landing.asked == [b"a.csv"]
    assert "waiting: growing.csv" in sentences[-1]


def test_a_file_that_is_open_for_writing_is_named_as_waiting(landing: Landing) -> None:
    with landing.put("open.csv").open("a"):
        landing.tick()
        landing.tick()
        (told,) = package.standing(landing.settings)

    assert (told.name, told.state, told.reason) == ("open.csv", "waiting", "a program has it open for writing")
    landing.tick()
    (told,) = package.standing(landing.settings)
    assert landing.asked == [b"open.csv"]
    assert told.reason == "its run is in the queue, or at work"


def test_a_file_that_was_closed_is_in_line_and_no_longer_open(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "AT_ONCE", 0)
    with landing.put("open.csv").open("a"):
        landing.tick()
        landing.tick()
    landing.tick()
    (told,) = package.standing(landing.settings)

    assert told.reason == "it is in line for its run"


def test_a_file_that_cannot_be_read_is_named_once_and_stops_no_other(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = content.look_into

    def barred(folder: Path, file: memory.File) -> Content:
        if file.name == b"barred.csv":
            raise PermissionError(13, "Permission denied")
        return real(folder, file)

    monkeypatch.setattr(content, "look_into", barred)
    path = landing.put("barred.csv")
    landing.put("a.csv")
    landing.tick()
    landing.tick()
    landing.tick()

    assert landing.asked == [b"a.csv"]
    assert landing.news == ["barred.csv is not loaded: it cannot be read: Permission denied"]
    monkeypatch.undo()
    monkeypatch.setattr(ledger, "known", landing.known)
    path.chmod(0o604)
    landing.tick()
    landing.tick()
    assert landing.asked == [b"a.csv", b"barred.csv"]


def test_what_is_no_csv_is_named_once_in_the_news_and_stays_in_the_status(landing: Landing) -> None:
    packed = landing.put("day.csv.gz")
    landing.tick()
    packed.write_text("more of it")
    looks = [landing.tick(), landing.tick()]

    assert landing.news == ["day.csv.gz is not loaded: it is compressed: unpack it here"]
    assert [(one.name, one.state, one.since) for one in package.standing(landing.settings)] == [
        ("day.csv.gz", "ignored", 30.0)
    ]
    assert all("no CSV: day.csv.gz" in look.sentence for look in looks)


def test_files_that_the_ledger_knows_cost_no_run(landing: Landing) -> None:
    for number in range(50):
        path = landing.put(f"{number}.csv")
        landing.loaded.add(hashlib.sha256(path.read_bytes()).hexdigest())
    landing.put("new.csv")
    landing.tick()
    landing.tick()

    assert landing.asked == [b"new.csv"]
    assert list(states(landing).values()).count(State.LOADED) == 50


def test_without_the_ledger_nothing_is_asked_for_and_nothing_forgotten(landing: Landing) -> None:
    landing.put("a.csv")
    landing.away = True
    landing.tick()
    silent = landing.tick()
    landing.away = False
    landing.tick()

    assert silent.requests == ()
    assert "nothing is asked for: PostgreSQL is away." in silent.sentence
    assert landing.asked == [b"a.csv"]


def test_thousands_of_old_files_cost_one_bounded_question_no_read_and_a_short_line(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2_000):
        path = landing.put(f"{number}.csv")
        landing.loaded.add(hashlib.sha256(path.read_bytes()).hexdigest())
    while State.ARRIVING in (kinds := set(states(landing).values())) or State.READY in kinds or not kinds:
        landing.tick()
    landing.questions.clear()
    landing.fingerprints.clear()
    reads: list[bytes] = []
    monkeypatch.setattr(content, "look_into", lambda _, file: reads.append(file.name))
    idle = landing.tick()

    assert not landing.runs
    assert set(states(landing).values()) == {State.LOADED}
    assert landing.questions == ["ledger"]
    assert [len(asked) for asked in landing.fingerprints] == [MOST_AGAIN]
    assert reads == []
    assert len(idle.sentence) < 200


def test_what_the_ledger_forgot_is_loaded_again_and_told_in_one_line(landing: Landing) -> None:
    for number in range(7):
        landing.put(f"{number}.csv")
    while len(states(landing)) < 7 or set(states(landing).values()) != {State.LOADED}:
        landing.tick()
        landing.end()
    landing.loaded.clear()
    landing.tick()
    told = {(one.state, one.reason, one.since) for one in package.standing(landing.settings)}
    at = landing.now
    while set(states(landing).values()) != {State.LOADED}:
        landing.tick()
        landing.end()

    assert len(landing.runs) == 14
    assert len(landing.loaded) == 7
    (news,) = landing.news
    assert news.startswith("loaded again, for the ledger no longer knows what is in them: ")
    assert news.endswith(" and 2 more")
    assert told == {
        ("waiting", "its run is in the queue, or at work", at),
        ("waiting", "it was loaded, and the ledger no longer knows it", at),
    }


def test_what_is_loaded_stays_as_it_was_while_the_ledger_knows_it_or_does_not_answer(landing: Landing) -> None:
    landing.put("a.csv")
    landing.tick()
    landing.tick()
    landing.end()
    landing.tick()
    before = recall(landing.settings.home / NAME)
    landing.tick()
    landing.away = True
    landing.tick()

    assert recall(landing.settings.home / NAME) == before


def test_a_run_of_before_a_restore_does_not_make_a_file_loaded(landing: Landing) -> None:
    landing.put("a.csv")
    landing.tick()
    landing.tick()
    landing.end()
    landing.loaded.clear()
    landing.tick()
    for _ in range(4):
        landing.tick()

    assert landing.asked == [b"a.csv", b"a.csv"]


def _asked_for_a_large_file(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a file that no look reads, until its run is asked for; return its fingerprint."""
    monkeypatch.setattr(content, "LARGEST", 3)
    digest = hashlib.sha256(landing.put("large.csv").read_bytes()).hexdigest()
    landing.tick()
    landing.tick()
    return digest


def test_a_refused_file_too_large_to_read_is_no_longer_refused_once_a_person_loaded_it(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = _asked_for_a_large_file(landing, monkeypatch)
    landing.end(Ended.BY_THE_FILE, "too many bad rows", digest)
    landing.tick()
    refused = states(landing)
    landing.loaded.add(digest)
    landing.tick()

    assert refused == {b"large.csv": State.REFUSED}
    assert states(landing) == {b"large.csv": State.LOADED}


def test_a_file_too_large_to_read_is_loaded_again_when_the_ledger_forgot_it(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = _asked_for_a_large_file(landing, monkeypatch)
    landing.end(fingerprint=digest)
    landing.tick()
    landing.loaded.clear()
    landing.tick()

    assert landing.asked == [b"large.csv", b"large.csv"]


def test_a_heap_is_asked_for_a_few_at_a_time_with_one_question_to_each_server(landing: Landing) -> None:
    for number in range(200):
        landing.put(f"{number}.csv")
    landing.tick()
    first = landing.tick()
    landing.questions.clear()
    second = landing.tick()
    third = landing.tick()

    assert [len(look.requests) for look in (first, second, third)] == [A_TICK, AT_ONCE - A_TICK, 0]
    assert landing.questions == ["runs", "ledger", "runs"]
    rounds = 0
    while len(landing.runs) < 200 and (rounds := rounds + 1) < 200:
        landing.end()
        landing.tick()
    landing.end()
    landing.tick()
    assert len(landing.runs) == 200
    assert set(states(landing).values()) == {State.LOADED}


def test_a_refused_file_is_asked_for_again_when_it_is_touched(landing: Landing) -> None:
    path = landing.put("a.csv")
    landing.tick()
    landing.tick()
    landing.end(Ended.BY_THE_FILE, "a.csv is empty.")
    landing.tick()
    landing.tick()
    (told,) = package.standing(landing.settings)
    path.touch()
    landing.tick()
    landing.tick()

    assert (told.state, told.reason, told.since) == ("refused", "a.csv is empty.", 90.0)
    assert landing.news == ["a.csv is not loaded: a.csv is empty."]
    assert landing.asked == [b"a.csv", b"a.csv"]


def test_a_refused_file_that_a_person_loaded_since_is_no_longer_refused(landing: Landing) -> None:
    path = landing.put("a.csv")
    landing.tick()
    landing.tick()
    landing.end(Ended.BY_THE_FILE, "too many bad rows")
    landing.tick()
    landing.loaded.add(hashlib.sha256(path.read_bytes()).hexdigest())
    landing.tick()

    assert package.standing(landing.settings) == []


def test_a_run_that_failed_for_another_reason_is_tried_again_and_told(landing: Landing) -> None:
    landing.put("a.csv")
    landing.tick()
    landing.tick()
    landing.end(Ended.OTHERWISE, "the process was killed")
    for _ in range(4):
        landing.tick()

    assert landing.asked == [b"a.csv", b"a.csv"]
    assert landing.news == ["a.csv is tried again after a pause: the process was killed"]


def test_a_folder_that_cannot_be_listed_forgets_nothing(landing: Landing) -> None:
    landing.put("a.csv")
    landing.tick()
    before = states(landing)
    landing.folder.rename(landing.folder.with_name("away"))
    landing.folder.touch()
    with pytest.raises(SettingError, match="cannot be read"):
        landing.tick()

    assert states(landing) == before


def test_the_standing_of_a_deployment_without_memory_is_empty(landing: Landing) -> None:
    assert package.standing(landing.settings) == []


def _after(real: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*arguments: Any) -> Any:
        real(*arguments)
        raise PulledPlugError

    return dies


def _before(_: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*_: Any) -> Any:
        raise PulledPlugError

    return dies


@pytest.mark.parametrize("at", range(1, 5), ids=lambda at: f"look {at}")
@pytest.mark.parametrize("when", [_before, _after])
@pytest.mark.parametrize(
    "place",
    [
        (tick, "scan"),
        (content, "look_into"),
        (ledger, "known"),
        (Landing, "outcomes"),
        (Memory, "keep"),
        (Landing, "look"),
    ],
    ids=lambda place: place[1],
)
def test_nothing_is_loaded_twice_or_forgotten_whichever_way_a_look_dies(
    landing: Landing,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[object, str],
    when: Callable[[Callable[..., Any]], Callable[..., Any]],
    at: int,
) -> None:
    owner, step = place
    landing.put("a.csv")
    landing.put(b"caf\xe9.csv")
    old = landing.put("old.csv")
    landing.loaded.add(hashlib.sha256(old.read_bytes()).hexdigest())
    for look in range(1, 10):
        if look == at:
            with monkeypatch.context() as plug:
                plug.setattr(owner, step, when(getattr(owner, step)))
                with suppress(PulledPlugError):
                    landing.tick()
        else:
            landing.tick()
        if look > 4:
            landing.end()

    assert sorted(landing.asked) == [b"a.csv", b"caf\xe9.csv"]
    assert set(states(landing).values()) == {State.LOADED}


@pytest.mark.parametrize("at", range(1, 8))
def test_nothing_is_loaded_twice_or_forgotten_when_the_memory_is_lost(landing: Landing, at: int) -> None:
    landing.put("a.csv")
    landing.put("b.csv")
    for look in range(1, 12):
        if look == at:
            (landing.settings.home / NAME).unlink(missing_ok=True)
        landing.tick()
        if look > 4:
            landing.end()

    assert sorted(landing.asked) == [b"a.csv", b"b.csv"]
    assert set(states(landing).values()) == {State.LOADED}
