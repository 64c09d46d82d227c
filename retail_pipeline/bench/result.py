"""What did a bench find? Figures beside those of a baseline measured in the same run, their ratio, and its spread."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import cpu_count
from typing import Any

Report = Callable[[str], None]


@dataclass(frozen=True)
class Comparison:
    """One thing measured on both sides, round by round and one side after the other.

    `most` and `least` are the target for the ratio of ours to the baseline's; `most_more` excuses a ratio by a
    difference that is too small to matter. A comparison that only informs has none of them.
    """

    name: str
    unit: str
    ours: Sequence[float]
    baseline: Sequence[float]
    most: float | None = None
    most_more: float | None = None
    least: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Ours to the baseline's, in each round."""
        return [ours / baseline for ours, baseline in zip(self.ours, self.baseline, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: what disturbed one round disturbed both of its sides."""
        return statistics.median(self.ratios)

    @property
    def more(self) -> float:
        """The median of the rounds' differences."""
        return statistics.median(ours - baseline for ours, baseline in zip(self.ours, self.baseline, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None where there is none."""
        if self.least is not None:
            return self.ratio >= self.least
        if self.most is None:
            return None
        return self.ratio <= self.most or (self.most_more is not None and self.more <= self.most_more)

    @property
    def target(self) -> str:
        """The target in words."""
        if self.least is not None:
            return f"at least {self.least:.3g} times"
        if self.most is None:
            return ""
        words = f"at most {self.most:.3g} times"
        return words if self.most_more is None else f"{words} or {self.most_more:g} {self.unit} more"

    def as_dict(self) -> dict[str, Any]:
        """Return every figure, the rounds' own included."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": statistics.median(self.ours),
            "baseline": statistics.median(self.baseline),
            "ratio": self.ratio,
            "ratio_least": min(self.ratios),
            "ratio_most": max(self.ratios),
            "target": self.target,
            "met": self.met,
            "ours_rounds": list(self.ours),
            "baseline_rounds": list(self.baseline),
        }


@dataclass(frozen=True)
class Result:
    """What one bench found. `faults` are what makes its figures worthless, such as a stock that is wrong."""

    name: str
    ours: str
    baseline: str
    comparisons: Sequence[Comparison]
    sizes: Mapping[str, Any]
    durability: Mapping[str, str]
    checks: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    faults: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints on one line."""
        return {
            "bench": self.name,
            "ours": self.ours,
            "baseline": self.baseline,
            "figures": [comparison.as_dict() for comparison in self.comparisons],
            "sizes": dict(self.sizes),
            "durability": dict(self.durability),
            "machine": {"cpus": cpu_count(), "system": platform.platform()},
            "checks": dict(self.checks),
            "details": {name: dict(detail) for name, detail in self.details.items()},
            "faults": list(self.faults),
        }

    def as_text(self) -> str:
        """Return a table for people."""
        rows = [("", "ours", "baseline", "unit", "ratio", "spread", "target", "")]
        for one in self.comparisons:
            spread = f"{min(one.ratios):.2f} to {max(one.ratios):.2f}"
            met = {True: "met", False: "MISSED", None: ""}[one.met]
            ours, baseline = statistics.median(one.ours), statistics.median(one.baseline)
            rows.append(
                (one.name, number(ours), number(baseline), one.unit, f"{one.ratio:.2f}", spread, one.target, met)
            )
        widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        lines = [f"bench {self.name}", f"  ours:     {self.ours}", f"  baseline: {self.baseline}", ""]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        lines.append("")
        rounds = len(self.comparisons[0].ours) if self.comparisons else 0
        lines.append(f"Medians of {rounds} rounds, in turns; spread: the least and the greatest ratio of a round.")
        for title, values in (("Sizes", self.sizes), ("Durability", self.durability), ("Checked", self.checks)):
            if values:
                lines.append(f"{title}: " + ", ".join(f"{name} {value}" for name, value in values.items()))
        for name, detail in self.details.items():
            lines.append(f"{name}: " + ", ".join(f"{what} {value}" for what, value in detail.items()))
        lines += [f"FAULT: {fault}" for fault in self.faults]
        return "\n".join(lines)


def number(value: float) -> str:
    """Print a figure with three significant digits, or whole where it has more."""
    if abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"
