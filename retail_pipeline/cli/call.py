"""What the calls share: settings for each, where lines go, and the option `--json`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import click

from retail_pipeline.settings import Settings

PROGRAM = "retail-pipeline"
# Who waits at a terminal for what another run holds is told who it is after so many seconds.
TIMEOUT = 60.0

_Given = ParamSpec("_Given")

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="End with one line of JSON."
)


def with_settings(function: Callable[Concatenate[Settings, _Given], int]) -> Callable[_Given, int]:
    """Give a call the settings of the environment, read when it runs: help is printed whatever they are."""

    @wraps(function)
    def call(*given: _Given.args, **named: _Given.kwargs) -> int:
        return function(Settings.from_environment(), *given, **named)

    return call


def running(settings: Settings) -> Settings:
    """Fill in the addresses of the embedded servers, for this process and what it starts."""
    from retail_pipeline import stack

    return stack.export(settings)


def say(line: str) -> None:
    """Print a line of the answer."""
    print(line, flush=True)


def progress(line: str) -> None:
    """Print a line for the person who waits."""
    print(line, file=sys.stderr, flush=True)
