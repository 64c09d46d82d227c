"""A signal ends what the command does, as itself and in time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from retail_pipeline import interruption


@pytest.fixture(autouse=True)
def _as_python_starts() -> Iterator[None]:
    """Set for each signal the handler that Python starts with, whatever this run was started to ignore."""
    before = {number: signal.getsignal(number) for number in interruption.STOPPING}
    for number in interruption.STOPPING:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _kill_and_wait(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(30)


@pytest.mark.parametrize("number", interruption.STOPPING)
def test_each_signal_to_stop_is_raised_as_itself(number: signal.Signals) -> None:
    with interruption.raising(), pytest.raises(interruption.Stopped) as stopped:
        _kill_and_wait(number)

    assert stopped.value.number == number


def test_a_signal_that_the_process_was_started_to_ignore_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.raising():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_does_what_ctrl_c_does_to_whoever_handles_that_now() -> None:
    seen: list[int] = []

    def handler(number: int, _: FrameType | None) -> None:
        seen.append(number)

    with interruption.raising():
        signal.signal(signal.SIGINT, handler)
        os.kill(os.getpid(), signal.SIGHUP)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    assert seen == [signal.SIGHUP]


def test_what_is_to_know_of_a_signal_first_knows_it_once_it_is_told() -> None:
    known: list[int] = []
    slow = threading.Event()

    def tell(number: int) -> None:
        slow.wait(0.3)
        known.append(number)

    with interruption.raising(), interruption.cancelling(tell) as listener:
        assert listener is not None
        try:
            _kill_and_wait(signal.SIGTERM)
        except interruption.Stopped:
            interruption.wait_for_then()
            assert known == [signal.SIGTERM]
            assert listener.heard == signal.SIGTERM
        with interruption.cancelling() as inner:
            assert inner is listener


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in interruption.STOPPING]
    with interruption.raising(), interruption.cancelling():
        pass

    assert [signal.getsignal(number) for number in interruption.STOPPING] == before
    wakeup = signal.set_wakeup_fd(-1)
    assert wakeup == -1
