"""A target is met or not by the rounds' own ratios, and both ways of printing say so."""

from __future__ import annotations

import json

import pytest

from retail_pipeline.bench.result import Comparison, Result, number


def _compare(ours: list[float], baseline: list[float], **target: float) -> Comparison:
    return Comparison("a query", "ms", ours, baseline, **target)


def test_the_ratio_is_the_median_of_the_rounds_and_not_of_the_sides() -> None:
    comparison = _compare([1.0, 10.0, 100.0], [2.0, 10.0, 50.0])

    assert comparison.ratios == [0.5, 1.0, 2.0]
    assert comparison.ratio == 1.0


@pytest.mark.parametrize(
    ("ours", "baseline", "target", "met"),
    [
        ([1.10], [1.0], {"most": 1.10}, True),
        ([1.11], [1.0], {"most": 1.10}, False),
        ([0.15], [0.06], {"most": 1.10, "most_more": 0.1}, True),
        ([0.17], [0.06], {"most": 1.10, "most_more": 0.1}, False),
        ([80.0], [100.0], {"least": 0.8}, True),
        ([79.0], [100.0], {"least": 0.8}, False),
        ([79.0], [100.0], {}, None),
    ],
)
def test_a_target_is_met_up_to_its_bound(
    ours: list[float], baseline: list[float], target: dict[str, float], met: bool | None
) -> None:
    assert _compare(ours, baseline, **target).met is met


def _result() -> Result:
    return Result(
        name="rls",
        ours="the store",
        baseline="the other",
        comparisons=[_compare([2.0, 3.0], [1.0, 1.0], most=1.1)],
        sizes={"rounds": 2},
        durability={"fsync": "on"},
        checks={"plans": "10"},
        details={"one": {"peak_mb": 200}},
        faults=["the stock is wrong"],
    )


def test_the_table_for_people_shows_ratio_spread_verdict_durability_and_faults() -> None:
    text = _result().as_text()

    for part in ("2.50", "2.00 to 3.00", "MISSED", "fsync on", "peak_mb 200", "FAULT: the stock is wrong"):
        assert part in text


def test_the_line_for_programs_is_one_line_and_has_every_round() -> None:
    line = json.dumps(_result().as_dict())

    assert "\n" not in line
    found = json.loads(line)
    assert found["figures"][0]["ours_rounds"] == [2.0, 3.0]
    assert found["durability"] == {"fsync": "on"}
    assert found["faults"] == ["the stock is wrong"]


def test_figures_have_three_significant_digits() -> None:
    assert [number(value) for value in (1234.5, 12.345, 0.012345)] == ["1,234", "12.3", "0.0123"]
