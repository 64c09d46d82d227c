"""The calls about data: the demo, a load, the comparison of both sides, the repair, the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from retail_pipeline.bench import BENCHES
from retail_pipeline.cli import call
from retail_pipeline.cli.call import json_option, progress, say, with_settings
from retail_pipeline.errors import SourceError
from retail_pipeline.settings import Settings

REFUSED = 2  # before a run was made
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("csv", required=False, type=_FILE)
@with_settings
def demo(settings: Settings, csv: Path | None) -> int:
    """Do everything once: start, load, stream, sell, check, sum up.

    Without CSV it loads the file that RETAIL_CSV names, else the sample.
    """
    from retail_pipeline import demo as whole

    return whole.run(settings, csv, say)


@click.command()
@click.argument("csv", type=_FILE)
@click.option(
    "--accept", is_flag=True, help="Load although many rows are quarantined, or its dates may be in another order."
)
@json_option
@with_settings
def load(settings: Settings, csv: Path, *, accept: bool, as_json: bool) -> int:
    """Load one file, through Dagster.

    Exits with 2 where the file was refused before a run was made.
    """
    path = csv.expanduser()
    _refuse_no_source(path)  # before Dagster is imported, which takes seconds
    from retail_pipeline import runs

    report = runs.report_of(runs.load(call.running(settings), path.resolve(), accept=accept, say=progress))
    say(json.dumps(report) if as_json else runs.sentence(report))
    return 0


def _refuse_no_source(path: Path) -> None:
    """Refuse what is no file of sales before a run is made; what is asked costs nothing, whatever the file's size."""
    from retail_pipeline.source.file import check_source

    try:
        check_source(path)
    except SourceError as error:
        error.exit_code = REFUSED
        raise


@click.command()
@json_option
@with_settings
def verify(settings: Settings, *, as_json: bool) -> int:
    """Compare every document of MongoDB with its row in PostgreSQL.

    Exits with 0 where both are equal, 1 where not, 2 where that could not be told.
    """
    from retail_pipeline.mirror import fidelity

    report = fidelity.verify(call.running(settings))
    say(json.dumps(report.as_dict()) if as_json else report.as_text())
    return 0 if report.equal else 1


@click.command()
@json_option
@with_settings
def repair(settings: Settings, *, as_json: bool) -> int:
    """Make MongoDB equal PostgreSQL."""
    from retail_pipeline.healing import dead_letters
    from retail_pipeline.tables import MIRRORED

    done = dead_letters.repair_and_acknowledge(call.running(settings), MIRRORED, report=progress, within=call.TIMEOUT)
    if as_json:
        say(json.dumps({"written": done.written, "deleted": done.deleted, "after": done.after.as_dict()}))
    else:
        say(f"{sum(done.written.values()):,} documents rewritten, {sum(done.deleted.values()):,} deleted.")
        say(done.after.as_text())
    return 0 if done.after.equal else 1


@click.command()
@click.argument("name", type=click.Choice(BENCHES))
@json_option
@with_settings
def bench(settings: Settings, name: str, *, as_json: bool) -> int:
    """Measure one thing beside its baseline or ceiling.

    It runs in databases or servers of the bench's own.
    """
    from retail_pipeline import bench as benches

    result = benches.run(call.running(settings), name, progress)
    say(json.dumps(result.as_dict()) if as_json else result.as_text())
    return 1 if result.faults else 0


CALLS = (demo, load, verify, repair, bench)
