"""What CI does with tests that failed: few of them run once more, and those that pass then are named."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from retail_pipeline.settings import PROJECT

_MAKEFILE = """
lint:
\t@echo lint
test:
\t@mkdir -p .pytest_cache/v/cache .pytest_cache/v/retail
\t@echo {ended} > .pytest_cache/v/retail/exit_status
\t@{remember}
\t@{outcome}
"""
# It stands in for pytest, which runs one test more: those named here fail again.
_PYTHON = """#!/usr/bin/env bash
if [ "$1" = -c ]; then exec {python} "$@"; fi
case " {again} " in *" $3 "*) exit 1;; esac
"""


@dataclass(frozen=True)
class Outcome:
    """What a run of CI gave: its exit code, its last lines, and the file of its output."""

    code: int
    printed: str
    log: str


def _run(folder: Path, failed: Collection[str] | None, again: Collection[str] = (), ended: int = 1) -> Outcome:
    """Run CI where these tests failed, and some of them again; pytest ended with `ended`, for None without a list."""
    project = folder / "project"
    (project / ".ci").mkdir(parents=True)
    shutil.copyfile(PROJECT / ".ci" / "run", project / ".ci" / "run")
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_PYTHON.format(python=shutil.which("python3"), again=" ".join(again)))
    python.chmod(0o755)
    remembered = json.dumps(dict.fromkeys(failed or (), True))
    remember = "true" if failed is None else f"echo '{remembered}' > .pytest_cache/v/cache/lastfailed"
    outcome = "true" if failed == () else "false"
    (project / "Makefile").write_text(_MAKEFILE.format(remember=remember, outcome=outcome, ended=ended))
    done = subprocess.run(
        ["bash", str(project / ".ci" / "run")],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    [log] = folder.glob("retail-pipeline-ci-*.log")
    assert str(log) in done.stdout
    return Outcome(done.returncode, done.stdout, log.read_text())


def test_a_green_run_passes_and_names_the_file_of_its_output(tmp_path: Path) -> None:
    outcome = _run(tmp_path, ())

    assert outcome.code == 0
    assert outcome.log == outcome.printed
    assert "flaky" not in outcome.printed


def test_a_test_that_passes_the_second_time_is_named(tmp_path: Path) -> None:
    outcome = _run(tmp_path, ["one.py::test_a", "two.py::test_b"])

    assert outcome.code == 0
    assert "flaky: one.py::test_a\nflaky: two.py::test_b\n" in outcome.log


def test_a_test_that_fails_twice_fails_and_the_other_is_named(tmp_path: Path) -> None:
    outcome = _run(tmp_path, ["one.py::test_a", "two.py::test_b"], again=["one.py::test_a"])

    assert outcome.code == 1
    assert "flaky: two.py::test_b\n" in outcome.printed
    assert "flaky: one.py::test_a" not in outcome.printed


@pytest.mark.parametrize(
    ("failed", "ended"),
    [(None, 1), (["a", "b", "c", "d"], 1), (["a"], 2), (["a"], 3)],
    ids=["no list", "more than three", "interrupted", "internal error"],
)
def test_nothing_runs_once_more_where_that_would_tell_nothing(
    tmp_path: Path, failed: list[str] | None, ended: int
) -> None:
    outcome = _run(tmp_path, failed, ended=ended)

    assert outcome.code == 1
    assert "once more" not in outcome.printed
