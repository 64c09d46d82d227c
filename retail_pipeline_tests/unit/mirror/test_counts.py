"""Numbers of rows and documents agree while both grow; what is too many or too few stays seen."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any

import pytest

from retail_pipeline.mirror import fidelity
from retail_pipeline.tables import BY_NAME

SALES = BY_NAME["transactions"]


class Side:
    """One of the two sides: gives one number after the other, the last again and again."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = chain(numbers, repeat(numbers[-1]))

    def count(self, _: object) -> int:
        """Count as PostgreSQL's snapshot does."""
        return next(self.numbers)

    def count_documents(self, _: object) -> int:
        """Count as MongoDB's collection does."""
        return next(self.numbers)


@pytest.mark.parametrize(
    ("rows", "documents", "too_many"),
    [
        pytest.param([100], [100], 0, id="quiet and equal"),
        pytest.param([100], [101], 1, id="quiet, one too many"),
        pytest.param([100], [97], -3, id="quiet, three too few"),
        pytest.param([100, 110], [107], 0, id="a sale came while documents were counted"),
        pytest.param([100, 110, 120], [95, 104], 0, id="the stream is a second behind"),
        pytest.param([100, 90], [100, 90], 0, id="rows are deleted"),
        pytest.param([100, 110, 120], [125, 135], 15, id="more than PostgreSQL ever had"),
        pytest.param([100, 110, 120], [60, 70], -30, id="fewer than it had at first"),
    ],
)
def test_documents_are_held_against_the_numbers_that_postgresql_had(
    rows: list[int], documents: list[int], too_many: int
) -> None:
    latest: Any = Side(*rows)
    collection: Any = Side(*documents)

    assert fidelity.counts(latest, SALES, collection, 0.3)[2] == too_many
