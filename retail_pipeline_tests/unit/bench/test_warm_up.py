"""Work is warm when it costs hardly less than the best before, and given up after so many times."""

from __future__ import annotations

from itertools import accumulate

import pytest

from retail_pipeline.bench.warm_up import until_warm


@pytest.mark.parametrize(
    ("costs", "done"),
    [
        ([100, 60, 50, 49, 20], 4),
        ([100, 110, 50], 2),
        ([100, 70, 110, 50], 3),
        ([160, 80, 40, 20, 10, 5], 5),
    ],
    ids=["levels off", "dearer at once", "dearer than the best", "never"],
)
def test_work_goes_on_until_it_costs_hardly_less(costs: list[float], done: int) -> None:
    meter = [0, *accumulate(costs)]
    worked: list[None] = []

    found = until_warm(lambda: worked.append(None), lambda: meter[len(worked)], at_most=5)

    assert list(found) == costs[:done]
    assert len(worked) == done
