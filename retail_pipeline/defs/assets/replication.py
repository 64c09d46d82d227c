"""The stream: what PostgreSQL publishes, the connectors that carry it, and the topics that it runs through."""

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.mirror import initial_snapshot
from retail_pipeline.replication import publication
from retail_pipeline.settings import INFRA
from retail_pipeline.tables import PUBLICATION, RED, STREAM_PUBLICATION


@dg.asset(
    key=keys.PUBLICATIONS,
    deps=[keys.SCHEMA],
    description=f"{PUBLICATION} of all tables for others, {STREAM_PUBLICATION} of the streamed ones for Debezium.",
    group_name="replication",
    kinds={"postgres"},
    owners=keys.OWNERS,
    code_version="1",
    freshness_policy=keys.FILES_ARRIVE,
)
def publications(platform: Platform) -> dg.MaterializeResult[None]:
    """Make the publications, or bring back what is missing from them."""
    tables = publication.ensure(platform.settings())
    return dg.MaterializeResult(metadata={name: sorted(members) for name, members in tables.items()})


@dg.asset(
    key=keys.CONNECTORS,
    deps=[keys.INITIAL_SNAPSHOT],
    description="Debezium's connector and a MongoDB sink for each streamed table, registered and running.",
    group_name="replication",
    kinds={"kafka", "debezium", "mongodb"},
    owners=keys.OWNERS,
    code_version=keys.code_version(INFRA / "connectors"),
    freshness_policy=keys.FILES_ARRIVE,
)
def connector_registration(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult[None]:
    """Register each connector and wait until all of its tasks run; refused where the stream needs a re-snapshot."""
    states = initial_snapshot.register(platform.settings(), report=context.log.info)
    return dg.MaterializeResult(metadata={"connectors": dg.MetadataValue.json(states), "connector_count": len(states)})


TOPICS = [
    keys.spec(
        keys.topic(table.name),
        f"Changes of {table.name} in commit order within a key: the row after the change, nothing for a delete.",
        group="replication",
        kinds={"kafka", "streaming"},
        deps=[keys.postgres(table.name), keys.PUBLICATIONS, keys.CONNECTORS],
        metadata={"topic": table.topic, **keys.record_of(table)},
    )
    for table in RED
]
