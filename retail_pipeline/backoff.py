"""When is something that keeps failing tried again? At once, then after longer and longer pauses; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backoff:
    """Tries of things by name, and the pauses between them, in seconds of one clock.

    The first try is made at once, the second `initial` seconds later, each following after twice as long, at most
    `maximum`. Who was tried `limit` times in vain is exhausted: still tried, but a person should know. What did not
    need a try for `reset_after` seconds after its last one was due is forgotten.
    """

    initial: float
    maximum: float
    limit: int
    reset_after: float
    tries: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def due(self, failed: Iterable[str], now: float) -> list[str]:
        """Name those of the failed that are to be tried at `now`."""
        return [name for name in failed if self.wait(name, now) == 0]

    def wait(self, name: str, now: float) -> float:
        """Return the seconds until the next try."""
        count, last = self.tries.get(name, (0, now))
        return max(0.0, last + self._pause(count) - now)

    def count(self, name: str) -> int:
        """Return how often it was tried in vain."""
        return self.tries.get(name, (0, 0.0))[0]

    def exhausted(self, name: str) -> bool:
        """Whether trying has not helped."""
        return self.count(name) >= self.limit

    def tried(self, names: Iterable[str], now: float) -> Backoff:
        """Return what is known once these were tried at `now`."""
        known = self._remembered(now)
        return self._with(known | {name: (known.get(name, (0, now))[0] + 1, now) for name in names})

    def _remembered(self, now: float) -> dict[str, tuple[int, float]]:
        return {
            name: (count, last)
            for name, (count, last) in self.tries.items()
            if now < last + self._pause(count) + self.reset_after
        }

    def _pause(self, count: int) -> float:
        # The exponent is bounded because 2.0 ** 2000 is an error.
        return min(self.maximum, self.initial * 2.0 ** min(count - 1, 60)) if count else 0.0

    def _with(self, tries: Mapping[str, tuple[int, float]]) -> Backoff:
        return Backoff(self.initial, self.maximum, self.limit, self.reset_after, tries)
