"""Broken files: each is refused with a reason or loads without its broken row, and leaves nothing half done."""

from __future__ import annotations

from pathlib import Path

from retail_pipeline.errors import SourceError
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration.load import files
from retail_pipeline_tests.integration.load.corpus import CORPUS, Case, content


def _outcome(settings: Settings, path: Path) -> tuple[str, int, tuple[str, ...]]:
    """Load a file; return how it was refused, or how many rows loaded and the rules of the row that was set aside."""
    try:
        report = load_file(settings, path, accept=True)
    except SourceError as error:
        return error.message if error.next_step else "", 0, ()
    assert report.read == report.loaded + report.quarantined + report.duplicates
    rules = files.ask(
        settings,
        "select reason ->> 'rule' from retail.quarantine, jsonb_array_elements(reasons) as reason where file_id = %s",
        report.file_id,
    )
    return "", report.loaded, tuple(rule for (rule,) in rules)


def _is_as_expected(case: Case, outcome: tuple[str, int, tuple[str, ...]]) -> bool:
    refused, loaded, rules = outcome
    if case.refused:
        return files.matches(case.refused, refused)
    return (
        not refused
        and loaded == case.loaded
        and rules[: len(case.rules)] == case.rules
        and bool(rules) == bool(case.rules)
    )


def test_each_broken_file_has_its_expected_end(warehouse: Settings, tmp_path: Path) -> None:
    unexpected = {}
    for number, case in enumerate(CORPUS):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content(case, number))
        before = files.state(warehouse) if case.refused else ""
        outcome = _outcome(warehouse, path)
        if not _is_as_expected(case, outcome):
            unexpected[case.name] = outcome
        if case.refused and files.state(warehouse) != before:
            unexpected[case.name] = ("something was written", 0, ())

    assert unexpected == {}


def test_the_corpus_is_large_and_no_case_is_there_twice() -> None:
    names = {case.name for case in CORPUS}
    contents = {content(case, 1) for case in CORPUS}

    assert len(CORPUS) >= 40
    assert len(names) == len(contents) == len(CORPUS)
