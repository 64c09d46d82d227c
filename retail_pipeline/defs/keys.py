"""Asset keys and the parts of a spec that every asset has: group, kinds, owner, description, version, freshness."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from retail_pipeline import column_types
from retail_pipeline.tables import Table

OWNERS = ["team:data-platform"]
CSV = dg.AssetKey(["source", "walmart_csv"])
SCHEMA = dg.AssetKey(["postgres", "schema"])
TENANTS = dg.AssetKey(["postgres", "tenant_isolation"])
PUBLICATIONS = dg.AssetKey(["postgres", "publications"])
INITIAL_SNAPSHOT = dg.AssetKey(["mongodb", "initial_load"])
CONNECTORS = dg.AssetKey(["kafka_connect", "connectors"])
TENANT_VIEWS = dg.AssetKey(["mongodb", "tenant_views"])


def postgres(table: str) -> dg.AssetKey:
    """Name the asset of a table in PostgreSQL."""
    return dg.AssetKey(["postgres", table])


def topic(table: str) -> dg.AssetKey:
    """Name the asset of the Kafka topic that carries a table's changes."""
    return dg.AssetKey(["kafka", table])


def mongodb(collection: str) -> dg.AssetKey:
    """Name the asset of a collection in MongoDB."""
    return dg.AssetKey(["mongodb", collection])


# A file is expected at least once in this time; what is scheduled more often has a policy of its own.
FILES_ARRIVE = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=31), warn_window=timedelta(days=8))

# MongoDB is back within seconds where its process died, and a store can make it die three times before it is shut out;
# whatever needs it may be done twice.
MONGODB_AGAIN = dg.RetryPolicy(max_retries=3, delay=10)


def code_version(*paths: Path) -> str:
    """Return the version of what an asset runs: a hash over its SQL and configuration files."""
    digest = hashlib.sha256()
    for path in sorted(file for root in paths for file in (root.rglob("*.*") if root.is_dir() else [root])):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def spec(
    key: dg.AssetKey,
    description: str,
    *,
    group: str,
    kinds: set[str],
    deps: Iterable[dg.AssetKey] = (),
    version: str | None = None,
    freshness: dg.FreshnessPolicy | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetSpec:
    """Declare an asset with all that our assets have; an external one has no version and no freshness policy."""
    return dg.AssetSpec(
        key,
        description=description,
        group_name=group,
        kinds=kinds,
        owners=OWNERS,
        deps=list(deps),
        code_version=version,
        freshness_policy=freshness,
        metadata=dict(metadata or {}),
    )


def columns_of(table: Table) -> dict[str, dg.TableSchema]:
    """Return the column metadata of a table that Dagster's pages show, from its declaration."""
    return _schema([(column.name, column.type, column.meaning, column.nullable) for column in table.columns])


def fields_of(table: Table) -> dict[str, dg.TableSchema]:
    """Return the fields of a table's documents, with the types that MongoDB has."""
    key = ("_id", "Object", f"the key: {', '.join(table.key)}", False)
    return _schema(
        [key, *((one.name, column_types.of(one.type).in_mongodb, one.meaning, one.nullable) for one in table.columns)]
    )


def record_of(table: Table) -> dict[str, dg.TableSchema]:
    """Return the fields of the records that carry a table's changes, with the types that Kafka Connect has."""
    return _schema([(one.name, column_types.of(one.type).in_kafka, one.meaning, one.nullable) for one in table.columns])


def schema_of(fields: Mapping[str, tuple[str, str]]) -> dict[str, dg.TableSchema]:
    """Return the column metadata of fields: name to type and meaning."""
    return _schema([(name, type_, meaning, False) for name, (type_, meaning) in fields.items()])


def _schema(columns: Iterable[tuple[str, str, str, bool]]) -> dict[str, dg.TableSchema]:
    """Return columns, each its name, type, meaning, and whether it may be null, as Dagster takes them."""
    made = [
        dg.TableColumn(name, type_, meaning, dg.TableColumnConstraints(nullable=nullable))
        for name, type_, meaning, nullable in columns
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=made)}
