"""When has Java compiled what it runs? What has run for days is through with that, so before it nothing counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_HARDLY_LESS = 1 / 1.05


def until_warm(work: Callable[[], object], processor_seconds: Callable[[], float], at_most: int) -> Iterator[float]:
    """Do the same work until it costs hardly less than the best before; return what each cost, in processor seconds.

    By what it costs, not by how long it took: another program beside it makes work slow, and not dear.
    """
    best = float("inf")
    for _ in range(at_most):
        before = processor_seconds()
        work()
        cost = processor_seconds() - before
        yield cost
        if cost > _HARDLY_LESS * best:
            return
        best = cost
