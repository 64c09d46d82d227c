"""How is everything? Servers, stream, runs, files and stores, at one look; each problem with its next step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from retail_pipeline import stack
from retail_pipeline.settings import Settings
from retail_pipeline.status import files, runs, stores, stream
from retail_pipeline.status.line import Line

__all__ = ["Line", "Status", "measure"]


@dataclass(frozen=True)
class Status:
    """How everything is, by part."""

    servers: tuple[Line, ...]
    stream: tuple[Line, ...]
    runs: tuple[Line, ...]
    files: tuple[Line, ...]
    stores: tuple[Line, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return all(line.ok for part in self._parts().values() for line in part)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {"healthy": self.healthy, **dataclasses.asdict(self)}

    def as_text(self) -> str:
        """Return it as lines for a person."""
        lines = []
        for title, part in self._parts().items():
            lines.append(title.capitalize())
            for one in part:
                lines.append(f"  {'' if one.ok else '! '}{one.name:<36} {one.state:<10} {one.detail}".rstrip())
                if one.next_step and not one.ok:
                    lines.append(f"      Next: {one.next_step}")
        lines.append("All is well." if self.healthy else "Something is wrong: see the lines with `!`.")
        return "\n".join(lines)

    def _parts(self) -> dict[str, tuple[Line, ...]]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def measure(settings: Settings) -> Status:
    """Ask everything once; what does not answer is a line that says so, never an exception."""
    return Status(
        servers=tuple(_server(one) for one in stack.health(settings)),
        stream=tuple(stream.lines(settings)),
        runs=tuple(runs.lines(settings)),
        files=tuple(files.lines(settings)),
        stores=tuple(stores.lines(settings)),
    )


def _server(health: stack.ServerHealth) -> Line:
    log = f"; its log: {health.log}" if health.log else ""
    return Line(health.name, health.ok, health.state, health.detail, f"`retail-pipeline up` restarts it{log}")
