"""How are several servers asked at once? Each in a thread of its own, none for longer than a tick can wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg2
from pymongo.errors import PyMongoError

from retail_pipeline.errors import RetailError, first_line
from retail_pipeline.settings import Settings

# Dagster ends a sensor's tick after 60 seconds. Connect, Kafka, PostgreSQL and MongoDB are asked side by side.
ANSWER_WITHIN = 15.0
_CONNECT_WITHIN = 5
_QUERY_WITHIN = 8


# What a server that is away, hangs or refuses raises; anything else is a mistake of ours.
FAILURES = (RetailError, psycopg2.Error, PyMongoError)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Unreachable:
    """Why a question has no answer, in a sentence."""

    sentence: str


def with_timeouts(settings: Settings, seconds: int = _QUERY_WITHIN) -> Settings:
    """Return the same servers, with addresses that make a client give a server that hangs up, and a query in `seconds`.

    For questions alone: what is written with such an address may be given up half-way.
    """
    postgres, mongo = settings.postgres_dsn, settings.mongo_uri
    of_postgres = {"connect_timeout": _CONNECT_WITHIN, "options": f"-c statement_timeout={seconds}s"}
    soon = dict.fromkeys(("serverSelectionTimeoutMS", "connectTimeoutMS"), _CONNECT_WITHIN * 1000)
    return replace(
        settings,
        postgres_dsn=_with(postgres, of_postgres) if postgres else None,
        mongo_uri=_with(mongo, {**soon, "socketTimeoutMS": seconds * 1000}) if mongo else None,
    )


def ask(questions: Mapping[str, Callable[[], Any]], seconds: float = ANSWER_WITHIN) -> dict[str, Any]:
    """Put each question in a thread of its own; return each answer, or Unreachable after `seconds` at the latest.

    A question that hangs for longer is left to its own client's timeout. Any other error is raised.
    """
    pool = ThreadPoolExecutor(len(questions), thread_name_prefix="probe")
    futures = {name: pool.submit(question) for name, question in questions.items()}
    wait(futures.values(), seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    return {name: _answer(name, future, seconds) for name, future in futures.items()}


def once(question: Callable[[], _T]) -> Callable[[], _T]:
    """Return a question that is put once: whoever asks it, from any thread, has the one answer or error."""
    asking, answer = Lock(), Future[_T]()

    def asked() -> _T:
        with asking:
            if not answer.done():
                try:
                    answer.set_result(question())
                except Exception as error:  # noqa: BLE001  raised below, for each who asks
                    answer.set_exception(error)
        return answer.result()

    return asked


def why(error: Exception) -> str:
    """Return the reason for a failure in a line."""
    if isinstance(error, RetailError):
        return error.message
    return f"{type(error).__name__}: {first_line(error)}"


def _answer(name: str, future: Future[Any], seconds: float) -> Any:
    if not future.done():
        return Unreachable(f"{name}: no answer within {seconds:.0f} s")
    try:
        return future.result()
    except FAILURES as error:
        told = why(error)
        return Unreachable(told if isinstance(error, RetailError) else f"{name}: {told}")


def _with(address: str, options: Mapping[str, Any]) -> str:
    parts = urlsplit(address)
    # libpq takes a plus sign for itself, so a space is %20.
    query = urlencode({**dict(parse_qsl(parts.query)), **options}, quote_via=quote)
    return urlunsplit(parts._replace(query=query))
