"""Sales that waited belong to what they waited for: the neighbors are well again once the queue is empty."""

from __future__ import annotations

import pytest

from retail_pipeline.bench.cdc_generator import Sale
from retail_pipeline.bench.noisy_neighbor import caught_up


def _sales(*times: tuple[int, int]) -> list[Sale]:
    return [Sale(2, number, [], due, committed) for number, (due, committed) in enumerate(times)]


@pytest.mark.parametrize(
    ("sales", "moment"),
    [
        (_sales(), 100),
        (_sales((10, 20), (200, 210)), 100),
        (_sales((10, 150), (200, 210)), 150),
        (_sales((10, 150), (140, 190), (180, 195), (300, 310)), 195),
        (_sales((180, 195), (140, 190), (10, 150)), 195),
    ],
    ids=["none", "none waited", "one waited", "each behind another", "in any order"],
)
def test_the_moment_at_which_no_sale_waits(sales: list[Sale], moment: int) -> None:
    assert caught_up(sales, 100) == moment
