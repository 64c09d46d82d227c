"""What `status` says of stores that hold up others."""

from __future__ import annotations

from datetime import UTC, datetime

from retail_pipeline.status import stores
from retail_pipeline.status.stores import Waiting
from retail_pipeline.warehouse.tenant_acts import SHUT_OUT, Act, Summary

SINCE = datetime(2024, 1, 1, tzinfo=UTC)


def test_who_waits_is_a_problem_that_names_the_holder() -> None:
    [line] = stores.of_waiting([Waiting("store_user_2", 17, 4.0, "store_user_1 (pid 16)")])

    assert not line.ok
    assert "store_user_2" in line.name
    assert "store_user_1 (pid 16)" in line.detail


def test_a_store_that_is_shut_out_is_a_problem_and_an_act_of_the_watch_is_news() -> None:
    summary = Summary((Act(1, SHUT_OUT, SINCE, "it was ended 3 times"),), (Act(2, "blocking", SINCE, "it blocked"),))

    shut, ended = stores.of_acts(summary)

    assert not shut.ok
    assert "store enable 1" in shut.next_step
    assert ended.ok
    assert "it blocked" in ended.detail
