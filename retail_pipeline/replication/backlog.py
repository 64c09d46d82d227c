"""How long does a loaded file keep the stream busy? A large one is behind for minutes, which is no fault of a sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from retail_pipeline.replication import progress
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import READER, connect

# Half of what the sinks applied from a backlog when it was measured on two cores, see docs/benchmarks.md.
CHANGES_PER_SECOND = 4_500
# What is later than twice the time that it should take is no longer explained by the file.
_PATIENCE = 2.0
_GRACE_SECONDS = 30.0
_LATEST = """
select name, streamed_changes, extract(epoch from loaded_at)::float8 + seconds
from retail.files
where accepted and streamed_changes > 0
order by loaded_at desc
limit 1
"""


@dataclass(frozen=True)
class Backlog:
    """The changes that a file brought to the streamed tables, and when it was committed, in seconds since the epoch."""

    file: str
    changes: int
    committed_at: float

    @property
    def over_by(self) -> float:
        """When, in seconds since the epoch, MongoDB must have them."""
        return self.committed_at + _PATIENCE * seconds(self.changes) + _GRACE_SECONDS

    @property
    def sentence(self) -> str:
        """Say why the stream is behind, and until when that is to be expected."""
        until = datetime.fromtimestamp(self.over_by, UTC)
        return f"expected until {until:%H:%M:%S} UTC, because {self.file} brought {self.changes:,} changes"


def seconds(changes: int) -> float:
    """Give how long so many changes take to MongoDB, at most, while the stream has nothing else to do."""
    return changes / CHANGES_PER_SECOND


def pending(settings: Settings, now: float | None = None) -> Backlog | None:
    """Give the changes of the last file, as long as the stream may still be busy with them."""
    with connect(settings, READER) as connection, connection.cursor() as cursor:
        cursor.execute(_LATEST)
        row = cursor.fetchone()
    found = Backlog(*row) if row else None
    return found if found and (now or time.time()) < found.over_by else None


def drain(settings: Settings, report: Callable[[str], None] = lambda _: None) -> None:
    """Wait until MongoDB has what was committed up to now, as long as a file explains that it has not."""
    found = pending(settings)
    if found is None:
        return
    committed = progress.mark(settings)
    if not progress.has_passed(settings, committed, within=0):
        report(f"waiting for the stream: behind as {found.sentence}")
        progress.has_passed(settings, committed, within=found.over_by - time.time())
