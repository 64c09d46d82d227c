"""Both sides of a query are one text: what the baseline adds stands in it as a comment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from retail_pipeline.bench.company import FOLDER
from retail_pipeline.bench.rls import Query

FILES = sorted((FOLDER / "back_office").glob("*.sql"))
_CONDITION = re.compile(r"and \w+\.store_id = 7")


def test_there_are_five_queries() -> None:
    assert len(FILES) == 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_baseline_asks_the_same_with_the_store_named(path: Path) -> None:
    query = Query.read(path, {})

    baseline = query.as_unrestricted(7)

    assert "store_id = 7" not in query.as_store()
    assert len(_CONDITION.findall(baseline)) == 1
    assert _CONDITION.sub("", baseline).split() == query.as_store().split()


def test_an_argument_is_a_literal_or_a_parameter_of_the_same_type() -> None:
    query = Query("sale", "select $1", "5", "bigint")

    assert query.statement(query.text, prepared=False) == "select bigint '5'"
    assert query.prepare(query.text) == "prepare sale(bigint) as select $1"
    assert query.statement(query.text, prepared=True) == "execute sale(bigint '5')"
