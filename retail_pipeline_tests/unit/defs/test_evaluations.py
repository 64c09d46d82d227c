"""A check that is started by hand gives what the sensor judges, of what was selected."""

from __future__ import annotations

import dagster as dg

from retail_pipeline.defs.assets.analytics import table
from retail_pipeline.defs.evaluations import as_results


def test_only_the_selected_checks_get_a_result() -> None:
    one, two = (
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("a"), check_name=name, passed=False, metadata={"figure": 1}, description="why"
        )
        for name in ("one", "two")
    )

    [result] = as_results([one, two], {two.asset_check_key})

    assert (result.check_name, result.passed, result.description) == ("two", False, "why")


def test_documents_are_a_table_that_a_value_cannot_break() -> None:
    made = table(["a", "b"], [{"a": "x|y\nz", "b": 1}, {"b": None}])

    assert made.splitlines() == ["| a | b |", "| --- | --- |", "| x\\|y z | 1 |", "| None | None |"]
