"""Which files are not loaded whole? Those of the landing folder as its sensor left them, and loads cut short."""

from __future__ import annotations

import time

from retail_pipeline import landing
from retail_pipeline.landing import Standing
from retail_pipeline.settings import Settings
from retail_pipeline.status.line import Line, asked
from retail_pipeline.warehouse import load_stock

WAITS_TOO_LONG = 15 * 60.0
# A heap of files would hide what is below it.
MOST = 10
_NEXT = {
    "waiting": "see what the reason says, and that the daemon and `landing_sensor` run",
    "refused": "correct the file, or load its good rows by `retail-pipeline load CSV --accept`",
    "ignored": "unpack or rename it, or take it away",
}


def lines(settings: Settings) -> list[Line]:
    """Return the files that wait, were refused or are no CSV, and those whose stock is still to set."""
    unset = asked("stock", lambda: of_unset(load_stock.unset(settings)))
    return [*unset, *asked("landing folder", lambda: of(landing.standing(settings), time.time()))]


def of_unset(names: list[str]) -> list[Line]:
    """Return a problem for each file whose sales are loaded and whose stock is not all set."""
    step = "`retail-pipeline up` completes it, and so does the next load; a load that runs does it itself"
    return [
        Line(name, ok=False, state="half set", detail="its stock is still to set", next_step=step) for name in names
    ]


def of(found: list[Standing], now: float) -> list[Line]:
    """Judge the files: refused ones are problems, those that wait for too long, and what is no CSV but named as one."""
    told: list[Line] = []
    for state in ("refused", "waiting", "ignored"):
        # A heap of what is no problem would hide the problems among it.
        own = sorted((_line(one, now) for one in found if one.state == state), key=lambda line: line.ok)
        told += own[:MOST]
        if rest := own[MOST:]:
            ok = all(line.ok for line in rest)
            told.append(Line(f"{len(rest):,} more", ok, state, next_step=_NEXT[state]))
    return told or [Line("landing folder", ok=True, state="clear", detail="nothing waits")]


def _line(one: Standing, now: float) -> Line:
    age = now - one.since
    ok = (one.state == "ignored" and not one.is_mistake) or (one.state == "waiting" and age < WAITS_TOO_LONG)
    return Line(one.name, ok, one.state, f"for {age / 60:,.0f} min: {one.reason}", _NEXT[one.state])
