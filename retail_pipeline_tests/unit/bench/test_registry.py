"""A bench is known by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline import bench
from retail_pipeline.settings import Settings


def test_an_unknown_bench_is_refused_with_the_names_of_those_there_are(tmp_path: Path) -> None:
    settings = Settings.from_environment({"RETAIL_HOME": str(tmp_path)})

    with pytest.raises(bench.BenchError, match="no bench speed") as refused:
        bench.run(settings, "speed", print)

    assert all(name in refused.value.next_step for name in bench.BENCHES)
