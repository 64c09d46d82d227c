"""What a sensor judges at a tick, a check that is started by hand gives too."""

from collections.abc import Collection, Iterable, Iterator

import dagster as dg


def as_results(
    evaluations: Iterable[dg.AssetCheckEvaluation], selected: Collection[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckResult]:
    """Return each evaluation of a sensor as the result of its check, of those that are selected."""
    for evaluation in evaluations:
        if evaluation.asset_check_key not in selected:
            continue
        yield dg.AssetCheckResult(
            asset_key=evaluation.asset_key,
            check_name=evaluation.check_name,
            passed=evaluation.passed,
            severity=evaluation.severity,
            description=evaluation.description,
            metadata=evaluation.metadata,
        )
