"""The one step of all who heal: what is applied, what is left to the caller, what waits, and what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from retail_pipeline.errors import ReplicationError
from retail_pipeline.healing import reconcile, remedies
from retail_pipeline.healing.health import Observation, Problem, Remedy
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.healing.reconcile import WAITS, Step
from retail_pipeline.healing.remedies import CONNECTORS, RetryState
from retail_pipeline.mirror import continuity
from retail_pipeline.mirror.continuity import SnapshotState
from retail_pipeline.replication import progress
from retail_pipeline.settings import Settings

SETTINGS = Settings.from_environment({})
WELL = Observation(SnapshotState(continuity.COMPLETE, "", is_locked=False), {}, None, 1.0, {}, {})
LOCKED = replace(WELL, snapshot=SnapshotState(continuity.COMPLETE, "", is_locked=True))
BLIND = replace(WELL, slot=Unreachable("PostgreSQL does not answer"))
FAILED = Problem("sink", "connector sink failed", Remedy.RESTART, "sink")
MISSING = Problem("source", "connector source is not registered", Remedy.REGISTER, "source")
PAUSED = Problem("other", "connector other is paused", Remedy.PERSON, "other")
LOST = Problem("initial snapshot", "the stream cannot go on", Remedy.RESYNCHRONIZE)
LETTERS = Problem("dead letters of inventory", "3 records", Remedy.REPAIR, "inventory")


@pytest.fixture(autouse=True)
def _servers(monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(_: Settings, due: Sequence[Problem]) -> dict[str, str]:
        return {one.subject: f"{one.subject}: restarted" for one in due}

    monkeypatch.setattr(remedies, "apply", apply)
    monkeypatch.setattr(progress, "late_tables", lambda _: ["transactions"])


def step(
    *found: Problem,
    seen: Observation | None = WELL,
    settings: Settings = SETTINGS,
    tries: RetryState | None = None,
    now: float = 0,
) -> Step:
    return reconcile.reconcile(settings, seen, found, tries or RetryState(), now=now, since={})


def test_what_kafka_connect_can_do_is_done_and_what_writes_collections_is_left_to_the_caller() -> None:
    made = step(FAILED, PAUSED, LETTERS)

    assert made.done == {"sink": "sink: restarted"}
    assert made.runs == [LETTERS]
    assert made.waiting == {}
    assert made.states == {
        "sink": f"tried 1 times, again in {CONNECTORS.initial:.0f} s",
        "other": Remedy.PERSON.value,
        LETTERS.subject: "tried 1 times, again in 60 s",
    }


def test_a_step_is_not_made_twice_before_its_pause_is_over() -> None:
    first = step(FAILED, LETTERS)
    second = step(FAILED, LETTERS, tries=first.tries, now=CONNECTORS.initial - 1)
    third = step(FAILED, LETTERS, tries=second.tries, now=CONNECTORS.initial)

    assert (second.done, second.runs) == ({}, [])
    assert (list(third.done), third.runs) == (["sink"], [])
    assert third.tries == first.tries.tried([FAILED], CONNECTORS.initial)


def test_a_resnapshot_is_left_to_the_caller_alone() -> None:
    made = step(LOST, FAILED, MISSING, LETTERS)

    assert made.done == {}
    assert made.runs == [LOST]
    assert made.states["sink"] == Remedy.RESTART.value


@pytest.mark.parametrize("seen", [WELL, BLIND, None], ids=["all answer", "one does not", "the caller saw"])
def test_with_healing_off_nothing_is_applied_and_that_is_no_try(seen: Observation | None) -> None:
    made = step(FAILED, LOST, PAUSED, seen=seen, settings=replace(SETTINGS, heal=False))

    assert (made.done, made.runs, made.waiting, made.tries) == ({}, [], {}, RetryState())
    assert made.states == {
        "sink": "not healed: RETAIL_HEAL=0",
        "initial snapshot": "not healed: RETAIL_HEAL=0",
        "other": Remedy.PERSON.value,
    }


def test_while_a_server_does_not_answer_nothing_is_applied_and_that_is_no_try() -> None:
    made = step(FAILED, LOST, seen=BLIND)

    assert (made.done, made.runs, made.waiting, made.tries) == ({}, [], {}, RetryState())
    assert set(made.states.values()) == {"waits until every server answers"}


def test_what_writes_collections_or_registers_waits_for_who_writes_them_and_that_is_no_try() -> None:
    made = step(MISSING, FAILED, LETTERS, seen=LOCKED)

    assert made.done.keys() == {"sink"}
    assert made.runs == []
    assert made.waiting == {MISSING.subject: WAITS[Remedy.REGISTER], LETTERS.subject: WAITS[Remedy.REPAIR]}
    assert made.states.items() >= made.waiting.items()
    assert made.tries == RetryState().tried([FAILED], 0)
    assert step(MISSING, FAILED, LETTERS).done.keys() == {"source", "sink"}


@pytest.mark.parametrize("known", [True, False])
def test_a_repair_waits_for_its_own_table_alone_and_while_nobody_can_tell(
    monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    def late(_: Settings) -> list[str]:
        if not known:
            raise ReplicationError("Kafka does not answer.")
        return ["inventory"]

    of_transactions = replace(LETTERS, subject="dead letters of transactions", target="transactions")
    monkeypatch.setattr(progress, "late_tables", late)
    made = step(LETTERS, of_transactions)

    assert made.runs == ([of_transactions] if known else [])
    assert LETTERS.subject in made.waiting


def test_a_caller_that_looked_itself_is_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "late_tables", lambda _: pytest.fail("nobody has to be asked"))

    assert step(LETTERS, seen=None).runs == [LETTERS]
