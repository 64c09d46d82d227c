"""A file that is put into the landing folder of a deployment is loaded by its daemon."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import dagster as dg
import pytest

from retail_pipeline import landing
from retail_pipeline.landing.memory import NAME, State, recall
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.deployment.conftest import Deployment

_WITHIN = 300.0
_PUT = (b"day.csv.gz", b"empty.csv", b"caf\xe9.CSV")


@pytest.fixture(autouse=True)
def _cleared(deployment: Deployment, instance: dg.DagsterInstance) -> Iterator[None]:
    """Leave neither the files nor the runs that they made fail."""
    yield
    for put in _PUT:
        (deployment.settings.landing / os.fsdecode(put)).unlink(missing_ok=True)
    for run in instance.get_runs(filters=dg.RunsFilter(tags={"file": "empty.csv"})):
        instance.delete_run(run.run_id)


def test_a_file_of_any_case_and_bytes_is_loaded_once_and_the_others_are_named(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    settings = deployment.settings
    settings.landing.mkdir(exist_ok=True)
    compressed, empty, odd = (settings.landing / os.fsdecode(name) for name in _PUT)
    compressed.write_bytes(b"\x1f\x8b")
    empty.touch()
    # The same sales in other bytes: the file is another one, and the tables stay as the other tests know them.
    lines = deployment.csv.read_bytes()
    content = lines.replace(b"\r\n", b"\n") if b"\r\n" in lines else lines.replace(b"\n", b"\r\n")
    odd.write_bytes(content)

    def remembered() -> dict[bytes, State]:
        return {file.name: file.state for file in recall(settings.home / NAME)}

    expected = dict(zip(_PUT, (State.IGNORED, State.REFUSED, State.LOADED), strict=True))
    mirrored.eventually(lambda: expected.items() <= remembered().items(), "the file is loaded", timeout=_WITHIN)

    with connection.connect(settings, connection.READER) as session, session.cursor() as cursor:
        digest = hashlib.sha256(content).hexdigest()
        cursor.execute("select name, accepted from retail.files where sha256 = %s", (digest,))
        assert cursor.fetchall() == [(r"caf\xe9.CSV", True)]
    (run,) = instance.get_runs(filters=dg.RunsFilter(tags={"file": r"caf\xe9.CSV"}))
    assert run.status is dg.DagsterRunStatus.SUCCESS
    told = {one.name: (one.state, one.reason) for one in landing.standing(settings)}
    assert told["day.csv.gz"] == ("ignored", "it is compressed: unpack it here")
    assert told["empty.csv"][0] == "refused"
    assert "is empty" in told["empty.csv"][1]
