"""How long does a loaded file keep the stream busy? A large one is behind for minutes, which is no fault of a sink."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from retail_pipeline.replication import progress
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import READER, connect
from retail_pipeline.warehouse.load_account import streaming_seconds

# What is later than twice the time that it should take is no longer explained by the file.
_SAFETY_FACTOR = 2.0
_GRACE_SECONDS = 30.0
_NAMED = 3
_FILES = """
select name, streamed_changes, extract(epoch from loaded_at)::float8 + seconds
from retail.files
where accepted and streamed_changes > 0
order by loaded_at
"""


@dataclass(frozen=True)
class Backlog:
    """The changes that files brought to the streamed tables, and when the first was committed, in seconds since 1970.

    They are several where the stream carries one after the other.
    """

    files: tuple[str, ...]
    changes: int
    committed_at: float

    @property
    def over_by(self) -> float:
        """When, in seconds since the epoch, MongoDB must have them."""
        return self.committed_at + _SAFETY_FACTOR * streaming_seconds(self.changes) + _GRACE_SECONDS

    @property
    def sentence(self) -> str:
        """Say why the stream is behind, and until when that is to be expected."""
        until = datetime.fromtimestamp(self.over_by, UTC)
        more = len(self.files) - _NAMED
        names = ", ".join(self.files[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"expected until {until:%H:%M:%S} UTC, because {names} brought {self.changes:,} changes"


def last(files: Iterable[Backlog]) -> Backlog | None:
    """Return the last file, with those before it that the stream may still have been busy with when the next came."""
    found: Backlog | None = None
    for file in files:
        if found and file.committed_at < found.over_by:
            names = tuple(dict.fromkeys(found.files + file.files))
            found = Backlog(names, found.changes + file.changes, found.committed_at)
        else:
            found = file
    return found


def pending(settings: Settings, now: float | None = None) -> Backlog | None:
    """Return the changes of the last files, as long as the stream may still be busy with them."""
    with connect(settings, READER) as connection, connection.cursor() as cursor:
        cursor.execute(_FILES)
        found = last(Backlog((name,), *row) for name, *row in cursor)
    return found if found and (now or time.time()) < found.over_by else None


def drain(settings: Settings, report: Callable[[str], None] = lambda _: None) -> None:
    """Wait until MongoDB has what was committed up to now, as long as a file explains that it has not."""
    found = pending(settings)
    if found is None:
        return
    committed = progress.current_lsn(settings)
    if not progress.wait_until_applied(settings, committed, within=0):
        report(f"waiting for the stream: behind as {found.sentence}")
        progress.wait_until_applied(settings, committed, within=found.over_by - time.time())
