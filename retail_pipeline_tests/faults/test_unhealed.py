"""Without its healer every fault stays broken, and the comparison sees it."""

from __future__ import annotations

import pytest

from retail_pipeline_tests.faults import trial
from retail_pipeline_tests.faults.faults import FAULTS, Fault
from retail_pipeline_tests.faults.report import Trials
from retail_pipeline_tests.faults.testbed import Testbed

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_it_stays_broken(sound: Testbed, trials: Trials, fault: Fault) -> None:
    sound.healing(on=False)
    sound.is_sound = False
    outcome = trial.unhealed(sound, fault)
    trials.unhealed[fault.name] = outcome
    print(f"{fault.name}: {outcome}")
    assert not outcome.equal
