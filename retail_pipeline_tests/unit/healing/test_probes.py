"""Questions to several servers, of which some do not answer."""

from __future__ import annotations

import threading

import pytest
from psycopg2 import OperationalError
from psycopg2.extensions import parse_dsn

from retail_pipeline import mongodb
from retail_pipeline.errors import ReplicationError
from retail_pipeline.healing import probes
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection


def test_each_question_has_its_answer_and_one_that_is_unreachable_is_a_sentence() -> None:
    def refuse() -> None:
        raise ReplicationError("Kafka does not answer.", "start it")

    def break_off() -> None:
        raise OperationalError("server closed the connection\nand more")

    found = probes.ask({"one": lambda: 1, "Kafka": refuse, "slot": break_off})

    assert found == {
        "one": 1,
        "Kafka": Unreachable("Kafka does not answer."),
        "slot": Unreachable("slot: OperationalError: server closed the connection"),
    }


def test_a_question_that_hangs_keeps_nobody_waiting_for_longer_than_told() -> None:
    over = threading.Event()
    try:
        found = probes.ask({"slot": lambda: over.wait(60), "quick": lambda: 2}, seconds=0.2)
    finally:
        over.set()

    assert found == {"slot": Unreachable("slot: no answer within 0 s"), "quick": 2}


def test_a_mistake_of_ours_is_not_taken_for_an_unreachable_server() -> None:
    with pytest.raises(ZeroDivisionError):
        probes.ask({"one": lambda: 1 // 0})


def test_a_question_that_is_put_once_gives_each_thread_its_answer_or_error() -> None:
    asked = []

    def refuse() -> None:
        asked.append(threading.current_thread())
        raise ReplicationError("Kafka does not answer.", "start it")

    question = probes.once(refuse)
    answer = Unreachable("Kafka does not answer.")

    assert probes.ask({"one": question, "other": question}) == {"one": answer, "other": answer}
    assert len(asked) == 1


def test_an_address_with_timeouts_is_the_same_server_with_shorter_timeouts() -> None:
    settings = Settings.from_environment(
        {
            "RETAIL_POSTGRES_DSN": "postgresql://postgres:a%2Bb@db:5433/walmart?sslmode=prefer",
            "RETAIL_MONGO_URI": "mongodb://admin:c%40d@m:27018/?replicaSet=rs0",
        }
    )
    bounded = probes.with_timeouts(settings, 9)

    address = parse_dsn(connection.dsn(bounded, "postgres"))
    assert (address["host"], address["port"], address["password"], address["sslmode"]) == (
        "db",
        "5433",
        "a+b",
        "prefer",
    )
    assert (address["connect_timeout"], address["options"]) == ("5", "-c statement_timeout=9s")
    uri = mongodb.uri(bounded, "admin")
    assert "admin:c%40d@m:27018" in uri
    assert {"replicaSet=rs0", "socketTimeoutMS=9000", "connectTimeoutMS=5000"} <= set(uri.partition("?")[2].split("&"))
