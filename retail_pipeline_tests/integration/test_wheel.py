"""The built wheel works without the checkout: installed into an empty environment it starts, loads and stops."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from retail_pipeline.settings import PROJECT

# What building reads; the checkout itself takes no folder `build/` from it.
_SOURCES = ("retail_pipeline", "sql", "infra", "data", "pyproject.toml", "setup.py", "README.md", "LICENSE")
_OURS = ("RETAIL_", "DAGSTER_", "PYTHON", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Installed:
    """A folder with a wheel and an environment that has this wheel, its dependencies and nothing else."""

    folder: Path
    wheel: Path

    def run(self, *words: str) -> str:
        """Run a command of the environment beside no checkout; return what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        programs = self.folder / "environment" / "bin"
        environment = kept | {
            "RETAIL_HOME": str(self.folder / "home"),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        }
        command = [str(programs / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module", name="installed")
def _installed() -> Iterator[Installed]:
    folder = Path(tempfile.mkdtemp(prefix=f"retail-test-{os.getpid()}-wheel-"))
    # A server that root starts runs as another user.
    folder.chmod(0o755)
    source = folder / "source"
    source.mkdir()
    for name in _SOURCES:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
        copy(PROJECT / name, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    _done(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source))
    shutil.rmtree(source)
    installed = Installed(folder, next(folder.glob("*.whl")))
    _done(sys.executable, "-m", "venv", str(folder / "environment"))
    constraints = ("--constraint", str(PROJECT / "constraints.txt"))
    target = ("--python", str(folder / "environment"))
    _done(*pip, *target, "install", "--quiet", "--no-compile", *constraints, f"{installed.wheel}[stack]")
    yield installed
    installed.run("retail-pipeline", "down", "--wipe")
    shutil.rmtree(folder)


def _done(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_it_has_what_the_package_reads_and_no_test(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()

    assert [name for name in names if "retail_pipeline_tests" in name] == []
    assert "retail_pipeline/py.typed" in names
    for name in ("sql/schema.sql", "infra/postgresql.conf", "data/sample.csv"):
        assert f"retail_pipeline/_files/{name}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_tells_its_version_and_its_calls(installed: Installed) -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]

    assert installed.run("retail-pipeline", "--version") == f"retail-pipeline {version}\n"
    assert "Load one file" in installed.run("retail-pipeline", "--help")


def test_it_starts_loads_and_stops_without_the_checkout(installed: Installed) -> None:
    where = "import retail_pipeline.settings as settings; print(settings.PROJECT, settings.SAMPLE)"
    project, sample = installed.run("python", "-c", where).split()
    assert Path(project).is_relative_to(installed.folder / "environment")

    installed.run("retail-pipeline", "up")
    account = json.loads(installed.run("retail-pipeline", "load", sample, "--json").splitlines()[-1])
    installed.run("retail-pipeline", "verify")
    installed.run("retail-pipeline", "down")

    assert account["read"] == account["loaded"] + account["quarantined"] + account["duplicates"]
    assert account["loaded"] > 0
