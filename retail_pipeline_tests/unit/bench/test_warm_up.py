"""Work is warm when a block of it is hardly faster than the best before, and given up after so many blocks."""

from __future__ import annotations

import pytest

from retail_pipeline.bench.warm_up import until_warm


@pytest.mark.parametrize(
    ("rates", "done"),
    [
        ([100, 160, 190, 195, 400], 4),
        ([100, 90, 200], 2),
        ([100, 150, 90, 200], 3),
        ([100, 200, 400, 800, 1600, 3200], 5),
    ],
    ids=["levels off", "slower at once", "slower than the best", "never"],
)
def test_blocks_go_on_until_one_is_hardly_faster(rates: list[float], done: int) -> None:
    assert until_warm(iter(rates).__next__, at_most=5) == rates[:done]
