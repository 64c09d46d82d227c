"""Deliver alarms one after the other; a receiver that is down is asked again after longer and longer pauses."""

from __future__ import annotations

import time
from collections.abc import Callable

import requests

from retail_pipeline.alarms.book import Book

_TIMEOUT = 10.0
_TAKEN = range(200, 300)
_IDLE = 1.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0
Say = Callable[[str], None]


def deliver(book: Book, url: str) -> str:
    """Deliver everything that waits, in order; return why that could not be done, empty where it was.

    What is returned never holds the address, which may hold a secret.
    """
    while (alarm := book.next()) is not None:
        try:
            answer = requests.post(url, json=alarm, timeout=_TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            return f"the receiver of alarms does not answer: {type(error).__name__}"
        if answer.status_code not in _TAKEN:
            return f"the receiver of alarms answers {answer.status_code}"
        book.delivered(alarm)
    return ""


def deliver_forever(book: Book, url: str, say: Say, sleep: Callable[[float], None] = time.sleep) -> None:
    """Deliver what waits, and what will; say once that it cannot be done, and once that it can again."""
    pause, complaint = 0.0, ""
    while True:
        try:
            now = deliver(book, url)
        except OSError as error:
            now = f"what was told cannot be written down: {error.strerror}"
        if now and not complaint:
            say(now)
        if complaint and not now:
            say("the receiver of alarms takes them again")
        complaint = now
        pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE) if complaint else 0.0
        sleep(pause or _IDLE)
