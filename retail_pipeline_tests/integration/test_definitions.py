"""The definitions load by themselves: in processes of their own, without a server and without a setting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retail_pipeline.settings import PROJECT


@pytest.fixture(name="bare_environment")
def _bare_environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with an empty Dagster instance and none of the project's settings."""
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path), "LANG": "C.UTF-8"}


@pytest.mark.parametrize(
    "command",
    [["dagster", "definitions", "validate", "-w", "workspace.yaml"], ["dg", "check", "defs"]],
    ids=["dagster", "dg"],
)
def test_definitions_are_valid_where_no_server_and_no_setting_is(
    command: list[str], bare_environment: dict[str, str]
) -> None:
    result = subprocess.run(
        command, cwd=PROJECT, env=bare_environment, capture_output=True, text=True, check=False, timeout=180
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_the_definitions_imports_no_server_and_opens_no_connection(bare_environment: dict[str, str]) -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "from retail_pipeline.definitions import defs\n"
        "defs().resolve_asset_graph()\n"
        "assert 'retail_pipeline.stack' not in sys.modules, 'the embedded servers are known to the definitions'\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=bare_environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert result.returncode == 0, result.stderr
