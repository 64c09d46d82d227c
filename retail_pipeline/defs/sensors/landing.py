"""Load files as they arrive. See https://docs.dagster.io/guides/automate/sensors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from retail_pipeline.defs.assets.warehouse import load_config
from retail_pipeline.defs.jobs import initial_load
from retail_pipeline.settings import Settings

VERSION = 1


@dataclass(frozen=True)
class Mark:
    """What tells whether a file was written since: its size in bytes and the time of its last change, in ns."""

    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> "Mark":
        """Look at a file."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


def complete(cursor: str | None, present: Mapping[str, Mark]) -> tuple[list[str], str]:
    """Name the files that stand as they stood at the last tick, and so are written completely; give the next cursor.

    A cursor of another version or one that cannot be read counts as empty: then every file waits one tick more.
    """
    try:
        remembered = json.loads(cursor or "{}")
        known = remembered["files"] if remembered.get("version") == VERSION else {}
    except (ValueError, KeyError, AttributeError):
        known = {}
    marks = {name: [mark.size, mark.changed] for name, mark in present.items()}
    ready = sorted(name for name, mark in marks.items() if known.get(name) == mark)
    return ready, json.dumps({"version": VERSION, "files": marks}, sort_keys=True)


@dg.sensor(
    job=initial_load,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Loads each CSV file that is put into the landing folder, once; the ledger knows those loaded before.",
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Ask for one run for each file that has arrived completely; a file written anew is a new one."""
    folder = Settings.from_environment().landing
    present = {path.name: Mark.of(path) for path in folder.glob("*.csv") if path.is_file()}
    ready, cursor = complete(context.cursor, present)
    requests = [
        dg.RunRequest(
            # A run that failed is asked for again when the file is mended, and so changed.
            run_key=f"{name} {present[name].size} {present[name].changed}",
            run_config=load_config(folder / name),
            tags={"file": name},
        )
        for name in ready
    ]
    return dg.SensorResult(run_requests=requests, cursor=cursor)
