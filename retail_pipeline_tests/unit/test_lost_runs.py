"""Which runs nobody executes any more, and which only look like it."""

from __future__ import annotations

import os
import socket
from dataclasses import replace

import pytest

from retail_pipeline.lifeline import Look, is_gone, this_process
from retail_pipeline.lost_runs import CANCELING, STARTED, STARTING, Run, judge, left_here

NOW = 10_000.0
RUN = Run("a1", "initial_load", STARTED, NOW - 600, "pid 7 on shop")
NOBODY = Look(frozenset(), 3_600.0)


def test_a_run_whose_lock_nobody_holds_at_two_looks_is_lost_and_the_reason_names_its_process() -> None:
    first = judge([RUN], NOBODY, NOW)
    second = judge([RUN], NOBODY, NOW + 15, first.cursor)

    assert not first.lost
    [(lost, why)] = second.lost
    assert lost == RUN
    assert "pid 7 on shop" in why
    assert "Run it again" in why


def test_a_run_that_is_asked_to_end_and_whose_process_is_gone_is_lost_too() -> None:
    asked = replace(RUN, status=CANCELING)
    first = judge([asked], NOBODY, NOW)

    assert [run for run, _ in judge([asked], NOBODY, NOW + 15, first.cursor).lost] == [asked]


def test_a_run_whose_lock_is_held_is_never_lost() -> None:
    cursor = judge([RUN], NOBODY, NOW).cursor

    assert not judge([RUN], Look(frozenset({"a1"}), 3_600.0), NOW + 15, cursor).lost


def test_a_lock_that_was_seen_in_between_starts_the_two_looks_over() -> None:
    cursor = judge([RUN], NOBODY, NOW).cursor
    cursor = judge([RUN], Look(frozenset({"a1"}), 3_600.0), NOW + 15, cursor).cursor

    assert not judge([RUN], NOBODY, NOW + 30, cursor).lost


def test_a_run_that_has_just_started_is_not_lost() -> None:
    young = replace(RUN, since=NOW - 10)
    cursor = judge([young], NOBODY, NOW).cursor

    assert not judge([young], NOBODY, NOW + 15, cursor).lost


def test_no_run_is_lost_by_a_restart_of_the_database_server() -> None:
    cursor = judge([RUN], NOBODY, NOW).cursor
    restarted = judge([RUN], Look(frozenset(), 5.0), NOW + 15, cursor)

    assert not restarted.lost
    assert not judge([RUN], Look(frozenset(), 31.0), NOW + 41, restarted.cursor).lost


@pytest.mark.parametrize("cursor", ["", "no json", "[]", '{"version": 0, "unheld": ["a1"]}', '{"version": 1}'])
def test_a_cursor_that_cannot_be_read_counts_as_a_first_look(cursor: str) -> None:
    assert not judge([RUN], NOBODY, NOW, cursor).lost


def test_a_run_that_an_earlier_code_server_was_to_start_is_lost_and_that_of_this_one_waits() -> None:
    starting = replace(RUN, status=STARTING, since=NOW - 190)

    assert [run for run, _ in judge([starting], NOBODY, NOW, server_since=NOW - 60).lost] == [starting]
    assert not judge([starting], NOBODY, NOW, server_since=NOW - 200).lost
    # A process that the earlier one left behind may start it yet.
    assert not judge([replace(starting, since=NOW - 170)], NOBODY, NOW, server_since=NOW - 40).lost


def test_after_a_crash_what_processes_of_this_host_left_is_lost_at_once() -> None:
    assert [run for run, _ in left_here([RUN], NOBODY, NOW, {"pid 7 on shop"})] == [RUN]
    assert not left_here([RUN], Look(frozenset({"a1"}), 5.0), NOW, {"pid 7 on shop"})
    assert not left_here([RUN], NOBODY, NOW, {"pid 8 on shop"})


def test_a_process_is_gone_where_it_was_of_this_host_and_has_ended() -> None:
    host = socket.gethostname()

    assert not is_gone(this_process())
    assert is_gone(f"pid 4194305 on {host}")  # above the largest number that Linux gives
    assert not is_gone("pid 4194305 on elsewhere")
    assert not is_gone("")
    assert str(os.getpid()) in this_process()
