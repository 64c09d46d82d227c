"""What does an operator do about what a trial left? Every server back, the stream restored, and seen to flow."""

from __future__ import annotations

import time
from dataclasses import replace

from retail_pipeline import stack
from retail_pipeline.errors import RetailError
from retail_pipeline.mirror import initial_snapshot, repair
from retail_pipeline.tables import RED
from retail_pipeline_tests.faults.comparison import Comparison
from retail_pipeline_tests.faults.testbed import SERVERS, Testbed

_CHANGES = 20
# A sink's group shares its partitions out again within some seconds; one that waits for a dead member that a trial
# let it keep for two minutes does so only then.
_SOON, _AT_LAST = 20.0, 150.0
_PAUSE = 0.5


def restore(testbed: Testbed) -> Comparison:
    """Bring everything back by the operator's commands, and compare; healing is off afterwards.

    What a repair made equal may stand all the same: a task that waits without end for an answer keeps its group from
    sharing the partitions out, and ends with its worker. So changes are made, and have to arrive.
    """
    if testbed.heals:
        testbed.heals = None
    for name in SERVERS:
        testbed.resume(name)
    stack.up(replace(testbed.bare, heal=False, supervise=False), print)
    testbed.resolve_unknown()
    try:
        found = _restored(testbed, _SOON)
    except RetailError as error:
        found = None
        print(error.message)
    if found is None or not found.equal:
        print("Kafka Connect is restarted by hand.")
        testbed.kill("connect")
        testbed.server("connect").up()
        found = _restored(testbed, _AT_LAST)
    testbed.is_sound = found.equal
    return found


def _restored(testbed: Testbed, seconds: float) -> Comparison:
    """Restore the stream, make changes, and compare until they are there, or for so many seconds."""
    initial_snapshot.take(testbed.settings, print)
    repair.repair(testbed.settings, RED, report=print)
    testbed.begin_writer()
    testbed.more_changes(_CHANGES)
    testbed.writers.end()
    expected = testbed.expected()
    until = time.monotonic() + seconds
    while not (found := testbed.compare(*expected)).equal and time.monotonic() < until:
        time.sleep(_PAUSE)
    return found
