"""How fast is it, against what? One bench each, with the baseline or the ceiling measured in the same run."""

from __future__ import annotations

from importlib import import_module

from retail_pipeline.bench.database import BenchError
from retail_pipeline.bench.result import Comparison, Report, Result
from retail_pipeline.settings import Settings

__all__ = ["BENCHES", "BenchError", "Comparison", "Result", "run"]

# Each is a module of this package, with `run(settings, say)`.
BENCHES = ("cdc", "initial-load", "load", "noisy-neighbor", "rls", "sale", "verify")


def run(settings: Settings, name: str, say: Report) -> Result:
    """Run one bench; `say` gets a line at each step."""
    if name not in BENCHES:
        raise BenchError(f"There is no bench {name}.", f"one of {', '.join(sorted(BENCHES))}")
    result: Result = import_module(f"{__name__}.{name.replace('-', '_')}").run(settings, say)
    return result
