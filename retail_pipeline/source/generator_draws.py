"""The random numbers of a generated file, by its shape: drawn again, or the same wherever a key is the same."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retail_pipeline.source.generator_text import Integers

FIRST_TRANSACTION_ID = 900_000_001
USUAL_STORES = 20  # with fewer, a store meets a product more often, and the stock of fewer lines is drawn again

# Sales that the rule "sold above the recorded stock of the day" must tell apart: case, sale, quantity, recorded stock.
# Each case is a store, product and day of its own.
CASES = np.array(
    [
        (0, 0, 4, 1),  # one sale above
        (1, 1, 1, 0),  # one sale of what was not there
        (2, 2, 4, 6),  # only the sum of two sales is above
        (2, 3, 3, 6),
        (3, 4, 2, 6),  # only the sum of a sale's two lines is above
        (3, 4, 5, 6),
        (4, 5, 5, 5),  # equal is not above
        (5, 6, 2, 5),  # an equal sum neither
        (5, 7, 3, 5),
        (6, 8, 5, 2),  # above its own stock, not above the day's highest
        (6, 9, 1, 300),
    ],
    dtype=np.int64,
)


@dataclass(frozen=True)
class Shape:
    """What file to make.

    `lines_per_basket` is a mean, up to MOST_LINES_PER_BASKET: sizes run evenly from 1 to twice that less one.
    """

    rows: int
    stores: int = USUAL_STORES
    seed: int = 1
    contradictions: bool = True
    lines_per_basket: int = 2
    first_transaction_id: int = FIRST_TRANSACTION_ID

    @property
    def most_lines(self) -> int:
        """The lines of the largest basket."""
        return 2 * self.lines_per_basket - 1

    @property
    def cases(self) -> Integers:
        """The rows of CASES that the file ends with: none where they would be more than a few of its rows."""
        return CASES if self.contradictions and self.rows >= 20 * len(CASES) else CASES[:0]


def _below(bits: NDArray[np.uint64], choices: int) -> Integers:
    """Take 64 random bits each to a whole number from 0 to below `choices`."""
    return ((bits >> np.uint64(11)) * 2.0**-53 * choices).astype(np.int64)


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter numbers over all 64 bits: the finalizer of splitmix64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


class Draws:
    """The file's random numbers, and the ids that it draws from.

    There are as many products, suppliers and customers to the row as in the source file, up to its ranges of ids, for
    how often an id comes again decides how often it is contradicted.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._generator = np.random.PCG64(shape.seed)
        baskets = shape.rows // shape.lines_per_basket
        self.products = self._pool("product", 100, 900, max(round(0.18 * shape.rows), shape.most_lines))
        self.suppliers = self._pool("supplier", 100, 401, round(0.08 * shape.rows))
        self.customers = self._pool("customer", 1001, 8998, round(1.8 * baskets))

    def fresh(self, count: int, choices: int) -> Integers:
        """Draw whole numbers from 0 to below `choices`."""
        return _below(self._generator.random_raw(count), choices)

    def happens(self, count: int, share: float) -> NDArray[np.bool_]:
        """Draw what is true in `share` of the cases."""
        return self.fresh(count, 10_000) < round(share * 10_000)

    def fixed(self, fact: str, choices: int, *keys: Integers) -> Integers:
        """Return whole numbers from 0 to below `choices` that are equal where the keys are."""
        start = np.uint64(zlib.crc32(f"{self.shape.seed} {fact}".encode()))
        bits = np.full(len(keys[0]), start, dtype=np.uint64)
        for key in keys:
            bits = _mixed((bits ^ key.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15))
        return _below(bits, choices)

    def declared(self, fact: str, choices: int, *keys: Integers, contradicted: float = 1.0) -> Integers:
        """Return what the keys should decide, and in a file with contradictions do not for the share `contradicted`."""
        if not self.shape.contradictions:
            return self.fixed(fact, choices, *keys)
        drawn = self.fresh(len(keys[0]), choices)
        if contradicted >= 1:
            return drawn
        return np.where(self.happens(len(drawn), contradicted), drawn, self.fixed(fact, choices, *keys))

    def _pool(self, name: str, first: int, ids: int, wanted: int) -> Integers:
        """Choose `wanted` of the ids from `first` on, in no order."""
        numbers = np.arange(first, first + ids, dtype=np.int64)
        order = np.argsort(self.fixed(f"{name} pool", 2**53, numbers), kind="stable")
        return numbers[order][: max(wanted, 1)]
