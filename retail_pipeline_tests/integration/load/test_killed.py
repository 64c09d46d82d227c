"""A load that is killed leaves the database as it was, or, once it has committed, as it was to become."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration.load import files

# Lines of progress of a short load; the last but one is told between the last statement and COMMIT.
_LINES = 15

# A load in a process of its own that kills itself at its n-th line of progress.
_KILLED = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.load import load_file

home, dsn, path, moment = json.loads(sys.argv[1])
told = []

def report(line):
    told.append(line)
    if len(told) == moment:
        os.kill(os.getpid(), signal.SIGKILL)

settings = replace(Settings.from_environment({"RETAIL_HOME": home}), postgres_dsn=dsn)
load_file(settings, Path(path), report=report)
"""


def _load_and_die(settings: Settings, path: Path, moment: int) -> None:
    arguments = json.dumps([str(settings.home), settings.require("postgres_dsn"), str(path), moment])
    done = subprocess.run([sys.executable, "-c", _KILLED, arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    while files.ask(
        settings,
        "select 1 from pg_stat_activity where usename = 'retail_loader' and datname = current_database()",
    ):
        time.sleep(0.01)


def test_a_load_killed_at_any_moment_left_nothing_or_all(warehouse: Settings, tmp_path: Path) -> None:
    load_file(warehouse, SAMPLE)
    later = files.text_of(SAMPLE)
    later["transaction_id"] = (later["transaction_id"].astype("int64") + 1_000_000).astype("str")
    later["store_location"] = "Boston, MA"
    path = tmp_path / "later.csv"
    later.to_csv(path, index=False)
    told: list[str] = []
    before = files.state(warehouse)

    for moment in (1, 2, 3, 4, 6, 7, 9, 10, 12, 13, _LINES - 1):
        _load_and_die(warehouse, path, moment)
        assert files.state(warehouse) == before, f"killed at line {moment} of its progress"

    _load_and_die(warehouse, path, _LINES)
    after = files.state(warehouse)
    assert after != before
    assert files.ask(warehouse, "select count(*) from retail.files") == [(2,)]

    assert load_file(warehouse, path, report=told.append).already_loaded
    assert files.state(warehouse) == after


def test_the_moments_of_that_test_are_those_of_a_load(warehouse: Settings) -> None:
    told: list[str] = []
    load_file(warehouse, SAMPLE, report=told.append)

    assert (len(told), told[-2]) == (_LINES, "committing")
