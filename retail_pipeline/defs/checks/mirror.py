"""Does MongoDB hold what PostgreSQL holds? See https://docs.dagster.io/guides/test/asset-checks."""

from collections.abc import Iterator

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.mirror import fidelity
from retail_pipeline.mirror.client import ANALYST, connect, mirror
from retail_pipeline.tables import MIRRORED
from retail_pipeline.warehouse import connection

SAMPLED = "sampled_fidelity"


def sampled(report: fidelity.TableReport) -> dg.AssetCheckResult:
    """Judge a collection by the comparison of counts and of a sample of its documents."""
    return dg.AssetCheckResult(
        asset_key=keys.mongodb(report.table),
        check_name=SAMPLED,
        passed=report.equal,
        severity=dg.AssetCheckSeverity.ERROR,
        description=report.as_text(),
        metadata={
            "rows": report.rows,
            "documents": report.documents,
            "missing": report.missing,
            "extra": report.extra,
            "different": report.different,
            "in_flight": report.in_flight,
            "examples": dg.MetadataValue.json([vars(example) for example in report.examples]),
        },
    )


@dg.multi_asset_check(
    name="sampled_fidelity",
    specs=[
        dg.AssetCheckSpec(
            SAMPLED,
            asset=keys.mongodb(table.name),
            description="As many documents as rows, and a sample of them equal byte for byte.",
        )
        for table in MIRRORED
    ],
)
def sampled_fidelity(platform: Platform) -> Iterator[dg.AssetCheckResult]:
    """Compare counts and a sample of every collection."""
    for report in fidelity.sample(platform.settings()).tables:
        yield sampled(report)


@dg.asset_check(
    asset=keys.mongodb("transaction_details"),
    description="Revenue and units over all lines are the same in MongoDB as in PostgreSQL, to the cent.",
)
def revenue(platform: Platform) -> dg.AssetCheckResult:
    """Sum on both sides; a sale made between the two sums is let arrive."""
    settings = platform.settings()
    lines = [{"$group": {"_id": None, "units": {"$sum": "$quantity"}, "revenue": {"$sum": _PAID}}}]
    with (
        connection.connect(settings, "retail_reader", autocommit=True) as postgres,
        postgres.cursor() as cursor,
        connect(settings, ANALYST) as client,
    ):
        for _ in fidelity.attempts():
            cursor.execute("select coalesce(sum(quantity), 0), coalesce(sum(quantity * unit_price), 0) from retail.transaction_details")
            rows = cursor.fetchone()
            found = next(iter(mirror(client)["transaction_details"].aggregate(lines)), {"units": 0, "revenue": 0})
            documents = (found["units"], getattr(found["revenue"], "to_decimal", lambda: 0)())
            if rows == documents:
                break
    return dg.AssetCheckResult(
        passed=rows == documents,
        metadata={
            "units": str(rows[0]),
            "revenue": str(rows[1]),
            "units_in_mongodb": str(documents[0]),
            "revenue_in_mongodb": str(documents[1]),
        },
    )


_PAID = {"$multiply": ["$quantity", "$unit_price"]}
