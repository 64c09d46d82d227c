"""The input file. See https://docs.dagster.io/guides/build/assets/defining-assets."""

from pathlib import Path

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.source.file import open_source


class FileConfig(dg.Config):
    """Which file to load; empty: the one that RETAIL_CSV names, else the generated sample."""

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
def walmart_csv(config: FileConfig, platform: Platform) -> dg.Output[str]:
    """Find the file and say which it is; its path goes on to the load."""
    path = Path(config.csv).expanduser().resolve() if config.csv else platform.settings().csv
    file = open_source(path)
    return dg.Output(
        str(path),
        metadata={"name": path.name, "bytes": file.size, "sha256": file.sha256},
    )
