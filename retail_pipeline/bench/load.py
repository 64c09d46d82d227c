"""How fast is a load? Whole, against a bare COPY of the file, and against plain INSERT … SELECT."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retail_pipeline import tables
from retail_pipeline.bench import database
from retail_pipeline.bench.company import FOLDER
from retail_pipeline.bench.database import BenchError, Site
from retail_pipeline.bench.programs import program, without_password
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.settings import Settings
from retail_pipeline.source import generator
from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.generator_draws import Shape
from retail_pipeline.warehouse import roles
from retail_pipeline.warehouse.connection import LOADER, connect, connect_dsn

MOST_OF_COPY = 8.0
MOST_OF_PLAIN = 1 / 3
TARGET_AT = 1_000_000  # lines without contradictions

_COMPARED = (*(table.qualified for table in tables.BUSINESS), "retail.observations", "retail.conflicts")


@dataclass(frozen=True)
class Sizes:
    """How much is measured: files of so many lines, each with and without contradictions, in so many rounds."""

    lines: Sequence[int] = (10_000, 100_000, 1_000_000)
    contradictions: Sequence[bool] = (False, True)
    stores: int = 400
    lines_per_basket: int = 3
    rounds: int = 3


@dataclass
class _Figures:
    """What the rounds of one file found."""

    whole: list[float] = field(default_factory=list)
    copy: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)


def run(settings: Settings, say: Report, sizes: Sizes | None = None) -> Result:
    """Load every file into empty databases: ours whole, and the baseline after the bare COPY that it needs anyway."""
    sizes = sizes or Sizes()
    comparisons: list[Comparison] = []
    details: dict[str, Any] = {}
    faults: list[str] = []
    durability: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as folder:
        for contradictions in sizes.contradictions:
            for lines in sizes.lines:
                name = f"{lines:,} lines{' with contradictions' if contradictions else ''}"
                path = Path(folder) / "bench.csv"
                shape = Shape(
                    rows=lines,
                    stores=sizes.stores,
                    contradictions=contradictions,
                    lines_per_basket=sizes.lines_per_basket,
                )
                size = generator.write(shape, path)
                say(f"{name}: {size / 1e6:,.1f} MB")
                figures = _Figures()
                for number in range(sizes.rounds):
                    durability = _round(settings, path, lines, figures, faults)
                    say(
                        f"{name}, round {number + 1}: whole {figures.whole[-1]:.2f} s, "
                        f"\\copy {figures.copy[-1]:.2f} s, plain {figures.plain[-1]:.2f} s, "
                        f"{figures.peak_mb[-1]:.0f} MB"
                    )
                target = lines == TARGET_AT and not contradictions
                comparisons += _comparisons(name, figures, target=target)
                details[name] = _details(figures)
    return Result(
        name="load",
        ours="retail-pipeline's load, whole: from opening the file to the commit of twelve tables",
        baseline="psql's \\copy into a table of text; and that \\copy with plain INSERT … SELECT into the same tables",
        comparisons=comparisons,
        sizes=asdict(sizes),
        durability=durability,
        checks={"tables": "different" if faults else "equal on both sides, row for row"},
        details=details,
        faults=faults,
    )


def _round(settings: Settings, path: Path, lines: int, figures: _Figures, faults: list[str]) -> dict[str, str]:
    """Load the file once on each side, into databases that were just made; return the durability settings."""
    with database.sites(settings, "load", "load_baseline") as (ours, baseline):
        roles.provision(ours.settings)
        loaded = _whole(ours, path)
        if loaded["loaded"] != lines:
            raise BenchError(f"Of {lines:,} lines {loaded['loaded']:,} were loaded; the sides do not do the same work.")
        figures.whole.append(loaded["seconds"])
        figures.peak_mb.append(loaded["peak_mb"])
        figures.stages.append(loaded["stages"])
        figures.copy.append(_copy(baseline, path, "bench_text"))
        figures.plain.append(_plain(baseline, path))
        faults += _differences(ours, baseline)
        with connect(ours.settings, LOADER) as connection:
            return database.durability(connection)


def _whole(site: Site, path: Path) -> dict[str, Any]:
    """Load by our own load, in a process of its own."""
    environment = {
        **os.environ,
        "RETAIL_HOME": str(site.settings.home),
        "RETAIL_POSTGRES_DSN": site.superuser,
    }
    command = [sys.executable, "-m", "retail_pipeline.bench.load_process", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BenchError(f"The load of {path.name} failed: {last}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _copy(site: Site, path: Path, table: str, first_column: str = "") -> float:
    """Copy the file into a new table of text as psql's own command does; return the seconds that psql tells for it."""
    columns = ", ".join(f"{name} text" for name in NAMES)
    quoted = str(path).replace("'", "''")
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as folder:
        address, password_file = without_password(site.superuser, Path(folder) / "password")
        done = subprocess.run(
            [
                program("psql"), "--no-psqlrc", f"--dbname={address}", "--set=ON_ERROR_STOP=1",
                f"--command=create table public.{table} ({first_column}{columns})",
                "--command=\\timing on",
                f"--command=\\copy public.{table} ({', '.join(NAMES)}) from '{quoted}' (format csv, header)",
            ],
            env={**os.environ, "PGPASSFILE": str(password_file)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    told = re.search(r"^Time: ([0-9.]+) ms", done.stdout, re.MULTILINE)
    if done.returncode or not told:
        raise BenchError(f"psql did not copy {path.name}: {done.stderr.strip() or done.stdout.strip()}")
    return float(told[1]) / 1000


def _plain(site: Site, path: Path) -> float:
    """Copy the file and fill the tables from there by plain statements, as the loader; return the seconds of both."""
    # Where a row lies in a table is no line number: COPY fills pages as it finds room.
    copied = _copy(site, path, "bench_lines", "row_number bigint generated always as identity, ")
    with connect_dsn(site.superuser, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("analyze public.bench_lines")
        cursor.execute(f"grant usage on schema public to {LOADER}")
        cursor.execute(f"grant temporary on database {connection.info.dbname} to {LOADER}")
        cursor.execute(f"grant select on public.bench_lines to {LOADER}")
    with connect(site.settings, LOADER) as connection, connection.cursor() as cursor:
        cursor.execute("set work_mem = '256MB'")
        connection.commit()
        started = time.monotonic()
        cursor.execute((FOLDER / "baseline_load.sql").read_text())
        connection.commit()
        return copied + time.monotonic() - started


def _differences(ours: Site, baseline: Site) -> list[str]:
    """Name the tables in which the two sides do not have the same rows."""
    found = []
    with connect_dsn(ours.superuser) as one, connect_dsn(baseline.superuser) as other:
        for table in _COMPARED:
            digests = []
            for connection in (one, other):
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"select count(*), sum(hashtextextended(t::text, 0)::numeric) from {table} as t"  # noqa: S608
                    )
                    digests.append(cursor.fetchone())
            if digests[0] != digests[1]:
                counts = " and ".join(f"{digest[0]:,}" if digest else "no" for digest in digests)
                found.append(f"{table} is not the same on both sides: {counts} rows")
    return found


def _comparisons(name: str, figures: _Figures, *, target: bool) -> list[Comparison]:
    return [
        Comparison(f"{name}, bare \\copy", "s", figures.whole, figures.copy, most=MOST_OF_COPY if target else None),
        Comparison(f"{name}, plain", "s", figures.whole, figures.plain, most=MOST_OF_PLAIN if target else None),
    ]


def _details(figures: _Figures) -> dict[str, Any]:
    """Return the memory and the time of each stage, medians over the rounds."""
    stages = {
        stage: round(statistics.median(times[stage] for times in figures.stages), 3) for stage in figures.stages[0]
    }
    return {"peak_mb": round(statistics.median(figures.peak_mb)), "stages": stages}
