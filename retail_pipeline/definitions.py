"""Where assets, checks, jobs, schedules, sensors and resources meet; importing it does no work and reads no setting.

See https://docs.dagster.io/guides/build/projects/project-structure for how a defs folder is loaded.
"""

import dagster as dg

from retail_pipeline.defs.executor import watched_in_process_executor
from retail_pipeline.settings import PROJECT


@dg.definitions
def defs() -> dg.Definitions:
    """Everything under `defs/`; steps of a run share one process, for most take less time than a process's start."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=PROJECT),
        dg.Definitions(executor=watched_in_process_executor),
    )
