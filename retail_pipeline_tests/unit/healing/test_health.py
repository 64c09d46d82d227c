"""What counts as a problem of the stream, and what remedies it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.healing import dead_letters, health
from retail_pipeline.healing.health import Observation, Problem, Remedy, Severity
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.mirror import continuity, write_lock
from retail_pipeline.mirror.continuity import SnapshotState
from retail_pipeline.replication import lag, slot
from retail_pipeline.replication.connectors import SOURCE
from retail_pipeline.replication.slot import SlotHealth
from retail_pipeline.settings import Settings

WANTED = {SOURCE: {"a": "1", "b": "2"}, "sink": {"c": "3"}}
GB = 2**30


def status(*states: str, trace: str = "") -> dict[str, Any]:
    connector, *tasks = states
    return {
        "connector": {"state": connector},
        "tasks": [{"state": state, **({"trace": trace} if state == "FAILED" else {})} for state in tasks],
    }


RUNS = status("RUNNING", "RUNNING")
HEALTHY = SlotHealth(
    active=True,
    wal_status="reserved",
    retained_bytes=GB // 10,
    safe_bytes=3 * GB,
    confirmed_lsn="0/1",
    invalidation_reason=None,
    inactive_since=None,
    beat_at=None,
    limit_bytes=4 * GB,
    ours=True,
)
WELL = Observation(
    snapshot=SnapshotState(continuity.COMPLETE, "", is_locked=False),
    connectors={name: (config, RUNS) for name, config in WANTED.items()},
    slot=HEALTHY,
    heartbeat_age=1.0,
    dead={},
    latest={},
)


def problems(**seen: Any) -> list[Problem]:
    return health.problems(replace(WELL, **seen), WANTED)


def one(**seen: Any) -> Problem:
    (found,) = problems(**seen)
    return found


def sink(state: dict[str, Any], **config: str) -> dict[str, Any]:
    return {SOURCE: (WANTED[SOURCE], RUNS), "sink": (WANTED["sink"] | config, state)}


def test_a_stream_that_is_well_has_no_problem() -> None:
    assert problems() == []


def test_a_failed_task_is_told_with_the_first_line_of_its_trace_and_restarted() -> None:
    trace = "ConnectException: MongoDB refused\n\tat a.B\n\tat c.D"
    found = one(connectors=sink(status("RUNNING", "RUNNING", "FAILED", trace=trace)))

    assert (found.remedy, found.target) == (Remedy.RESTART, "sink")
    assert found.sentence == "connector sink failed (1 of 3 parts): ConnectException: MongoDB refused"


def test_a_missing_connector_is_registered() -> None:
    found = one(connectors={SOURCE: (WANTED[SOURCE], RUNS)})

    assert (found.remedy, found.target) == (Remedy.REGISTER, "sink")


def test_a_drifted_connector_is_told_by_the_names_of_its_settings_and_registered() -> None:
    found = one(connectors=sink(RUNS, c="4", d="secret"))

    assert found.remedy is Remedy.REGISTER
    assert found.sentence == "connector sink is not configured as declared: c, d"


def test_a_sink_of_other_columns_is_left_to_who_changed_them() -> None:
    """A supervisor that was not restarted since the migration would take the new columns back, for ever."""
    found = one(connectors=sink(RUNS, **{"value.converter.schema.content": "{}", "c": "4"}))

    assert found.remedy is Remedy.PERSON
    assert "`retail-pipeline up`, then the job initial_load" in found.sentence


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED"])
def test_what_a_person_stopped_is_left_to_a_person(state: str) -> None:
    assert one(connectors=sink(status(state))).remedy is Remedy.PERSON


@pytest.mark.parametrize("state", [status("RUNNING"), status("RUNNING", "UNASSIGNED"), status("UNASSIGNED", "RUNNING")])
def test_what_is_on_its_way_is_waited_for(state: dict[str, Any]) -> None:
    assert one(connectors=sink(state)).remedy is Remedy.WAIT


def test_a_stream_that_cannot_go_on_needs_resnapshot() -> None:
    reason = "the slot is gone, and with it the changes since"
    found = problems(snapshot=SnapshotState(continuity.COMPLETE, reason, is_locked=False), slot=None)

    assert [(problem.subject, problem.remedy) for problem in found] == [
        ("initial snapshot", Remedy.RESYNCHRONIZE),
        ("slot", Remedy.WAIT),
    ]
    assert found[0].sentence == f"the stream cannot go on: {reason}"


def test_the_slot_is_asked_once_a_look_and_both_judge_the_same_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Settings] = []
    monkeypatch.setattr(slot, "health", asked.append)
    monkeypatch.setattr(continuity, "state", lambda _: {"state": continuity.COMPLETE})
    monkeypatch.setattr(write_lock, "is_held", lambda _: False)
    monkeypatch.setattr(lag, "heartbeat_age", lambda _: 1.0)
    monkeypatch.setattr(dead_letters, "waiting", lambda _: {})

    seen = health.observe(Settings.from_environment({"RETAIL_HOME": str(tmp_path)}))

    assert seen.slot is None
    assert seen.snapshot == SnapshotState(
        continuity.COMPLETE, "the slot is gone, and with it the changes since", is_locked=False
    )
    assert len(asked) == 1


def test_before_the_first_load_nothing_is_ill_and_nothing_begins_by_itself() -> None:
    never = SnapshotState(continuity.NONE, "never done on this MongoDB", is_locked=False)

    assert problems(snapshot=never, connectors={}, slot=None, heartbeat_age=None) == []


@pytest.mark.parametrize("gone", [{}, {"connectors": {}}, {"slot": None}], ids=["nothing", "connectors", "slot"])
def test_a_stream_of_which_mongodb_has_lost_the_state_needs_a_resnapshot(gone: dict[str, Any]) -> None:
    found = problems(snapshot=SnapshotState(continuity.NONE, "never done on this MongoDB", is_locked=False), **gone)

    assert (found[0].subject, found[0].remedy) == ("initial snapshot", Remedy.RESYNCHRONIZE)


def test_while_a_run_writes_the_collections_only_that_is_told() -> None:
    found = one(snapshot=SnapshotState(continuity.LOADING, "interrupted", is_locked=True), connectors={}, slot=None)

    assert (found.remedy, found.severity) == (Remedy.WAIT, Severity.WARNING)


def test_a_run_that_writes_beside_the_stream_hides_nothing() -> None:
    beside = SnapshotState(continuity.COMPLETE, "", is_locked=True)

    assert problems(snapshot=beside) == []
    assert one(snapshot=beside, connectors=sink(status("RUNNING", "FAILED", trace="it"))).remedy is Remedy.RESTART


def test_a_server_that_does_not_answer_is_told_once() -> None:
    silent = Unreachable("MongoDB at x does not answer.")
    found = problems(snapshot=silent, dead=silent)

    assert [(problem.sentence, problem.remedy) for problem in found] == [("MongoDB at x does not answer.", Remedy.WAIT)]


@pytest.mark.parametrize(
    ("retained", "wal_status", "severity"),
    [
        (0.5, "reserved", Severity.WARNING),
        (0.79, "extended", Severity.WARNING),
        (0.81, "extended", Severity.ERROR),
        (0.1, "unreserved", Severity.ERROR),
    ],
)
def test_retained_wal_alarms_before_the_slot_is_lost(retained: float, wal_status: str, severity: Severity) -> None:
    found = one(slot=replace(HEALTHY, retained_bytes=int(retained * 4 * GB), wal_status=wal_status))

    assert (found.subject, found.severity) == ("WAL", severity)


def test_a_server_without_a_limit_on_wal_is_told_for_its_disk() -> None:
    assert one(slot=replace(HEALTHY, limit_bytes=None)).remedy is Remedy.PERSON


def test_a_slot_that_nobody_reads_is_told() -> None:
    assert one(slot=replace(HEALTHY, active=False)).subject == "slot reader"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"wal_status": "lost", "invalidation_reason": "wal_removed"}, "is lost (wal_removed)"),
        ({"ours": False}, "is another one, re-created by somebody"),
    ],
)
def test_a_slot_that_cannot_be_used_says_why(changed: dict[str, Any], words: str) -> None:
    assert words in one(slot=replace(HEALTHY, **changed)).sentence


def test_a_source_that_says_it_runs_and_sends_no_heartbeat_is_restarted_as_a_whole() -> None:
    found = one(heartbeat_age=health.HEARTBEAT_TIMEOUT)

    assert (found.remedy, found.target) == (Remedy.RESTART_WHOLE, SOURCE)


def test_a_heartbeat_that_is_missing_with_its_connector_is_no_second_illness() -> None:
    seen = {SOURCE: (WANTED[SOURCE], status("RUNNING", "FAILED")), "sink": (WANTED["sink"], RUNS)}
    found = problems(heartbeat_age=100.0, connectors=seen)

    assert [problem.remedy for problem in found] == [Remedy.RESTART, Remedy.WAIT]


def test_dead_letters_are_told_with_the_latest_and_their_table_is_repaired() -> None:
    found = one(dead={"inventory": 3}, latest={"inventory": "t partition 1 offset 7: bad"})

    assert (found.remedy, found.target) == (Remedy.REPAIR, "inventory")
    assert "3 records of inventory" in found.sentence
    assert "t partition 1 offset 7: bad" in found.sentence


def test_what_an_operator_reads_holds_the_trace_and_no_configuration() -> None:
    seen = replace(WELL, connectors=sink(status("RUNNING", "FAILED", trace="why")))
    told = health.as_json(seen)

    assert told["connectors"]["sink"] == {"state": "RUNNING", "tasks": ["FAILED"], "trace": "why"}
    assert told["slot"]["retained_bytes"] == GB // 10


def test_what_was_known_may_be_so_still_where_not_all_is_seen_but_for_an_unreachable_source() -> None:
    known = ["connector sink", health.SILENT_SOURCE]
    silent = replace(WELL, slot=Unreachable("PostgreSQL does not answer"))
    moving = replace(WELL, snapshot=SnapshotState(continuity.LOADING, "", is_locked=True))

    assert WELL.hidden(known) == set()
    assert silent.hidden(known) == moving.hidden(known) == {"connector sink"}


def test_what_was_seen_is_told_as_numbers_and_what_nobody_could_tell_is_left_out() -> None:
    failed = {**WELL.connectors, "sink": (WANTED["sink"], status("RUNNING", "FAILED", "RUNNING"))}  # type: ignore[dict-item]
    seen = replace(WELL, connectors=failed, dead={"inventory": 2, "transactions": 3})

    assert health.figures(seen) == {
        "failed_tasks": 1,
        "running_tasks": health.figures(WELL)["running_tasks"],
        "retained_wal_megabytes": round(HEALTHY.retained_bytes / 1_048_576, 1),
        "retained_wal_percent_of_limit": round(100 * HEALTHY.share, 2),
        "dead_letters": 5,
        "heartbeat_age_seconds": 1.0,
    }
    away = Unreachable("Kafka does not answer")
    assert health.figures(replace(seen, slot=away, dead=away, heartbeat_age=away, connectors=away)) == {}
