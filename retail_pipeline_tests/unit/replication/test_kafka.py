"""A client of Kafka that gives up leaves nothing open, for a sensor asks again and again."""

from __future__ import annotations

import gc
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kafka.errors import KafkaError

from retail_pipeline.replication.kafka import Administrator, ClosingSelector


@pytest.fixture(name="full")
def _full() -> Iterator[str]:
    """Return the address of a server whose queue is full: whoever connects waits."""
    with ExitStack() as opened:
        server = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_connection_that_was_not_made_in_time_is_closed(full: str) -> None:
    watched: list[socket.socket] = []

    class Watching(ClosingSelector):
        def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
            watched.append(fileobj)
            return super().register(fileobj, events, data)

    with pytest.raises(KafkaError):
        Administrator(bootstrap_servers=full, bootstrap_timeout_ms=300, selector=Watching)
    assert socket.AF_INET in {one.family for one in watched}
    assert [one.fileno() for one in watched if one.fileno() >= 0] == []
    # What was forgotten all the same would be told here, not in a test of somebody else.
    gc.collect()
