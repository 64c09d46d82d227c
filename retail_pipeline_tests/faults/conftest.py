"""One deployment for all faults: made once, broken again and again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from retail_pipeline_tests.faults import jvm, report
from retail_pipeline_tests.faults.report import Trials
from retail_pipeline_tests.faults.restoring import restore
from retail_pipeline_tests.faults.testbed import Testbed

# Lines of sales in the file: of every two comes a sale, and each store stocks products besides.
LINES = 125_000
_KEPT = "faults/trials"


@pytest.fixture(scope="package", name="testbed")
def _testbed(request: pytest.FixtureRequest) -> Iterator[Testbed]:
    """Return the deployment; where a test failed, keep what the servers logged."""
    home = Path(tempfile.mkdtemp(prefix=f"retail-test-{os.getpid()}-"))
    home.chmod(0o755)
    testbed = Testbed(home)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(jvm.VARIABLE, jvm.TRACKING)
        is_up = False
        try:
            testbed.start(LINES)
            is_up = True
            yield testbed
        finally:
            try:
                if request.config.cache and (request.session.testsfailed or not is_up):
                    kept = request.config.cache.mkdir("fault-logs") / home.name
                    shutil.copytree(home / "logs", kept)
                    print(f"The servers' logs are in {kept}.")
            finally:
                testbed.down()
                shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session", name="trials")
def _trials(request: pytest.FixtureRequest) -> Iterator[Trials]:
    """Keep what came of every trial; where each fault was injected both ways, write it down.

    Trials of earlier sessions count until they are made again, so that one that was repaired can be injected alone.
    """
    cache = request.config.cache
    trials = Trials.of(cache.get(_KEPT, {})) if cache else Trials()
    yield trials
    if cache:
        cache.set(_KEPT, asdict(trials))
    if trials.complete:
        report.DOCUMENT.write_text(report.as_text(trials))


@pytest.fixture(name="sound")
def _sound(testbed: Testbed) -> Iterator[Testbed]:
    """Return the deployment with nothing wrong, and restore by hand what a trial left."""
    yield testbed
    testbed.writers.end(kill=True)  # also one that a failed test left
    if testbed.is_sound:
        return
    restored = restore(testbed)
    assert restored.equal, restored.sentence()
