"""When the nightly comparison is left out."""

from __future__ import annotations

import dagster as dg
import pytest

from retail_pipeline.defs.jobs import repair_config
from retail_pipeline.defs.resources import Platform
from retail_pipeline.defs.schedules import repair_schedule
from retail_pipeline.errors import ReplicationError
from retail_pipeline.replication import progress
from retail_pipeline.tables import MIRRORED


def _evaluate() -> object:
    nowhere = Platform(postgres_dsn="", mongo_uri="", kafka_bootstrap="", connect_url="")
    return repair_schedule(dg.build_schedule_context(resources={"platform": nowhere}))


def test_every_document_is_compared_each_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "late_tables", lambda _: [])

    result = _evaluate()

    assert isinstance(result, dg.RunRequest)
    assert result.run_config == repair_config([table.name for table in MIRRORED])
    assert repair_schedule.cron_schedule == "20 3 * * *"
    assert repair_schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_of_a_table_whose_stream_is_late_what_differs_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "late_tables", lambda _: ["inventory"])

    result = _evaluate()

    assert isinstance(result, dg.RunRequest)
    assert result.run_config == repair_config([table.name for table in MIRRORED if table.name != "inventory"])


def test_while_nobody_can_tell_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> list[str]:
        raise ReplicationError("Kafka does not answer.")

    monkeypatch.setattr(progress, "late_tables", fail)

    result = _evaluate()

    assert isinstance(result, dg.SkipReason)
    assert "Kafka does not answer" in str(result.skip_message)


def test_who_leaves_the_stream_alone_leaves_it_alone_at_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_HEAL", "0")

    assert isinstance(_evaluate(), dg.SkipReason)
