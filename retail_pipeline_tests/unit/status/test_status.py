"""What `status` says as a whole."""

from __future__ import annotations

import dataclasses

from retail_pipeline.status import Line, Status

WELL = Line("one", ok=True, state="runs", next_step="nothing")
ILL = Line("two", ok=False, state="dead", detail="why", next_step="start it")
_PARTS = [field.name for field in dataclasses.fields(Status)]


def test_all_is_well_only_when_every_part_is() -> None:
    well = Status(**dict.fromkeys(_PARTS, (WELL,)))

    assert well.healthy
    assert well.as_text().endswith("All is well.")
    for name in _PARTS:
        ill = dataclasses.replace(well, **{name: (WELL, ILL)})
        assert not ill.healthy
        assert "All is well" not in ill.as_text()
        assert ill.as_dict()["healthy"] is False


def test_a_problem_has_its_next_step_below_it_and_what_is_well_has_none() -> None:
    text = Status(**{name: (WELL, ILL) if name == "servers" else () for name in _PARTS}).as_text()

    assert "! two" in text
    assert text.count("Next:") == 1
    assert "Next: start it" in text
