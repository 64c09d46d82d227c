"""How fast is it, against what? One bench each, with the rival or the ceiling measured in the same run."""

from __future__ import annotations

from collections.abc import Callable

from retail_pipeline.bench import load, rls, sale
from retail_pipeline.bench.database import BenchError
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.settings import Settings

__all__ = ["BENCHES", "BenchError", "Comparison", "Result", "run"]

BENCHES: dict[str, Callable[[Settings, Report], Result]] = {
    "load": load.run,
    "rls": rls.run,
    "sale": sale.run,
}


def run(settings: Settings, name: str, say: Report) -> Result:
    """Run one bench; `say` gets a line at each step."""
    if name not in BENCHES:
        raise BenchError(f"There is no bench {name}.", f"one of {', '.join(sorted(BENCHES))}")
    return BENCHES[name](settings, say)
