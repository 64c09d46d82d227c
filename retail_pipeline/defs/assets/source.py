"""The input file. See https://docs.dagster.io/guides/build/assets/defining-assets."""

import dagster as dg

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import SalesFile
from retail_pipeline.source.file import open_source


@dg.asset(
    key=keys.CSV,
    description="The sales file that is loaded: 28 columns, one line of a sale a row. It stays where it is.",
    group_name="source",
    kinds={"csv"},
    owners=keys.OWNERS,
    code_version="1",
    freshness_policy=keys.FILES_ARRIVE,
)
def walmart_csv(sales_file: SalesFile) -> dg.MaterializeResult[None]:
    """Find the file and say which it is; whether it may be loaded only the load can tell, once no other runs."""
    file = open_source(sales_file.path)
    return dg.MaterializeResult(metadata={"name": file.name, "bytes": file.size, "sha256": file.sha256})
