"""The registry of advisory locks has all their numbers, and each once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from retail_pipeline.settings import PROJECT, SQL
from retail_pipeline.warehouse import lock_holders, locks

NUMBERS = {name: number for name, number in vars(locks).items() if name.isupper()}
# A call with its arguments, whatever the variant; hashtextextended() makes the lock of a run.
_CALL = re.compile(r"pg_(?:try_)?advisory_\w*lock\w*\(((?:[^()]|\([^()]*\))*)\)", re.IGNORECASE)
_GIVEN = {"%s", "hashtextextended(%s, %s)"}


def repeated(numbers: Mapping[str, int]) -> set[int]:
    """Return the numbers that have several names."""
    values = list(numbers.values())
    return {number for number in values if values.count(number) > 1}


def beside_the_registry(text: str) -> set[str]:
    """Return the arguments of calls in a program that do not come from outside it, and the registry's numbers."""
    calls = {argument.strip() for argument in _CALL.findall(text)} - _GIVEN
    digits = re.sub(r"(?<=\d)_(?=\d)", "", text)
    return calls | {str(number) for number in NUMBERS.values() if str(number) in digits}


def programs() -> Iterator[Path]:
    """Yield the files that may execute SQL, but the registry itself."""
    for path in (*(PROJECT / "retail_pipeline").rglob("*.py"), *SQL.rglob("*.sql")):
        if path != Path(locks.__file__) and path != SQL / "schema.sql":  # its dump of grants calls nothing
            yield path


def test_each_lock_has_a_number_of_its_own() -> None:
    assert repeated(NUMBERS) == set()
    assert repeated({**NUMBERS, "OTHER": locks.LOAD}) == {locks.LOAD}


def test_no_number_of_a_lock_stands_beside_the_registry() -> None:
    found = {path: beside_the_registry(path.read_text()) for path in programs()}

    assert {path: numbers for path, numbers in found.items() if numbers} == {}
    assert len(found) > 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select pg_advisory_lock(1)", {"1"}),
        ("perform pg_try_advisory_xact_lock_shared( 4, 5 );", {"4, 5"}),
        ("select pg_advisory_lock(hashtextextended('run', 0))", {"hashtextextended('run', 0)"}),
        ("MINE = 7_237_418_306", {"7237418306"}),
        ('cursor.execute("select pg_advisory_lock(%s)", (locks.LOAD,))', set()),
        ("select pg_advisory_lock_shared(hashtextextended(%s, %s))", set()),
    ],
)
def test_a_number_beside_the_registry_would_be_noticed(text: str, expected: set[str]) -> None:
    assert beside_the_registry(text) == expected


def test_the_watch_and_the_errors_mean_the_same_by_a_whole_table() -> None:
    texts = Path(lock_holders.__file__).read_text(), (SQL / "watch" / "sessions.sql").read_text()

    modes = [re.findall(r"mode in \((.*?)\)", text) for text in texts]
    assert modes[0] == modes[1] == ["'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'"]
