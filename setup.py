"""Put what the package reads at run time into its wheel: in a checkout `sql/`, `infra/` and `data/` lie beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithFiles(build_py):
    """Copy the files into `retail_pipeline/_files`, where `retail_pipeline.settings` looks for them first."""

    def run(self) -> None:
        """Build the modules, then the files; an editable installation reads the checkout's own."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "retail_pipeline", "_files")
        shutil.rmtree(target, ignore_errors=True)
        for name in ("sql", "infra", "data"):
            shutil.copytree(name, target / name)
        # Dagster finds the definitions by its section [tool.dg].
        shutil.copy("pyproject.toml", target)


setup(cmdclass={"build_py": BuildWithFiles})
