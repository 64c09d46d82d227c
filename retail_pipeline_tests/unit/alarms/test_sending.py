"""What is to be told arrives once, in its order, whenever the receiver comes back and whoever died meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline.alarms.book import NAME, Book, on_duty
from retail_pipeline.alarms.sending import deliver, deliver_forever
from retail_pipeline.alarms.standing import Alarm, Finding, Standing
from retail_pipeline_tests.receiver import Receiver

FINDING = Finding("stream", "sink", "failed: why", "error", "do this", "")
STANDING = Standing(FINDING, 1.0, 2.0, told_at=3.0, times=1)


def _alarm(subject: str) -> Alarm:
    return Alarm("new", subject, "why", "error", "2024-04-10T15:00:00+00:00", "do this", "")


def test_alarms_arrive_in_their_order_and_once(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.keep({FINDING.key: STANDING}, [_alarm("a"), _alarm("b")])
    with Receiver() as receiver:
        assert deliver(book, receiver.url) == ""
        assert deliver(book, receiver.url) == ""

    assert [one["subject"] for one in receiver.got] == ["a", "b"]
    assert len({one["id"] for one in receiver.got}) == 2


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_what_a_receiver_refuses_waits_and_no_secret_is_said(tmp_path: Path, status: int) -> None:
    book = Book(tmp_path)
    book.keep({}, [_alarm("a")])
    with Receiver(status) as receiver:
        said = deliver(book, receiver.url)
    assert said == f"the receiver of alarms answers {status}"
    with Receiver() as again:
        assert deliver(book, again.url) == ""

    assert [one["id"] for one in again.got] == [one["id"] for one in receiver.got]


def test_what_waits_outlives_a_receiver_that_is_down_and_the_one_who_sends(tmp_path: Path) -> None:
    with Receiver() as receiver:
        pass
    book = Book(tmp_path)
    book.keep({FINDING.key: STANDING}, [_alarm("a")])
    said = deliver(book, receiver.url)
    assert said == "the receiver of alarms does not answer: ConnectionError"

    after = Book(tmp_path)
    assert after.standing == {FINDING.key: STANDING}
    with Receiver() as receiver:
        deliver(after, receiver.url)
    assert [one["subject"] for one in receiver.got] == ["a"]
    assert Book(tmp_path).next() is None


def test_a_receiver_that_is_down_costs_longer_and_longer_pauses_and_one_line(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.keep({}, [_alarm("a")])
    said: list[str] = []
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        deliver_forever(book, "http://127.0.0.1:1/secret", said.append, sleep)

    assert pauses[:4] == [2, 4, 8, 16]
    assert max(pauses) == 300
    assert said == ["the receiver of alarms does not answer: ConnectionError"]


def test_only_when_a_problem_was_last_seen_is_not_written(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.keep({FINDING.key: STANDING}, [])
    (tmp_path / NAME).unlink()
    book.keep({FINDING.key: Standing(FINDING, 1.0, 99.0, told_at=3.0, times=1)}, [])

    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("content", ["", "{}", '{"version": 0}', '{"version": 1, "standing": {"a": {}}}', "\x00"])
def test_a_book_that_nobody_can_read_begins_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    book = Book(tmp_path)

    assert book.standing == {}
    book.keep({}, [_alarm("a")])
    assert Book(tmp_path).next() is not None


def test_one_process_at_a_time_has_the_book(tmp_path: Path) -> None:
    with on_duty(tmp_path) as first, on_duty(tmp_path) as second:
        assert first is not None
        assert second is None
    with on_duty(tmp_path) as third:
        assert third is not None
