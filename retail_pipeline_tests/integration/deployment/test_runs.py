"""Runs beside each other, and runs that somebody ends: no file is lost, and nothing waits for who is gone."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from retail_pipeline.lifeline import EXECUTED_BY
from retail_pipeline.settings import PROJECT
from retail_pipeline.tables import TABLES
from retail_pipeline.warehouse import locks
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.deployment.conftest import Deployment

_STORE = 502
_TIMEOUT = 240.0
# The killed one comes first: that nobody executes its run is noticed while the others go on.
_ENDINGS = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
Make = Callable[[str, int, int], Path]


@pytest.fixture(name="make", scope="module")
def _make(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Return what writes a file of sales of a store of its own; what was loaded of them is removed in the end."""
    folder = tmp_path_factory.mktemp("at_once")
    sales = pd.read_csv(deployment.csv, dtype=str, keep_default_na=False)

    def make(name: str, first: int, rows: int) -> Path:
        numbers = [str(first + row) for row in range(rows)]
        several = sales.sample(rows, replace=True, random_state=first)
        # So early that it decides no value of anything.
        several.assign(store_id=str(_STORE), transaction_id=numbers, transaction_date="1/1/2000 0:00").to_csv(
            folder / name, index=False
        )
        return folder / name

    yield make
    with connect_dsn(deployment.settings.require("postgres_dsn")) as postgres, postgres.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        for owned in TABLES:
            if any(column.name == "store_id" for column in owned.columns) and owned.name != "stores":
                cursor.execute(f"delete from {owned.qualified} where store_id = {_STORE}")
        cursor.execute("delete from retail.files where name like 'at_once%'")
    # Where nothing was loaded there is nobody to remove.
    deployment.attempt("retail-pipeline", "store", "remove", str(_STORE))
    with connect_dsn(deployment.settings.require("postgres_dsn")) as postgres, postgres.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(f"delete from retail.stores where store_id = {_STORE}")
    deployment.run("retail-pipeline", "repair")


def test_files_that_are_loaded_at_once_are_each_loaded_once(deployment: Deployment, make: Make) -> None:
    one, two = make("at_once_1.csv", 9_905_000, 3), make("at_once_2.csv", 9_906_000, 5)

    def report_of(path: Path) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(
            deployment.run("retail-pipeline", "load", str(path), "--json").splitlines()[-1]
        )
        return report

    paths = (one, two, two)
    with ThreadPoolExecutor(len(paths)) as pool:
        reports = list(pool.map(report_of, paths))

    assert [report["sha256"] for report in reports] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert reports[0]["loaded"] == 3
    assert sorted(report["read"] for report in reports[1:]) == [0, 5], "one of the two loads the file"


def test_loads_that_are_ended_hold_nothing_up_and_the_next_one_loads(
    deployment: Deployment, instance: dg.DagsterInstance, make: Make
) -> None:
    path = make("at_once_ended.csv", 9_910_000, 7)
    with connect_dsn(deployment.settings.require("postgres_dsn")) as blocker, blocker.cursor() as cursor:
        # Each load waits for this, in a statement, as for another load.
        cursor.execute("select pg_advisory_xact_lock(%s)", (locks.LOAD,))
        commands = {number: _begun(deployment, path) for number in _ENDINGS}
        mirrored.eventually(lambda: _waiting(deployment) == len(_ENDINGS), "the loads, waiting for a lock", _TIMEOUT)
        executed_by = {number: _ended(command, number, _ENDINGS[number]) for number, command in commands.items()}
    for number, process in executed_by.items():
        [run] = instance.get_runs(filters=dg.RunsFilter(tags={EXECUTED_BY: process}))
        status = dg.DagsterRunStatus.FAILURE if number == signal.SIGKILL else dg.DagsterRunStatus.CANCELED
        _wait_for(instance, run.run_id, status)
        if number == signal.SIGKILL:
            failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
            assert "is gone" in str(failures[-1].dagster_event)
    report = json.loads(deployment.run("retail-pipeline", "load", str(path), "--json").splitlines()[-1])
    assert report["loaded"] == 7


def test_a_file_that_arrives_loads_beside_runs_that_were_killed(
    deployment: Deployment, instance: dg.DagsterInstance, make: Make
) -> None:
    killed = [
        instance.create_run_for_job(_abandoned, status=dg.DagsterRunStatus.STARTED, tags={EXECUTED_BY: "pid 1 on gone"})
        for _ in range(3)
    ]
    landed = make("at_once_landed.csv", 9_990_000, 2)
    deployment.settings.landing.mkdir(exist_ok=True)
    shutil.copyfile(landed, deployment.settings.landing / landed.name)
    try:

        def loaded() -> bool:
            with connect_dsn(deployment.settings.require("postgres_dsn")) as postgres, postgres.cursor() as cursor:
                cursor.execute("select count(*) from retail.files where name = %s and accepted", (landed.name,))
                return cursor.fetchone() == (1,)

        def all_ended() -> bool:
            states = [instance.get_run_by_id(run.run_id) for run in killed]
            return all(run is not None and run.is_failure for run in states)

        mirrored.eventually(loaded, "the landed file's load", _TIMEOUT)
        mirrored.eventually(all_ended, "the end of runs that nobody executes", _TIMEOUT)
    finally:
        (deployment.settings.landing / landed.name).unlink()
        # No later run makes them good, so `status` would tell of them for a day.
        for run in killed:
            instance.delete_run(run.run_id)


@dg.job
def _abandoned() -> None:
    """Do nothing."""


def _begun(deployment: Deployment, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["retail-pipeline", "load", str(path)],
        env=deployment.environment(),
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ended(command: subprocess.Popen[str], number: signal.Signals, code: int) -> str:
    """End a load by a signal while it waits for a lock, and return who its run says executes it."""
    command.send_signal(number)
    said = command.communicate(timeout=_TIMEOUT)[1]
    assert command.returncode == code, said
    assert "Traceback" not in said
    assert ("run the same command again to go on." in said.splitlines()[-1]) is (number != signal.SIGKILL)
    return f"pid {command.pid} on {socket.gethostname()}"


def _waiting(deployment: Deployment) -> int:
    """Return how many loads wait for an advisory lock."""
    with connect_dsn(deployment.settings.require("postgres_dsn")) as postgres, postgres.cursor() as cursor:
        cursor.execute("""
            select count(*) from pg_stat_activity where wait_event = 'advisory' and usename = 'retail_loader'
        """)
        ((count,),) = cursor.fetchall()
        return int(count)


def _wait_for(instance: dg.DagsterInstance, run_id: str, status: dg.DagsterRunStatus) -> None:
    def ended() -> bool:
        now = instance.get_run_by_id(run_id)
        return bool(now and now.status is status)

    mirrored.eventually(ended, f"{status} of the run whose process was ended", _TIMEOUT)
