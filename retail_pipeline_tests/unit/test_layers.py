"""The package is layers: what is below imports nothing from above, and nothing is there that only tests use."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import retail_pipeline
from retail_pipeline import bench

ROOT = Path(retail_pipeline.__file__).parent
# A folder or a module beside the folders; each imports from those before it.
LAYERS = (
    "names", "errors", "backoff", "interruption", "tables", "column_types", "settings", "mongodb", "source",
    "warehouse", "lifeline", "retention", "lost_runs", "landing", "replication", "mirror", "healing", "analytics",
    "stack", "status", "alarms", "supervision", "defs", "definitions", "runs", "demo", "bench", "cli",
)  # fmt: skip
# What starts a process, and what programs of others import.
ENTRIES = {
    "supervision",
    "bench.load_process",
    "warehouse.sqlstates",
    *(f"bench.{name.replace('-', '_')}" for name in bench.BENCHES),
}


def name_of(path: Path) -> str:
    """Name a module without the package; the package itself has no name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imports(text: str) -> Iterator[str]:
    """Yield the modules of the package that a program imports, also within functions."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            _, of_package, module = name.partition(f"{ROOT.name}.")
            if of_package:
                yield module if module in MODULES else module.rpartition(".")[0]


def above(module: str, imported: Sequence[str]) -> list[str]:
    """Return what a module imports from above its own layer."""
    own = LAYERS.index(module.partition(".")[0])
    return [name for name in imported if LAYERS.index(name.partition(".")[0]) > own]


def test_every_layer_imports_from_those_below_it() -> None:
    found = {name: above(name, list(imports(path.read_text()))) for name, path in MODULES.items() if name}

    assert {name: names for name, names in found.items() if names} == {}
    assert {name.partition(".")[0] for name in found} == set(LAYERS)


def test_an_import_from_above_would_be_noticed() -> None:
    text = "def later():\n    from retail_pipeline.replication import backlog\n    from retail_pipeline import errors"

    assert above("warehouse.load_account", list(imports(text))) == ["replication.backlog"]


def test_no_module_is_there_for_tests_alone() -> None:
    used = {name for path in MODULES.values() for name in imports(path.read_text())}
    # Dagster finds the modules of defs by itself.
    unused = {name for name, path in MODULES.items() if path.stem != "__init__" and not name.startswith("defs.")} - used

    assert unused == ENTRIES
