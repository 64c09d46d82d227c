"""PostgreSQL: the schema, the tables that one load fills, and the tenants' isolation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform, SalesFile
from retail_pipeline.errors import BlockedError
from retail_pipeline.names import as_text
from retail_pipeline.settings import SQL, Settings
from retail_pipeline.tables import BY_NAME, MIRRORED
from retail_pipeline.warehouse import connection, migrations, roles
from retail_pipeline.warehouse.load import load_file

# Those that have a collection, of which a load only counts what it does not write; and what else it writes.
_BESIDES = ("files", "quarantine", "conflicts", "stock_movements")
LOADED = (*MIRRORED, *(BY_NAME[name] for name in _BESIDES))
REPORT = "load_report"
_COUNTS = " union all ".join(f"select '{table.name}', count(*) from {table.qualified}" for table in LOADED)  # noqa: S608 - declared names


def load_config(csv: Path, *, accept: bool = False) -> dict[str, Any]:
    """Return the run config of a job that loads one file."""
    return {"resources": {"sales_file": {"config": {"csv": as_text(csv), "accept": accept}}}}


@dg.asset(
    key=keys.SCHEMA,
    description="Tables, functions, triggers and policies of the schema retail, as the migrations make them.",
    group_name="warehouse",
    kinds={"postgres", "sql"},
    owners=keys.OWNERS,
    code_version=keys.code_version(SQL / "migrations", SQL / "repeatable"),
    freshness_policy=keys.FILES_ARRIVE,
)
def schema(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[None]:
    """Apply what is new, and let the loader and the other services in; nothing, on a database that is current."""
    applied = migrations.migrate(platform.settings().require("postgres_dsn"))
    admitted = roles.provision(platform.settings(), context.log.warning)
    return dg.MaterializeResult(metadata={"applied": applied, "applied_count": len(applied), "logins": admitted})


@dg.multi_asset(
    name="load",
    specs=[
        keys.spec(
            keys.postgres(table.name),
            f"{table.meaning[:1].upper()}{table.meaning[1:]}.",
            group="warehouse",
            kinds={"postgres", "table"},
            deps=[keys.CSV, keys.SCHEMA],
            version=keys.code_version(SQL / "load"),
            freshness=keys.FILES_ARRIVE,
            metadata=keys.columns_of(table),
        )
        for table in LOADED
    ],
)
def load(
    context: dg.AssetExecutionContext, platform: Platform, sales_file: SalesFile
) -> Iterator[dg.MaterializeResult[None]]:
    """Load the file into all tables; nothing, when the ledger knows the file or there is none."""
    settings = platform.settings()
    report = load_file(
        settings,
        sales_file.path,
        accept=sales_file.accept,
        error_share=settings.error_share,
        # The sample's stores and sales are made up; among a company's own they would be forgeries.
        unless_others=sales_file.named is None,
        report=context.log.info,
    )
    rows = row_counts(context, settings)
    for table in LOADED:
        metadata: dict[str, Any] = {"dagster/row_count": rows[table.name]} if table.name in rows else {}
        if table.name == "files":
            metadata[REPORT] = dg.MetadataValue.json(report.as_dict())
        yield dg.MaterializeResult(keys.postgres(table.name), metadata=metadata)


def row_counts(context: dg.AssetExecutionContext, settings: Settings) -> dict[str, int]:
    """Count the rows of each table; none where somebody keeps one locked, for the file is loaded all the same."""
    try:
        with connection.connect(settings, connection.READER) as postgres, postgres.cursor() as cursor:
            cursor.execute(_COUNTS)
            return dict(cursor.fetchall())
    except BlockedError as error:
        context.log.warning("The rows were not counted. %s", error.message)
        return {}


@dg.asset(
    key=keys.TENANTS,
    deps=[keys.postgres("stores")],
    description="A login for every store in the data, mapped to it, under the policies of row-level security.",
    group_name="tenants",
    kinds={"postgres", "security"},
    owners=keys.OWNERS,
    code_version=keys.code_version(SQL / "repeatable"),
    freshness_policy=keys.FILES_ARRIVE,
)
def tenant_isolation(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[None]:
    """Make the roles that are missing."""
    made = roles.provision(platform.settings(), context.log.warning)
    return dg.MaterializeResult(metadata={"made": made, "made_count": len(made)})
