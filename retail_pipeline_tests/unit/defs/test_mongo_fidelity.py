"""When a difference between MongoDB and PostgreSQL is repaired."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg
import pytest

from retail_pipeline.defs import keys
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.sensors import mongo_fidelity
from retail_pipeline.defs.sensors.mongo_fidelity import mongo_fidelity_sensor
from retail_pipeline.errors import CouldNotTellError, ReplicationError
from retail_pipeline.mirror import fidelity
from retail_pipeline.mirror.fidelity import FidelityReport, TableReport
from retail_pipeline.replication import progress
from retail_pipeline.replication.backlog import Backlog


@dataclass
class Watch:
    """The sensor over a mirror whose comparison and clock the test sets."""

    differing: Sequence[str] = ()
    silent: bool = False
    late: bool = False
    unknown: bool = False
    backlog: Backlog | None = None
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    now: float = field(default_factory=time.time)
    cursor: str | None = None
    said: list[str] = field(default_factory=list)

    def sample(self, *_: object, **__: object) -> FidelityReport:
        """Return the comparison."""
        if self.silent:
            raise CouldNotTellError("The comparison could not be made. MongoDB does not answer.")
        names = ("transactions", "inventory", "suppliers")
        return FidelityReport(tuple(TableReport(name, 9, 9, different=name in self.differing) for name in names), 0.0)

    def lacks(self) -> list[str]:
        """Name the tables that are late."""
        if self.unknown:
            raise ReplicationError("Kafka does not answer.")
        return ["inventory"] if self.late or self.backlog else []

    def tick(self, seconds: float = 30.0) -> list[dg.RunRequest]:
        """Evaluate the sensor so much later; return the runs that it asks for."""
        self.now += seconds
        nowhere = Platform(postgres_dsn="", mongo_uri="", kafka_bootstrap="", connect_url="")
        context = dg.build_sensor_context(self.instance, self.cursor, resources={"platform": nowhere})
        result = mongo_fidelity_sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        self.said.append(str(result.skip_reason))
        return list(result.run_requests or [])


@pytest.fixture(name="watch")
def _watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(fidelity, "sample", watch.sample)
    monkeypatch.setattr(mongo_fidelity, "pending", lambda _: watch.backlog)
    monkeypatch.setattr(progress, "late_tables", lambda _: watch.lacks())
    monkeypatch.setattr(time, "time", lambda: watch.now)
    return watch


def test_a_difference_is_repaired_when_it_is_still_there_at_the_next_tick(watch: Watch) -> None:
    watch.differing = ["inventory"]
    assert watch.tick() == []

    (request,) = watch.tick()

    assert request.run_config == {"ops": {"repair_collections": {"config": {"tables": ["inventory"]}}}}
    assert "inventory: of 9 rows" in request.tags["found"]


def test_one_run_is_asked_for_at_a_time_and_then_after_longer_pauses(watch: Watch) -> None:
    watch.differing = ["inventory"]
    watch.tick()
    asked = [index for index in range(40) if watch.tick()]

    assert asked == [0, 2, 6, 14, 30]


def test_a_difference_that_went_is_not_repaired(watch: Watch) -> None:
    watch.differing = ["inventory"]
    watch.tick()
    watch.differing = ["transactions"]

    assert watch.tick() == []


def test_with_healing_off_nothing_is_repaired(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_HEAL", "0")
    watch.differing = ["inventory"]

    assert [watch.tick() for _ in range(3)] == [[], [], []]
    assert "documents: not healed: RETAIL_HEAL=0" in watch.said[-1]


def test_who_waits_for_the_next_repair_is_told_when_it_comes(watch: Watch) -> None:
    watch.differing = ["inventory"]
    assert [len(watch.tick()) for _ in range(3)] == [0, 1, 0]

    assert "documents: tried 1 times, again in 30 s" in watch.said[-1]


def test_what_could_not_be_compared_is_not_repaired(watch: Watch) -> None:
    watch.silent = True

    assert [watch.tick() for _ in range(3)] == [[], [], []]


def test_what_a_late_stream_lacks_is_repaired_only_if_it_lacks_it_when_it_is_on_time(watch: Watch) -> None:
    watch.differing = ["inventory"]
    watch.late = True
    assert [watch.tick() for _ in range(5)] == [[]] * 5
    assert "inventory differs, for the stream is more than 5 s behind" in watch.said[-1]

    watch.late = False
    assert watch.tick() == []
    assert len(watch.tick()) == 1


def test_a_difference_that_is_explained_or_unseen_now_and_then_is_repaired_all_the_same(watch: Watch) -> None:
    watch.differing = ["inventory"]
    assert watch.tick() == []
    watch.silent = True
    assert watch.tick() == []
    watch.silent, watch.late = False, True
    assert watch.tick() == []
    assert not any("recovered: inventory" in line for line in watch.said)

    watch.late = False
    assert len(watch.tick()) == 1


def test_a_table_is_repaired_while_the_stream_of_another_is_late(watch: Watch) -> None:
    watch.differing = ["transactions", "inventory"]
    watch.late = True
    watch.tick()

    (request,) = watch.tick()

    assert request.run_config == {"ops": {"repair_collections": {"config": {"tables": ["transactions"]}}}}


def test_a_table_that_was_equal_though_late_differs_again(watch: Watch) -> None:
    watch.differing = ["inventory"]
    watch.tick()
    watch.differing, watch.late = [], True
    watch.tick()
    assert "recovered: inventory" in watch.said[-1]

    watch.differing, watch.late = ["inventory"], False
    assert watch.tick() == []


def test_nothing_is_repaired_while_nobody_can_tell_how_late_the_stream_is(watch: Watch) -> None:
    watch.differing = ["inventory"]
    watch.unknown = True

    assert [watch.tick() for _ in range(3)] == [[], [], []]
    assert "inventory differs, Kafka does not answer." in watch.said[-1]


def test_a_batch_table_is_left_to_its_next_batch_as_long_as_batches_run(watch: Watch) -> None:
    watch.differing = ["suppliers"]
    watch.instance.report_runless_asset_event(dg.AssetMaterialization(keys.mongodb("suppliers")))
    assert [watch.tick(seconds) for seconds in (30, 30, 2_580)] == [[]] * 3
    assert "suppliers differs, for it is as of " in watch.said[-1]

    assert watch.tick(120) == []
    (request,) = watch.tick()
    assert request.run_config["ops"]["repair_collections"]["config"]["tables"] == ["suppliers"]


def test_a_batch_table_that_no_batch_wrote_is_repaired(watch: Watch) -> None:
    watch.differing = ["suppliers"]
    assert watch.tick() == []

    assert len(watch.tick()) == 1


def test_what_a_large_file_explains_is_repaired_only_once_it_no_longer_does(watch: Watch) -> None:
    watch.differing = ["inventory"]
    watch.backlog = Backlog(("march.csv",), 2_000_000, watch.now)

    assert [watch.tick(), watch.tick(), watch.tick()] == [[], [], []]

    watch.backlog = None
    assert watch.tick() == []
    (request,) = watch.tick()
    assert request.run_config["ops"]["repair_collections"]["config"]["tables"] == ["inventory"]
