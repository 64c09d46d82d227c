"""The report of the faults tells of every one, and of what did not end well."""

from __future__ import annotations

from dataclasses import asdict

from retail_pipeline_tests.faults import evidence, report
from retail_pipeline_tests.faults.faults import FAULTS
from retail_pipeline_tests.faults.report import Trials
from retail_pipeline_tests.faults.trial import Outcome

_WELL = Outcome(
    equal=True, seconds=7.2, rows=210_000, changes=321, seen="nothing differs", healed_by=evidence.SUPERVISOR
)
_ILL = Outcome(
    equal=False, seconds=30, rows=210_000, changes=321, seen="the slot is gone; 2 rows without a document: a | b"
)


def test_a_report_is_complete_with_every_fault_injected_both_ways() -> None:
    trials = Trials()
    for fault in FAULTS:
        assert not trials.complete
        trials.healed[fault.name] = _WELL
        trials.unhealed[fault.name] = _ILL
    assert trials.complete
    assert Trials.of(asdict(trials)) == trials
    text = report.as_text(trials)
    assert report.declared() == report.written(text)
    assert "| supervisor | goes on | 7 s | 210,000 | 321 |" in text
    assert "late" not in text


def test_the_document_tells_of_the_faults_that_are_declared() -> None:
    assert report.declared() == report.written(report.DOCUMENT.read_text())


def test_a_trial_of_before_healers_were_looked_for_leaves_its_cell_empty() -> None:
    kept = asdict(Trials({fault.name: _WELL for fault in FAULTS}, {fault.name: _ILL for fault in FAULTS}))
    for outcome in kept["healed"].values():
        del outcome["healed_by"]
    text = report.as_text(Trials.of(kept))

    assert report.declared() == report.written(text)
    assert text.count("|  | goes on | 7 s |") == len(FAULTS)


def test_what_did_not_end_well_is_told() -> None:
    trials = Trials({fault.name: _ILL for fault in FAULTS}, {fault.name: _WELL for fault in FAULTS})
    text = report.as_text(trials)
    assert text.count("**not equal** 30 s") == len(FAULTS)
    assert text.count("**equal all the same**") == len(FAULTS)


def test_names_are_unique() -> None:
    names = [fault.id for fault in FAULTS]
    assert len(names) == len(set(names))
