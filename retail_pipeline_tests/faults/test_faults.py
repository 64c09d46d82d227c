"""After every fault PostgreSQL, MongoDB and the journal are equal, by the supervisor's and the sensors' hands alone."""

from __future__ import annotations

import pytest

from retail_pipeline_tests.faults import evidence, trial
from retail_pipeline_tests.faults.faults import FAULTS, Fault
from retail_pipeline_tests.faults.report import Trials
from retail_pipeline_tests.faults.testbed import Testbed

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_nothing_is_lost(sound: Testbed, trials: Trials, fault: Fault) -> None:
    sound.healing(on=True)
    with sound.at_risk():
        outcome = trial.healed(sound, fault)
        trials.healed[fault.name] = outcome
        print(f"{fault.name}: {outcome}")
        assert outcome.equal, outcome.seen
    assert outcome.was_resnapshotted == fault.needs_resnapshot
    assert outcome.told or not fault.is_ours, "nobody said what was found and done"
    assert outcome.healed_by != evidence.ITSELF or not fault.is_ours, "nobody was seen to heal"
    assert outcome.seconds <= trial.WITHIN
