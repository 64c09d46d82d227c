"""Does a process keep what it should let go? Memory over time, and the slope of it while nothing restarts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import psutil

MB = 1_048_576
# A process that just started loads its code, and a JVM compiles it: that is no leak.
WARM_UP = 180.0
# Python's allocator takes longer to find its size where garbage comes in cycles: a quiet daemon of Dagster has 142 MB
# after 3 minutes, 152 after 12 and 153.6 after 21, while its living objects are 233,000 to 236,000 all the time.
PYTHON_WARM_UP = 720.0
# Two samples that are nearer say more about a garbage collection than about an hour.
_APART = 60.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Sample:
    """The memory of a server at one moment, in bytes; `at` in seconds, `age` of the process in seconds.

    `life` tells one process from the next in its place. `rss` is the resident memory of all its processes, what they
    share counted once; `cache` is what of it keeps nothing for ever: pages of files, up to a size that its settings
    limit, and memory that is held free.
    """

    at: float
    life: str
    age: float
    rss: int
    cache: int = 0

    @property
    def own(self) -> int:
        """What is left without the cache."""
        return self.rss - self.cache


def of(processes: Sequence[psutil.Process], at: float) -> Sample | None:
    """Measure processes, the first that which started the others; its cache is what they share. None: they are gone.

    Those that were started just now, as a run of Dagster or a connection, do not count: they end soon.
    """
    try:
        root, *others = processes
        born, now = root.create_time(), time.time()
        lasting = [process for process in others if now - process.create_time() >= WARM_UP]
        used = [process.memory_info() for process in (root, *lasting)]
    except (ValueError, psutil.Error):
        return None
    shared = max(one.shared for one in used)
    private = sum(one.rss - one.shared for one in used)
    return Sample(at, f"{root.pid} {born}", now - born, private + shared, shared)


def slope(samples: Sequence[Sample], value: Callable[[Sample], float], warm_up: float = WARM_UP) -> float | None:
    """Return how fast a value grows, in MB an hour: the median of the slopes between any two samples of one process.

    Samples of a process that is younger than `warm_up`, in seconds, do not count.

    The median (Theil and Sen's) is not moved by garbage collections; what grows steadily moves all slopes. The largest
    step of a process stands between no two samples: what it once needed it may keep. A second one counts. None: no
    process lived for long enough.
    """
    lives: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.age >= warm_up:
            lives.setdefault(sample.life, []).append(sample)
    slopes = [
        (value(later) - value(earlier)) / (later.at - earlier.at)
        for life in lives.values()
        for part in _parted(life, value)
        for earlier, later in combinations(part, 2)
        if later.at - earlier.at >= _APART
    ]
    return statistics.median(slopes) * _HOUR / MB if slopes else None


def _parted(life: Sequence[Sample], value: Callable[[Sample], float]) -> Sequence[Sequence[Sample]]:
    """Part a life where the minutes before and after differ most."""

    def step(at: int) -> float:
        before = [value(sample) for sample in life[:at] if life[at].at - sample.at <= _APART]
        after = [value(sample) for sample in life[at:] if sample.at - life[at].at <= _APART]
        return abs(statistics.median(after) - statistics.median(before)) if before else 0.0

    at = max(range(len(life)), key=step)
    return life[:at], life[at:]


def since(samples: Sequence[Sample], at: float) -> list[Sample]:
    """Return the samples from a moment on."""
    return [sample for sample in samples if sample.at >= at]
