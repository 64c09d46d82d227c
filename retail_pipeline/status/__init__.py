"""How is everything? Servers, stream, runs, checks, files and stores, at one look; each problem with its next step."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from retail_pipeline import stack
from retail_pipeline.errors import StackError
from retail_pipeline.settings import Settings
from retail_pipeline.status import checks, files, runs, stores, stream
from retail_pipeline.status.line import Line

__all__ = ["PARTS", "Line", "Status", "measure"]

PARTS = ("servers", "stream", "runs", "checks", "files", "stores")
_MOST_NAMES = 5


@dataclass(frozen=True)
class Status:
    """How everything is, by part; `at` is when it was asked, `ui` the address of Dagster's pages where they run."""

    servers: tuple[Line, ...] = ()
    stream: tuple[Line, ...] = ()
    runs: tuple[Line, ...] = ()
    checks: tuple[Line, ...] = ()
    files: tuple[Line, ...] = ()
    stores: tuple[Line, ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ui: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def problems(self) -> list[Line]:
        """What is wrong, in the order of the parts."""
        return [line for part in self.parts().values() for line in part if not line.ok]

    @property
    def is_stopped(self) -> bool:
        """Whether every server was stopped on purpose, so that there is nothing to ask."""
        return bool(self.servers) and all(line.state == "stopped" for line in self.servers)

    @property
    def sentence(self) -> str:
        """Say it all in a line."""
        if self.is_stopped:
            return "Every server is stopped. Next: `retail-pipeline up`"
        if not self.problems:
            return "All is well."
        names = list(dict.fromkeys(line.name for line in self.problems))
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        count = len(self.problems)
        return f"{count} problem{'' if count == 1 else 's'}: {', '.join(names[:_MOST_NAMES])}{more}."

    def parts(self) -> dict[str, tuple[Line, ...]]:
        """Return the lines of each part, by its name."""
        return {name: getattr(self, name) for name in PARTS}

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        told = dataclasses.asdict(self) | {"at": self.at.isoformat(timespec="seconds")}
        return {"healthy": self.healthy, "sentence": self.sentence, **told}


def measure(settings: Settings) -> Status:
    """Ask everything once; what does not answer is a line that says so, never an exception.

    Where every server is stopped nothing else is asked: that would be a list of the same problem.
    """
    servers = Status(servers=tuple(_server(one) for one in stack.health(settings)))
    if servers.is_stopped:
        return servers
    ui = None
    with suppress(StackError):
        ui = stack.ui_address(settings)
    return dataclasses.replace(
        servers,
        stream=tuple(stream.lines(settings)),
        runs=tuple(runs.lines(settings)),
        checks=tuple(checks.lines(settings)),
        files=tuple(files.lines(settings)),
        stores=tuple(stores.lines(settings)),
        ui=ui,
    )


def _server(health: stack.ServerHealth) -> Line:
    log = f"; its log: {health.log}" if health.log else ""
    return Line(health.name, health.ok, health.state, health.detail, f"`retail-pipeline up` restarts it{log}")
