"""What does `status` say of one thing? Its name, whether it is well, its state, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retail_pipeline.errors import RetailError


@dataclass(frozen=True)
class Line:
    """How one thing is: its name, whether it is as it should be, its state in a word, and the rest in a sentence.

    `severity` is that of a problem, `error` or `warning`; `link` the page that tells more, where it is one of its own.
    """

    name: str
    ok: bool
    state: str
    detail: str = ""
    next_step: str = ""
    severity: str = "error"
    link: str = ""


def asked(name: str, ask: Callable[[], list[Line]]) -> list[Line]:
    """Return the lines of a part, or one that says why it could not be asked."""
    try:
        return ask()
    except RetailError as error:
        return [Line(name, ok=False, state="unknown", detail=error.message, next_step=error.next_step)]
