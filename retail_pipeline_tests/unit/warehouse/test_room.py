"""A server that is full for an instant fails no service: it is asked again, within a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import psycopg2
import pytest

from retail_pipeline.errors import WarehouseError
from retail_pipeline.warehouse import connection

ADDRESS = "postgresql://somebody@127.0.0.1:1/d"
FULL = "connection failed: FATAL:  sorry, too many clients already"
CLOSED = 'connection failed: FATAL:  role "somebody" is not permitted to log in'


@pytest.fixture(name="asked")
def _asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], list[str]]:
    """Return what makes the server refuse with these messages, one after the other, and names those that were told."""
    monkeypatch.setattr(connection, "_AGAIN", 0.0)

    def refuse(messages: list[str]) -> list[str]:
        told: list[str] = []

        def connect(_: str) -> Any:
            if len(told) == len(messages):
                return MagicMock()
            told.append(messages[len(told)])
            raise psycopg2.OperationalError(told[-1])

        monkeypatch.setattr(psycopg2, "connect", connect)
        return told

    return refuse


def test_a_server_that_is_full_for_an_instant_is_asked_again(asked: Callable[[list[str]], list[str]]) -> None:
    told = asked([FULL, FULL])

    with connection.connect_dsn(ADDRESS):
        assert told == [FULL, FULL]


def test_a_server_that_stays_full_is_an_error(
    asked: Callable[[list[str]], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = asked([FULL] * 1_000_000)
    monkeypatch.setattr(connection, "ROOM_SECONDS", 0.01)

    with pytest.raises(WarehouseError, match="too many clients"), connection.connect_dsn(ADDRESS):
        pytest.fail("it connected")
    assert len(told) > 1


def test_another_refusal_is_told_at_once(asked: Callable[[list[str]], list[str]]) -> None:
    told = asked([CLOSED, CLOSED])

    with pytest.raises(WarehouseError, match="not permitted to log in"), connection.connect_dsn(ADDRESS):
        pytest.fail("it connected")
    assert told == [CLOSED]
