"""What the supervisor does about the stream, without a server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from retail_pipeline.errors import ReplicationError
from retail_pipeline.healing import cures, dead_letters, health
from retail_pipeline.healing.healer import Healer
from retail_pipeline.healing.health import Cure, Observation, Trouble
from retail_pipeline.healing.probes import Silence
from retail_pipeline.mirror import initial, repair
from retail_pipeline.mirror.fidelity import FidelityReport
from retail_pipeline.mirror.initial import LoadReport
from retail_pipeline.mirror.repair import RepairReport
from retail_pipeline.replication import connectors, progress
from retail_pipeline.settings import Settings

FAILED = Trouble("sink", "connector sink failed", Cure.RESTART, "sink")
UNREADABLE = Trouble("dead letters of inventory", "2 records could not be written", Cure.REPAIR, "inventory")
LOST = Trouble("hand-over", "the stream cannot go on", Cure.RESYNCHRONIZE)


@dataclass
class Stream:
    """A stream with the troubles that the test gives it, and what was done about them."""

    troubles: list[Trouble] = field(default_factory=list)
    silent: bool = False
    refuses: bool = False
    late: bool = False
    busy: bool = False
    treated: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def observe(self, _: Settings) -> Observation:
        """Give an observation that is silent or not."""
        silence = Silence("MongoDB does not answer.")
        hand_over = initial.HandOver("complete", "", busy=self.busy)
        return Observation(silence if self.silent else hand_over, {}, None, 1, {}, {})

    def treat(self, _: Settings, due: list[Trouble]) -> dict[str, str]:
        """Note which connectors were treated."""
        self.treated += [trouble.subject for trouble in due]
        return {trouble.subject: f"{trouble.subject}: restarted" for trouble in due}

    def load(self, *_: Any, **__: Any) -> LoadReport:
        """Note that the collections were filled."""
        if self.refuses:
            raise ReplicationError("The slot could not be made.")
        self.treated.append("load")
        return LoadReport(loaded=True, reason="the slot is gone", lsn="0/1", rows={"inventory": 1200}, seconds=2.0)

    def repair(self, *_: Any, **__: Any) -> RepairReport:
        """Note that a table was mended."""
        self.treated.append("repair")
        return RepairReport({"inventory": 2}, {}, FidelityReport((), 0.0))


@pytest.fixture(name="stream")
def _stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    stream = Stream()
    monkeypatch.setattr(health, "observe", stream.observe)
    monkeypatch.setattr(health, "troubles", lambda *_: list(stream.troubles))
    monkeypatch.setattr(connectors, "configurations", lambda _: {})
    monkeypatch.setattr(cures, "treat", stream.treat)
    monkeypatch.setattr(initial, "load", stream.load)
    monkeypatch.setattr(repair, "repair", stream.repair)
    monkeypatch.setattr(progress, "late", lambda _: ["inventory"] if stream.late else ["transactions"])
    monkeypatch.setattr(dead_letters, "ends", lambda _: {"inventory": dead_letters.End("a", 2)})
    monkeypatch.setattr(dead_letters, "settle", lambda *_: stream.treated.append("settle"))
    return stream


@pytest.fixture(name="healer")
def _healer(stream: Stream) -> Healer:
    return Healer(Settings.from_environment({}), stream.said.append)


def test_a_trouble_is_told_once_and_treated_once_until_its_pause_is_over(stream: Stream, healer: Healer) -> None:
    stream.troubles = [FAILED]
    healer.look()
    healer.look()
    stream.troubles = []
    healer.look()

    assert stream.treated == ["sink"]
    assert stream.said == ["new: connector sink failed", "healing: sink: restarted", "recovered: sink"]


def test_what_becomes_grave_is_told_again(stream: Stream, healer: Healer) -> None:
    warned = Trouble("WAL", "half of the limit", Cure.WAIT, grave=False)
    for trouble in (warned, warned, replace(warned, sentence="nearly all", grave=True), warned):
        stream.troubles = [trouble]
        healer.look()

    assert stream.said == ["new: half of the limit", "worse: nearly all"]


def test_a_lost_stream_begins_anew_in_this_process(stream: Stream, healer: Healer) -> None:
    stream.troubles = [LOST, FAILED]
    healer.look()

    assert stream.treated == ["load"]
    assert stream.said[-1] == "healing: found: the slot is gone; wrote 1,200 documents in 2.0 s"


def test_what_could_not_be_healed_is_told_and_tried_again_later(stream: Stream, healer: Healer) -> None:
    stream.troubles, stream.refuses = [LOST], True
    healer.look()

    assert stream.said[-1] == "healing: hand-over: not healed: The slot could not be made."


def test_what_fails_in_a_new_way_is_told_and_has_its_pauses_too(
    stream: Stream, healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> LoadReport:
        stream.treated.append("load")
        message = "No space left on device"
        raise OperationFailure(message)

    monkeypatch.setattr(initial, "load", full)
    stream.troubles = [LOST]
    healer.look()
    healer.look()

    assert stream.treated == ["load"]
    assert stream.said[-1] == "healing: hand-over: not healed: OperationFailure: No space left on device"


def test_a_mistake_of_ours_is_not_made_again_at_once(
    stream: Stream, healer: Healer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(initial, "load", lambda *_, **__: 1 / 0)
    stream.troubles = [LOST]
    with pytest.raises(ZeroDivisionError):
        healer.look()

    healer.look()


def test_what_cannot_be_seen_has_not_recovered(stream: Stream, healer: Healer) -> None:
    stream.troubles = [LOST]
    healer.look()
    stream.troubles, stream.silent = [], True
    healer.look()
    assert not any("recovered" in line for line in stream.said)

    stream.silent = False
    healer.look()
    assert stream.said[-1] == "recovered: hand-over"


def test_while_a_server_does_not_answer_nothing_is_treated(stream: Stream, healer: Healer) -> None:
    stream.troubles, stream.silent = [FAILED, LOST], True
    healer.look()

    assert stream.treated == []


@pytest.mark.parametrize("wait_for", ["late", "busy"])
def test_a_repair_waits_for_a_late_stream_and_for_who_writes_collections(
    stream: Stream, healer: Healer, wait_for: str
) -> None:
    stream.troubles = [UNREADABLE, FAILED]
    setattr(stream, wait_for, True)
    healer.look()
    healer.look()
    assert stream.treated == ["sink"]
    assert stream.said.count(f"healing: {UNREADABLE.subject}: {cures.WAITS[Cure.REPAIR]}") == 1

    setattr(stream, wait_for, False)
    healer.look()
    assert stream.treated == ["sink", "repair", "settle"]
