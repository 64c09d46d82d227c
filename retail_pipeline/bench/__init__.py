"""How fast is it, against what? One bench each, with the baseline or the ceiling measured in the same run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retail_pipeline.bench.result import Report, Result
    from retail_pipeline.settings import Settings

# Each is a module of this package, with `run(settings, say)`.
BENCHES = ("cdc", "initial-load", "load", "noisy-neighbor", "rls", "sale", "verify")


def run(settings: Settings, name: str, say: Report) -> Result:
    """Run one bench of BENCHES; `say` gets a line at each step."""
    result: Result = import_module(f"{__name__}.{name.replace('-', '_')}").run(settings, say)
    return result
