"""The input file. See https://docs.dagster.io/guides/build/assets/defining-assets."""

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.names import from_text
from retail_pipeline.settings import SAMPLE
from retail_pipeline.source.file import open_source
from retail_pipeline.warehouse import ledger


class FileConfig(dg.Config):
    """Which file to load; empty: the one that RETAIL_CSV names, else the sample, where no other file is loaded."""

    csv: str = ""


@dg.asset(
    key=keys.CSV,
    description="The sales file that is loaded: 28 columns, one line of a sale a row. It stays where it is.",
    group_name="source",
    kinds={"csv"},
    owners=keys.OWNERS,
    code_version="1",
    freshness_policy=keys.FILES_ARRIVE,
)
def walmart_csv(context: dg.AssetExecutionContext, config: FileConfig, platform: Platform) -> dg.Output[str]:
    """Find the file and say which it is; its path goes on to the load, empty where there is nothing to load."""
    settings = platform.settings()
    path = from_text(config.csv).expanduser().resolve() if config.csv else settings.csv
    file = open_source(path or SAMPLE)
    if path is None and (loaded := ledger.files(settings)) and file.sha256 not in loaded:
        # The sample's stores and sales are made up; among a company's own they would be forgeries.
        context.log.info("No file is named, and others than the sample are loaded: nothing is loaded.")
        return dg.Output("", metadata={"name": "none", "files_in_the_ledger": len(loaded)})
    return dg.Output(
        str(file.path),
        metadata={"name": file.name, "bytes": file.size, "sha256": file.sha256},
    )
