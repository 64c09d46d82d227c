"""Is PostgreSQL right? The load accounts for every row, the stock adds up, and no store sees another.

A check that blocks the run does so by a fault that it found. What it could not find out, because a store keeps a table
locked for instance, is a warning: else one store would decide whether the others' runs pass.
"""

from collections.abc import Sequence

import dagster as dg
from psycopg2 import errors

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.errors import BlockedError, CouldNotTellError
from retail_pipeline.warehouse import connection, consistency, isolation

_IDENTITY = """
select f.file_id, f.name, f.rows_read, f.rows_loaded, f.rows_quarantined, f.rows_duplicate
from retail.files as f
where f.accepted
order by f.file_id
"""
_SET_ASIDE = """
select f.file_id, f.name, f.rows_read, count(q.file_line) filter (where q.released_by is null)
from retail.files as f
left join retail.quarantine as q on q.file_id = f.file_id
where f.accepted
group by f.file_id
"""

_HELD_UP = (BlockedError, CouldNotTellError, errors.LockNotAvailable, errors.QueryCanceled)


def _could_not_tell(reasons: Sequence[str]) -> dg.AssetCheckResult:
    """Warn, which blocks nothing."""
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Could not tell: {reasons[0]}",
        metadata={"could_not_tell": list(reasons), "could_not_tell_count": len(reasons)},
    )


@dg.asset_check(
    asset=keys.postgres("files"),
    blocking=True,
    description="Of every file, rows read = loaded + quarantined + duplicates, and the loaded ones are in the tables.",
)
def every_row_is_accounted_for(platform: Platform) -> dg.AssetCheckResult:
    """Hold the ledger against itself; lines of a sale that was voided or deleted since are gone from the tables."""
    try:
        with connection.connect(platform.settings(), connection.READER) as postgres, postgres.cursor() as cursor:
            cursor.execute(_IDENTITY)
            files = cursor.fetchall()
    except _HELD_UP as error:
        return _could_not_tell([str(error)])
    wrong = [name for _, name, read, loaded, set_aside, twice in files if read != loaded + set_aside + twice]
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={
            "files": len(files),
            "rows_read": sum(file[2] for file in files),
            "rows_loaded": sum(file[3] for file in files),
            "rows_quarantined": sum(file[4] for file in files),
            "rows_duplicate": sum(file[5] for file in files),
            "wrong": wrong,
        },
    )


@dg.asset_check(
    asset=keys.TENANTS,
    blocking=True,
    description="Each store that is not disabled sees all of its own rows and none of another's. No row can change "
    "hands. It is tried as each store, in each table that it works on.",
)
def isolation_holds(platform: Platform) -> dg.AssetCheckResult:
    """Try it by behaviour; what breaks it blocks, what cannot be told warns."""
    told = isolation.verdict(platform.settings())
    if told.untold and not told.findings:
        return _could_not_tell(list(map(str, told.untold)))
    return dg.AssetCheckResult(
        passed=not told.findings,
        metadata={
            "findings": list(map(str, told.findings)),
            "finding_count": len(told.findings),
            "could_not_tell": list(map(str, told.untold)),
        },
    )


@dg.asset_check(
    asset=keys.postgres("inventory"),
    blocking=True,
    description="Stock is the sum of its movements, movements of sales equal their lines, nothing is below zero.",
)
def stock_is_consistent(platform: Platform) -> dg.AssetCheckResult:
    """Run every consistency condition, in one snapshot."""
    try:
        with connection.connect(platform.settings(), connection.READER) as postgres:
            violations = consistency.violations(postgres)
    except _HELD_UP as error:
        return _could_not_tell([str(error)])
    return dg.AssetCheckResult(passed=not any(violations.values()), metadata=dict(violations))


@dg.asset_check(
    asset=keys.postgres("quarantine"),
    description="Of each file only few rows are set aside and still wait for their corrected version.",
)
def few_rows_are_quarantined(platform: Platform) -> dg.AssetCheckResult:
    """Warn above the share of RETAIL_WARN_SHARE; above that of RETAIL_ERROR_SHARE a file is not loaded at all."""
    settings = platform.settings()
    with connection.connect(settings, connection.READER) as postgres, postgres.cursor() as cursor:
        cursor.execute(_SET_ASIDE)
        shares = {
            f"{name} (file {number})": waiting / read for number, name, read, waiting in cursor.fetchall() if read
        }
    over = {name: f"{share:.2%}" for name, share in shares.items() if share > settings.warn_share}
    return dg.AssetCheckResult(
        passed=not over,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"files": len(shares), "above_share": dg.MetadataValue.json(over), "warn_share": settings.warn_share},
    )
