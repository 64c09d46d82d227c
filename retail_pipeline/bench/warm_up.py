"""When has Java compiled what it runs? What has run for days is through with that, so before it nothing counts."""

from __future__ import annotations

from collections.abc import Callable

_HARDLY_FASTER = 1.05


def until_warm(block: Callable[[], float], at_most: int) -> list[float]:
    """Do blocks of work until one is hardly faster than the best before; give the rate that each of them gave."""
    rates: list[float] = []
    while len(rates) < at_most and not _is_warm(rates):
        rates.append(block())
    return rates


def _is_warm(rates: list[float]) -> bool:
    return len(rates) > 1 and rates[-1] < _HARDLY_FASTER * max(rates[:-1])
