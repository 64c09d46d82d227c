"""What grows steadily is seen, whatever else its memory does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from retail_pipeline_tests.faults import jvm, memory
from retail_pipeline_tests.faults.memory import MB, Sample
from retail_pipeline_tests.faults.testbed import Testbed


def _samples(value: Callable[[float], float], *, life: str = "a", age: float = 1000.0) -> list[Sample]:
    """Return ten minutes of samples, one each five seconds."""
    return [Sample(at, life, age + at, int(value(at) * MB)) for at in range(0, 600, 5)]


def test_what_does_not_grow_has_no_slope() -> None:
    assert memory.slope(_samples(lambda _: 300), lambda sample: sample.rss) == 0


def test_a_leak_is_seen_through_garbage_collections() -> None:
    leaking = _samples(lambda at: 300 + at / 60 + at % 45)

    assert memory.slope(leaking, lambda sample: sample.rss) == pytest.approx(60, rel=0.1)


@pytest.mark.parametrize("at_which", [100, 300, 500])
def test_a_step_is_no_leak(at_which: float) -> None:
    assert memory.slope(_samples(lambda at: 300 if at < at_which else 400), lambda sample: sample.rss) == 0


def test_a_young_process_does_not_count_and_its_leak_does_once_it_is_older() -> None:
    filling = _samples(lambda at: 140 + at / 60, age=0)
    leaking = _samples(lambda at: 150 + at / 60, age=memory.PYTHON_WARM_UP)

    assert memory.slope(filling, lambda sample: sample.rss, memory.PYTHON_WARM_UP) is None
    assert memory.slope(filling + leaking, lambda sample: sample.rss, memory.PYTHON_WARM_UP) == pytest.approx(60)


def test_steps_are_a_leak() -> None:
    found = memory.slope(_samples(lambda at: 300 + 10 * (at // 150)), lambda sample: sample.rss)

    assert found is not None
    assert found > 100


def test_a_process_is_not_compared_with_the_one_before() -> None:
    before, after = _samples(lambda _: 300), _samples(lambda _: 100, life="b")

    assert memory.slope([*before, *after], lambda sample: sample.rss) == 0


def test_what_a_process_takes_at_its_start_is_no_leak() -> None:
    samples = _samples(lambda at: 100 + min(at, memory.WARM_UP), age=0)

    assert memory.slope(samples, lambda sample: sample.rss) == 0


def test_of_a_short_life_nothing_is_said() -> None:
    assert memory.slope(_samples(lambda at: at, age=0)[:40], lambda sample: sample.rss) is None


def test_a_cache_is_told_apart() -> None:
    sample = Sample(0, "a", 0, 500 * MB, 200 * MB)

    assert sample.own == 300 * MB


def test_what_just_started_does_not_count() -> None:
    root = psutil.Process(os.getpid())
    alone = memory.of([root], 0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        together = memory.of([root, psutil.Process(child.pid)], 0)
        child.communicate(b"\n")

    assert alone is not None
    assert together is not None
    assert together.rss == pytest.approx(alone.rss, rel=0.02)


@pytest.mark.fault
def test_most_of_a_jvm_is_free_heap_code_and_buffers(sound: Testbed) -> None:
    process = sound.family("connect")[0]

    cache = jvm.cache(process)

    assert 100 * MB < cache < process.memory_info().rss
    assert "Full thread dump" not in (sound.bare.home / "logs" / "connect.log").read_text()


def test_a_living_process_is_measured_and_a_dead_one_is_not() -> None:
    found = memory.of([psutil.Process(os.getpid())], 7)

    assert found is not None
    assert found.at == 7
    assert 0 < found.own < found.rss
    assert memory.of([], 7) is None
