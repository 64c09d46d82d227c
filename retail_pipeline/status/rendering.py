"""How does `status` look? One line first that says all, then a table; with colours where a terminal shows them."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from retail_pipeline.status import Status

# What is no terminal has no width to fold lines to.
_WIDE = 10_000


def show(status: Status) -> None:
    """Print it, as wide as the terminal; elsewhere each line whole and without a colour."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table(status))
    else:
        print(as_text(status), flush=True)


def as_text(status: Status) -> str:
    """Return it without colours, with no line folded."""
    console = Console(file=io.StringIO(), width=_WIDE, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(table(status))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def watch(measure: Callable[[], Status], pause: float) -> int:
    """Show it again and again, until a signal ends this; return never."""
    console = Console(highlight=False)
    with Live(console=console, screen=console.is_terminal, auto_refresh=False, transient=True) as live:
        while True:
            live.update(table(measure()), refresh=True)
            time.sleep(pause)


def table(status: Status) -> Group:
    """Return the lines of all parts below each other, in columns as wide as what is in them."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for column in ("mark", "name", "state"):
        grid.add_column(column, no_wrap=True)
    grid.add_column("detail", overflow="fold")
    for title, part in status.parts().items():
        if not part:
            continue
        grid.add_row()
        grid.add_row("", Text(title.capitalize(), "bold underline"))
        for line in part:
            style = "green" if line.ok else "bold red"
            detail = Text(line.detail)
            if line.next_step and not line.ok:
                detail = Text("\n").join(filter(None, (detail, Text(f"Next: {line.next_step}", "yellow"))))
            mark = "" if line.ok else "!"
            grid.add_row(Text(mark, style), Text(line.name), Text(line.state, style), detail)
    parts: list[Text | Table] = [Text(status.sentence, "bold green" if status.healthy else "bold red"), _as_of(status)]
    return Group(*parts, grid)


def _as_of(status: Status) -> Text:
    pages = f", Dagster's pages: {status.ui}" if status.ui else ""
    return Text(f"As of {status.at:%Y-%m-%d %H:%M:%S} UTC{pages}", "dim")
