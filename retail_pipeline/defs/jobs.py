"""The jobs that operators, schedules and the command start."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from retail_pipeline import retention
from retail_pipeline.defs import keys
from retail_pipeline.defs.assets.analytics import GROUP as ANALYTICS
from retail_pipeline.defs.assets.mirror import GREEN_GROUP
from retail_pipeline.defs.executor import watched_in_process_executor
from retail_pipeline.defs.resources import RESOURCES, Platform
from retail_pipeline.healing import dead_letters
from retail_pipeline.mirror import fidelity, initial_snapshot, writing
from retail_pipeline.replication import progress
from retail_pipeline.settings import Settings
from retail_pipeline.tables import BY_NAME, MIRRORED, RED

# After a re-snapshot MongoDB has what was written meanwhile within this time, or the comparison tells that it has not.
_CATCH_UP_SECONDS = 300.0

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


def asked_by(tags: Mapping[str, str]) -> str:
    """Name the sensor or schedule that asked for a run with these tags; otherwise a person did."""
    return tags.get("dagster/sensor_name") or tags.get("dagster/schedule_name") or "a person"


@dg.op(description="Re-snapshot the streamed tables where the stream cannot go on, and compare every document.")
def resynchronize_stream(context: dg.OpExecutionContext, platform: Platform) -> None:
    """Make the slot, read its snapshot, start the stream; nothing, where the stream can go on."""
    settings = platform.settings()
    done = initial_snapshot.take(settings, report=context.log.info)
    context.log.info("healing, asked for by %s: %s", asked_by(context.run.tags), done.as_text())
    if not done.loaded:
        return
    # What was written meanwhile is on its way, and to compare before it is there takes the processor that it needs.
    progress.wait_until_applied(settings, progress.current_lsn(settings), _CATCH_UP_SECONDS)
    after = fidelity.verify(settings, RED)
    context.log.info(after.as_text())
    context.log_event(
        dg.AssetMaterialization(keys.INITIAL_SNAPSHOT, metadata=done.as_metadata() | {"equal_afterwards": after.equal})
    )
    if not after.equal:
        raise dg.Failure(after.as_text(), metadata={"compared": dg.MetadataValue.json(after.as_dict())})


class Repair(dg.Config):
    """What to repair."""

    tables: list[str] = Field([table.name for table in MIRRORED], description="The tables to compare and repair.")


@dg.op(description="Rewrite each document that differs from its row, delete each that has none, and compare again.")
def repair_collections(context: dg.OpExecutionContext, config: Repair, platform: Platform) -> None:
    """Repair the collections beside the running stream; dead letters of before are acknowledged by it."""
    settings = platform.settings()
    tables = [BY_NAME[name] for name in config.tables]
    done = dead_letters.repair_and_acknowledge(settings, tables, report=context.log.info)
    context.log.info("healing, asked for by %s: %s", asked_by(context.run.tags), done.as_text())
    for table in tables:
        told = {"written": done.written.get(table.name, 0), "deleted": done.deleted.get(table.name, 0)}
        context.log_event(
            dg.AssetObservation(
                keys.mongodb(table.name),
                metadata=told
                | {"equal_afterwards": done.after.equal}
                | writing.told([one for one in done.refused if one.collection == table.name]),
            )
        )
    if not done.after.equal:
        raise dg.Failure(done.after.as_text(), metadata={"compared": dg.MetadataValue.json(done.after.as_dict())})


class Retention(dg.Config):
    """How long to keep what sensors report."""

    days: float = Field(retention.DAYS, description="Observations and check results that are older are removed.")


@dg.op(description="Remove old observations and check results from Dagster's storage, in small pieces.")
def remove_old_events(context: dg.OpExecutionContext, config: Retention) -> None:
    """Remove them; the latest of each asset and check stays."""
    address = Settings.from_environment().require("dagster_dsn")
    context.add_output_metadata(dict(retention.purge(address, config.days, context.log.info)))


# A job of steps brings its resources along: where Dagster has to add them, it warns of a feature of its own in beta.
@dg.job(
    resource_defs=RESOURCES,
    executor_def=watched_in_process_executor,
    description="Re-snapshot the streamed tables from a new slot where the stream cannot go on.",
)
def resynchronize() -> None:
    """Let the one step run."""
    resynchronize_stream()


@dg.job(
    resource_defs=RESOURCES,
    executor_def=watched_in_process_executor,
    description="Make collections equal to their tables; dead letters of before are acknowledged by it.",
)
def repair() -> None:
    """Let the one step run."""
    repair_collections()


@dg.job(
    executor_def=watched_in_process_executor,
    description="Remove what sensors reported long ago, so that Dagster's storage does not grow.",
)
def retain() -> None:
    """Let the one step run."""
    remove_old_events()


def repair_config(tables: Sequence[str]) -> dict[str, Any]:
    """Return the run config with which `repair` repairs these tables."""
    return {"ops": {"repair_collections": {"config": {"tables": list(tables)}}}}
