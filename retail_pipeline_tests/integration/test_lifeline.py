"""A run's lock is held for as long as its process lives, whatever ends it, and a signal ends a statement at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid

import pytest

from retail_pipeline import lifeline
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline_tests.integration import mirrored

_HOLDER = """
import sys, time
from retail_pipeline import lifeline
with lifeline.hold(sys.argv[1], sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""
_SLEEPER = """
import sys
from retail_pipeline import interruption
from retail_pipeline.warehouse.connection import connect_dsn
try:
    with interruption.raising(), interruption.cancelling(), connect_dsn(sys.argv[1]) as session:
        with session.cursor() as cursor:
            print("asked", flush=True)
            cursor.execute("select pg_sleep(600)")
except interruption.Stopped as stopped:
    print(stopped, flush=True)
"""


@pytest.fixture(name="address")
def _address(postgres_settings: Settings) -> str:
    return postgres_settings.require("dagster_dsn")


def _is_held(address: str, run_id: str) -> bool:
    return run_id in lifeline.look(address, [run_id, "another"]).held


def test_the_lock_is_held_while_the_block_runs_and_by_nobody_else(address: str) -> None:
    run_id = str(uuid.uuid4())
    before = lifeline.look(address, [run_id]).held
    with lifeline.hold(address, run_id):
        during = lifeline.look(address, [run_id, str(uuid.uuid4())]).held

    assert (before, during) == (frozenset(), frozenset({run_id}))
    mirrored.eventually(lambda: not _is_held(address, run_id), "the lock's release")


def test_the_lock_of_a_process_that_is_killed_is_released(address: str) -> None:
    run_id = str(uuid.uuid4())
    with subprocess.Popen([sys.executable, "-c", _HOLDER, address, run_id], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        held = _is_held(address, run_id)
        holder.kill()

    assert held
    mirrored.eventually(lambda: not _is_held(address, run_id), "the lock's release")


def test_a_lock_that_was_lost_with_its_connection_is_taken_again(address: str, postgres_settings: Settings) -> None:
    run_id = str(uuid.uuid4())
    with lifeline.hold(address, run_id):
        with (
            connect_dsn(postgres_settings.require("postgres_dsn"), autocommit=True) as administrator,
            administrator.cursor() as cursor,
        ):
            cursor.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = %s",
                (f"run {run_id}",),
            )
            assert cursor.fetchall() == [(True,)]
        mirrored.eventually(lambda: _is_held(address, run_id), "the lock, taken again")


def test_a_run_goes_on_where_its_lock_cannot_be_had() -> None:
    with lifeline.hold("postgresql://nobody:none@127.0.0.1:1/none", str(uuid.uuid4())):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_process_that_waits_for_a_statement(number: int, postgres_settings: Settings) -> None:
    address = postgres_settings.require("postgres_dsn")
    with subprocess.Popen(
        [sys.executable, "-c", _SLEEPER, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as sleeper:
        assert sleeper.stdout is not None
        sleeper.stdout.readline()
        sleeper.send_signal(number)
        try:
            said, errors = sleeper.communicate(timeout=120)
        finally:
            sleeper.kill()

    assert "stopped " in said, errors
