"""What shares servers runs on one worker, and what takes longest begins first."""

from __future__ import annotations

import pytest

from retail_pipeline.settings import PROJECT
from retail_pipeline_tests import order


@pytest.mark.parametrize("path", [path for group in order.GROUPS for path in group])
def test_a_file_or_folder_of_a_group_is_there(path: str) -> None:
    assert (PROJECT / path).exists()


def test_a_group_stays_together_and_another_file_is_a_group_of_its_own() -> None:
    folder = "retail_pipeline_tests/integration"

    assert order.group(f"{folder}/mirror/test_batch.py::test_a") == order.group(
        f"{folder}/tenants/test_kafka.py::test_b"
    )
    assert order.group(f"{folder}/load/test_load.py::test_a[1::2]") == f"{folder}/load/test_load.py"


def test_servers_come_before_units_and_a_part_of_a_folder_before_the_folder() -> None:
    folder = "retail_pipeline_tests/integration"
    names = [
        f"{folder}/deployment/test_runs.py::test_a",
        f"{folder}/deployment/test_demo.py::test_a",
        f"{folder}/replication/test_stream.py::test_a",
        f"{folder}/load/test_load.py::test_a",
        "retail_pipeline_tests/unit/test_order.py::test_a",
    ]

    places = [order.place(name) for name in names]
    assert places == sorted(set(places))
