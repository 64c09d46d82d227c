"""What the supervisor does about the stream, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import pytest
from pymongo.errors import OperationFailure

from retail_pipeline.errors import ReplicationError
from retail_pipeline.healing import dead_letters, health, reconcile, remedies
from retail_pipeline.healing.healer import Healer
from retail_pipeline.healing.health import Observation, Problem, Remedy, Severity
from retail_pipeline.healing.probes import Unreachable
from retail_pipeline.mirror import continuity, initial_snapshot, repair
from retail_pipeline.mirror.fidelity import FidelityReport
from retail_pipeline.mirror.initial_snapshot import SnapshotReport
from retail_pipeline.mirror.repair import RepairReport
from retail_pipeline.replication import connectors, progress
from retail_pipeline.settings import Settings

FAILED = Problem("sink", "connector sink failed", Remedy.RESTART, "sink")
UNREADABLE = Problem("dead letters of inventory", "2 records could not be written", Remedy.REPAIR, "inventory")
LOST = Problem("initial snapshot", "the stream cannot go on", Remedy.RESYNCHRONIZE)
APPLY = remedies.apply


@dataclass
class Stream:
    """A stream with the problems that the test gives it, and what was done about them."""

    problems: list[Problem] = field(default_factory=list)
    silent: bool = False
    refuses: bool = False
    late: bool = False
    is_locked: bool = False
    applied: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def observe(self, _: Settings) -> Observation:
        """Return an observation that is silent or not."""
        unreachable = Unreachable("MongoDB does not answer.")
        taken = continuity.SnapshotState("complete", "", is_locked=self.is_locked)
        return Observation(unreachable if self.silent else taken, {}, None, 1, {}, {})

    def apply(self, _: Settings, due: list[Problem]) -> dict[str, str]:
        """Note whose remedy was applied."""
        self.applied += [problem.subject for problem in due]
        return {problem.subject: f"{problem.subject}: restarted" for problem in due}

    def take(self, *_: Any, **__: Any) -> SnapshotReport:
        """Note that the collections were filled."""
        if self.refuses:
            raise ReplicationError("The slot could not be made.")
        self.applied.append("load")
        return SnapshotReport(loaded=True, reason="the slot is gone", lsn="0/1", rows={"inventory": 1200}, seconds=2.0)

    def repair(self, *_: Any, **__: Any) -> RepairReport:
        """Note that a table was repaired."""
        self.applied.append("repair")
        return RepairReport({"inventory": 2}, {}, FidelityReport((), 0.0))


@pytest.fixture(name="stream")
def _stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()
    monkeypatch.setattr(health, "observe", stream.observe)
    monkeypatch.setattr(health, "problems", lambda *_: list(stream.problems))
    monkeypatch.setattr(connectors, "configurations", lambda _: {})
    monkeypatch.setattr(remedies, "apply", stream.apply)
    monkeypatch.setattr(initial_snapshot, "take", stream.take)
    monkeypatch.setattr(repair, "repair", stream.repair)
    monkeypatch.setattr(progress, "late_tables", lambda _: ["inventory"] if stream.late else ["transactions"])
    monkeypatch.setattr(dead_letters, "ends", lambda _: {"inventory": dead_letters.End("a", 2)})
    monkeypatch.setattr(dead_letters, "acknowledge", lambda *_: stream.applied.append("acknowledge"))
    return stream


@pytest.fixture(name="healer")
def _healer(stream: Stream) -> Healer:
    return Healer(Settings.from_environment({}), stream.said.append)


def test_a_problem_is_told_and_its_remedy_applied_once_until_its_pause_is_over(stream: Stream, healer: Healer) -> None:
    stream.problems = [FAILED]
    healer.look()
    healer.look()
    stream.problems = []
    healer.look()

    assert stream.applied == ["sink"]
    assert stream.said == ["new: connector sink failed", "healing: sink: restarted", "recovered: sink"]


def test_what_becomes_an_error_is_told_again(stream: Stream, healer: Healer) -> None:
    warned = Problem("WAL", "half of the limit", Remedy.WAIT, severity=Severity.WARNING)
    for problem in (warned, warned, replace(warned, sentence="nearly all", severity=Severity.ERROR), warned):
        stream.problems = [problem]
        healer.look()

    assert stream.said == ["new: half of the limit", "worse: nearly all"]


def test_a_lost_stream_needs_resnapshot_in_this_process(stream: Stream, healer: Healer) -> None:
    stream.problems = [LOST, FAILED]
    healer.look()

    assert stream.applied == ["load"]
    assert stream.said[-1] == "healing: found: the slot is gone; wrote 1,200 documents in 2.0 s"


def test_what_could_not_be_healed_is_told_and_tried_again_later(stream: Stream, healer: Healer) -> None:
    stream.problems, stream.refuses = [LOST], True
    healer.look()

    assert stream.said[-1] == "healing: initial snapshot: not healed: The slot could not be made."


def test_what_fails_in_a_new_way_is_told_and_has_its_pauses_too(
    stream: Stream, healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> SnapshotReport:
        stream.applied.append("load")
        message = "No space left on device"
        raise OperationFailure(message)

    monkeypatch.setattr(initial_snapshot, "take", full)
    stream.problems = [LOST]
    healer.look()
    healer.look()

    assert stream.applied == ["load"]
    assert stream.said[-1] == "healing: initial snapshot: not healed: OperationFailure: No space left on device"


def test_a_mistake_of_ours_is_not_made_again_at_once(
    stream: Stream, healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial_snapshot, "take", lambda *_, **__: 1 / 0)
    stream.problems = [LOST]
    with pytest.raises(ZeroDivisionError):
        healer.look()

    healer.look()


def test_a_mistake_of_ours_in_a_remedy_is_told_and_has_its_pauses_too(
    stream: Stream, healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(_: Settings, problem: Problem) -> NoReturn:
        stream.applied.append(problem.subject)
        raise KeyError(problem.subject)

    monkeypatch.setattr(remedies, "apply", APPLY)
    monkeypatch.setattr(remedies, "_apply", mistaken)
    stream.problems = [FAILED, replace(FAILED, subject="source")]
    healer.look()
    healer.look()

    assert stream.applied == ["sink", "source"]
    assert stream.said[-2:] == [
        "healing: sink: not healed: KeyError: 'sink'",
        "healing: source: not healed: KeyError: 'source'",
    ]


def test_what_cannot_be_seen_has_not_recovered(stream: Stream, healer: Healer) -> None:
    stream.problems = [LOST]
    healer.look()
    stream.problems, stream.silent = [], True
    healer.look()
    assert not any("recovered" in line for line in stream.said)

    stream.silent = False
    healer.look()
    assert stream.said[-1] == "recovered: initial snapshot"


def test_while_a_server_does_not_answer_no_remedy_is_applied(stream: Stream, healer: Healer) -> None:
    stream.problems, stream.silent = [FAILED, LOST], True
    healer.look()

    assert stream.applied == []


@pytest.mark.parametrize("wait_for", ["late", "is_locked"])
def test_a_repair_waits_for_a_late_stream_and_for_who_writes_collections(
    stream: Stream, healer: Healer, wait_for: str
) -> None:
    stream.problems = [UNREADABLE, FAILED]
    setattr(stream, wait_for, True)
    healer.look()
    healer.look()
    assert stream.applied == ["sink"]
    assert stream.said.count(f"healing: {UNREADABLE.subject}: {reconcile.WAITS[Remedy.REPAIR]}") == 1

    setattr(stream, wait_for, False)
    healer.look()
    assert stream.applied == ["sink", "repair", "acknowledge"]
