"""What `status` says of Dagster's checks."""

from __future__ import annotations

from typing import Any

from retail_pipeline.status import checks


def _repository(name: str, latest: dict[str, Any] | None) -> dict[str, Any]:
    found = [{"name": name, "executionForLatestMaterialization": latest}]
    return {"assetNodes": [{"assetKey": {"path": ["postgres", "files"]}, "assetChecksOrError": {"checks": found}}]}


def _latest(status: str = "FAILED", severity: str = "ERROR") -> dict[str, Any]:
    evaluation = {"severity": severity, "description": "5 of 7 rows"}
    return {"status": status, "timestamp": 1_712_761_200.0, "evaluation": evaluation}


def test_a_check_that_failed_is_a_problem_with_its_page() -> None:
    [line] = checks.of(_repository("revenue", _latest()), "http://ui")

    assert (line.ok, line.name, line.state) == (False, "revenue of postgres/files", "failed")
    assert line.detail == "at 2024-04-10 15:00 UTC: 5 of 7 rows"
    assert line.link == "http://ui/assets/postgres/files?view=checks&checkDetail=revenue"
    assert line.link in line.next_step


def test_what_passes_warns_runs_or_has_never_run_is_no_problem() -> None:
    for latest in (None, _latest("SUCCEEDED"), _latest("IN_PROGRESS"), _latest(severity="WARN")):
        assert list(checks.of(_repository("revenue", latest), "http://ui")) == []


def test_what_the_stream_tells_is_not_told_twice() -> None:
    assert list(checks.of(_repository("consumer_lag", _latest()), "http://ui")) == []


def test_an_asset_without_checks_is_none() -> None:
    assert list(checks.of({"assetNodes": [{"assetKey": {"path": ["a"]}, "assetChecksOrError": {}}]}, "")) == []
