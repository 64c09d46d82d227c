"""Does MongoDB hold what PostgreSQL holds? See https://docs.dagster.io/guides/test/asset-checks."""

import time
from collections.abc import Iterator
from decimal import Decimal

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.mirror import fidelity
from retail_pipeline.mirror.client import ANALYST, connect, mirror
from retail_pipeline.replication import backlog
from retail_pipeline.settings import Settings
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
            additional_deps=[keys.CONNECTORS],
            description="As many documents as rows, and a sample of them equal byte for byte.",
        )
        for table in MIRRORED
    ],
    can_subset=True,
    retry_policy=keys.MONGODB_AGAIN,
)
def sampled_fidelity(context: dg.AssetCheckExecutionContext, platform: Platform) -> Iterator[dg.AssetCheckResult]:
    """Compare counts and a sample of every selected collection."""
    selected = {check.asset_key for check in context.selected_asset_check_keys}
    tables = [table for table in MIRRORED if keys.mongodb(table.name) in selected]
    settings = platform.settings()
    backlog.drain(settings, report=context.log.info)
    for report in fidelity.sample(settings, tables=tables).tables:
        yield sampled(report)


@dg.asset_check(
    asset=keys.mongodb("transaction_details"),
    additional_deps=[keys.CONNECTORS],
    description="Revenue and units over all lines are the same in MongoDB as in PostgreSQL, to the cent.",
    retry_policy=keys.MONGODB_AGAIN,
)
def revenue(platform: Platform) -> dg.AssetCheckResult:
    """Sum on both sides, again while a sale made between the two sums is on its way."""
    settings = platform.settings()
    backlog.drain(settings)
    until = time.monotonic() + fidelity.GRACE_SECONDS
    while (rows := _in_postgresql(settings)) != (documents := _in_mongodb(settings)) and time.monotonic() < until:
        time.sleep(0.2)
    return dg.AssetCheckResult(
        passed=rows == documents,
        metadata={
            "units": str(rows[0]),
            "revenue": str(rows[1]),
            "units_in_mongodb": str(documents[0]),
            "revenue_in_mongodb": str(documents[1]),
        },
    )


def _in_postgresql(settings: Settings) -> tuple[int, Decimal]:
    with connection.connect(settings, connection.READER) as postgres, postgres.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(quantity), 0), coalesce(sum(quantity * unit_price), 0) from retail.transaction_details"
        )
        units, paid = cursor.fetchone() or (0, 0)
    return int(units), Decimal(paid)


def _in_mongodb(settings: Settings) -> tuple[int, Decimal]:
    paid = {"$multiply": ["$quantity", "$unit_price"]}
    sums = [{"$group": {"_id": None, "units": {"$sum": "$quantity"}, "revenue": {"$sum": paid}}}]
    with connect(settings, ANALYST) as client:
        for found in mirror(client)["transaction_details"].aggregate(sums):
            return int(found["units"]), found["revenue"].to_decimal()
    return 0, Decimal(0)
