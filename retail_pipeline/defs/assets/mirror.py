"""MongoDB: the initial snapshot, the streamed and the batch collections, the stores' views."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.mirror import batch, initial_snapshot, shape, tenants, writing
from retail_pipeline.tables import GREEN, MIRRORED, RED

GREEN_GROUP = "mirror_batch"
# The schedule refreshes every quarter of an hour; it may miss two.
FRESH_WITHIN = timedelta(minutes=45)
EVERY_QUARTER = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2), warn_window=FRESH_WITHIN)


@dg.asset(
    key=keys.INITIAL_SNAPSHOT,
    deps=[keys.PUBLICATIONS, *(keys.postgres(table.name) for table in MIRRORED)],
    description="Every collection filled once, from the snapshot at which the stream begins: no gap and no overlap.",
    group_name="replication",
    kinds={"mongodb", "postgres"},
    owners=keys.OWNERS,
    code_version="1",
    freshness_policy=keys.FILES_ARRIVE,
    retry_policy=keys.MONGODB_AGAIN,
)
def initial_load_of_collections(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[None]:
    """Make the slot, read its snapshot, fill the collections; where that is complete, follow changed columns alone."""
    settings = platform.settings()
    report = initial_snapshot.take(settings, report=context.log.info)
    rewritten = shape.follow(settings, report=context.log.info)
    return dg.MaterializeResult(metadata=report.as_metadata() | {"rewritten_for_new_columns": rewritten})


STREAMED = [
    keys.spec(
        keys.mongodb(table.name),
        f"{table.meaning[:1].upper()}{table.meaning[1:]}, within milliseconds of the commit.",
        group="mirror_stream",
        kinds={"mongodb", "streaming"},
        deps=[keys.INITIAL_SNAPSHOT, keys.topic(table.name)],
        metadata=keys.fields_of(table),
    )
    for table in RED
]


@dg.multi_asset(
    name="green_collections",
    specs=[
        keys.spec(
            keys.mongodb(table.name),
            f"{table.meaning[:1].upper()}{table.meaning[1:]}, as of the last refresh.",
            group=GREEN_GROUP,
            kinds={"mongodb", "postgres"},
            deps=[keys.INITIAL_SNAPSHOT, keys.postgres(table.name)],
            version="1",
            freshness=EVERY_QUARTER,
            metadata=keys.fields_of(table),
        )
        for table in GREEN
    ],
    retry_policy=keys.MONGODB_AGAIN,
)
def green_collections(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult[None]]:
    """Write what differs, all tables from one snapshot; readers see the old collection or the new one."""
    for name, change in batch.refresh(platform.settings()).items():
        for refused in change.refused[: writing.TOLD]:
            context.log.warning("Left out: %s.", refused)
        done = {"dagster/row_count": change.documents, "written": change.written, "deleted": change.deleted}
        yield dg.MaterializeResult(keys.mongodb(name), metadata=done | writing.told(change.refused))


@dg.asset(
    key=keys.TENANT_VIEWS,
    deps=[keys.TENANTS, *(keys.mongodb(table.name) for table in MIRRORED)],
    description="A MongoDB user for every store, and the views of its own documents: all that this user can read.",
    group_name="tenants",
    kinds={"mongodb", "security"},
    owners=keys.OWNERS,
    code_version="1",
    freshness_policy=keys.FILES_ARRIVE,
    retry_policy=keys.MONGODB_AGAIN,
)
def tenant_views(platform: Platform) -> dg.MaterializeResult[None]:
    """Make the users and views that are missing."""
    made = tenants.provision(platform.settings())
    return dg.MaterializeResult(metadata={"made": made, "made_count": len(made)})
