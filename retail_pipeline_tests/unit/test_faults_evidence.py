"""Who healed is found in the lines that they log."""

from __future__ import annotations

import pytest

from retail_pipeline_tests.faults.evidence import ITSELF, RUN, SENSOR, SUPERVISOR, healed_by

_AT = "2026-11-28T16:26:04+00:00"
_BY_SENSOR = "2026-11-28 16:26:{} +0000 - dagster - WARNING - __repository__ - {}_sensor - healing: {}"
_BY_RUN = "2026-11-28 16:26:10 +0000 - dagster - INFO - {} - e4f96b32 - {} - healing, asked for by {}: {}"
_RESNAPSHOT = _BY_RUN.format("resynchronize", "resynchronize_stream", "{}", "{}")
_REPAIR = _BY_RUN.format("repair", "repair_collections", "{}", "{}")
_WROTE = "found: the slot is gone; wrote 23,679 documents in 10.8 s"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{_AT} connect restarted", SUPERVISOR),
        (f"{_AT} connect failed: Died 5 times in a row: remove the cause.", SUPERVISOR),
        (f"{_AT} healing: walmart-source: restarted what had failed", SUPERVISOR),
        (f"{_AT} healing: walmart-sink-inventory: registered as declared", SUPERVISOR),
        (f"{_AT} healing: {_WROTE}", SUPERVISOR),
        (f"{_AT} healing: inventory: 2 documents rewritten, 0 deleted. Equal: 9 rows.", SUPERVISOR),
        (f"{_AT} healing: inventory: 0 documents rewritten, 1 deleted. Equal: 9 rows.", SUPERVISOR),
        (_BY_SENSOR.format("05", "connector_health", "walmart-source: restarted, its slot taken from it"), SENSOR),
        (_RESNAPSHOT.format("connector_health_sensor", _WROTE), RUN),
        (_REPAIR.format("mongo_fidelity_sensor", "1,204 documents rewritten, 3 deleted. Equal: 9 rows."), RUN),
    ],
)
def test_a_remedy_that_was_applied_names_its_healer(line: str, expected: str) -> None:
    assert healed_by([line]) == expected


@pytest.mark.parametrize(
    "line",
    [
        f"{_AT} new: connector walmart-source failed (1 of 2 parts): it was restarted",
        f"{_AT} recovered: walmart-source",
        f"{_AT} connect died",
        f"{_AT} connect failed: it did not answer",
        f"{_AT} healing: walmart-source: not healed: Kafka Connect does not answer.",
        f"{_AT} healing: walmart-source: left to the run that is writing the collections",
        f"{_AT} healing: nothing to do: the stream can go on",
        f"{_AT} healing: inventory: 0 documents rewritten, 0 deleted. Equal: 9 rows.",
        f"{_AT} healing: inventory: its table is repaired once the stream is on time",
        _BY_SENSOR.format("05", "connector_health", "asks for resynchronize: the stream cannot go on"),
        _BY_SENSOR.format("05", "connector_health", "walmart-source: not healed: Kafka Connect does not answer."),
        _RESNAPSHOT.format("connector_health_sensor", "nothing to do: the stream can go on"),
        _REPAIR.format("mongo_fidelity_sensor", "0 documents rewritten, 0 deleted. Equal: 9 rows."),
        _REPAIR.format("repair_schedule", "5 documents rewritten, 0 deleted. Equal: 9 rows."),
        _REPAIR.format("a person", "5 documents rewritten, 0 deleted. Equal: 9 rows."),
    ],
)
def test_what_is_found_tried_in_vain_superfluous_or_of_a_person_heals_nothing(line: str) -> None:
    assert healed_by([line]) == ITSELF


def test_several_healers_are_named_once_each_in_their_order() -> None:
    restarted = "walmart-source: restarted what had failed"
    lines = [
        f"{_AT} healing: {restarted}",
        f"{_AT.replace(':04', ':20')} healing: {restarted}",
        _BY_SENSOR.format("03", "connector_health", restarted),
        _RESNAPSHOT.format("connector_health_sensor", _WROTE),
    ]

    assert healed_by(lines) == f"{SENSOR}, then {SUPERVISOR}, then {RUN}"
