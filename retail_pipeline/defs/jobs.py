"""The jobs that operators, schedules and the command start."""

import dagster as dg

from retail_pipeline.defs.assets.analytics import GROUP as ANALYTICS
from retail_pipeline.defs.assets.mirror import GREEN_GROUP

initial_load = dg.define_asset_job(
    "initial_load",
    selection=dg.AssetSelection.all().materializable() | dg.AssetSelection.all_asset_checks(),
    description="The whole way: load the file, isolate the tenants, fill MongoDB, start the stream, analyse. "
    "On data that is already there and equal it changes nothing.",
)

green_refresh = dg.define_asset_job(
    "green_refresh",
    selection=dg.AssetSelection.groups(GREEN_GROUP),
    description="Bring the batch collections up to date with PostgreSQL.",
)

analytics = dg.define_asset_job(
    "analytics",
    selection=dg.AssetSelection.groups(ANALYTICS),
    description="Run every aggregation pipeline.",
)
