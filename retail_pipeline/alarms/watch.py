"""Look at everything as `status` does, and write down what is to be told."""

from __future__ import annotations

from collections.abc import Iterator

from retail_pipeline import status
from retail_pipeline.alarms import standing
from retail_pipeline.alarms.book import Book
from retail_pipeline.alarms.standing import Alarm, Finding
from retail_pipeline.mirror.continuity import LOADING, NONE
from retail_pipeline.settings import Settings
from retail_pipeline.status import Status
from retail_pipeline.status.stream import SNAPSHOT

PAUSE = 15.0
# Where the pages of Dagster tell more of a part.
_PAGES = {"servers": "/deployment", "stream": "/assets/kafka_connect/connectors?view=checks", "files": "/automation"}
# What only cannot be told may be told soon: a consumer group has no offset before its first commit, after a minute.
_UNKNOWN, _UNKNOWN_SETTLED = "unknown", 300.0


def look(settings: Settings, book: Book, now: float) -> list[Alarm]:
    """Look once; return what is to be told, having written it down."""
    seen = status.measure(settings)
    if seen.is_stopped:
        return []
    known, alarms = standing.step(book.standing, list(findings(seen)), now, hidden(seen))
    book.keep(known, alarms)
    return alarms


def findings(seen: Status) -> Iterator[Finding]:
    """Yield each problem with the page that tells more of it."""
    for part, lines in seen.parts().items():
        for line in lines:
            if not line.ok and not (part == "stream" and _is_moving(seen)):
                link = line.link or f"{seen.ui}{_PAGES.get(part, '')}" if seen.ui else ""
                problem = f"{line.state}: {line.detail}" if line.detail else line.state
                settles = _UNKNOWN_SETTLED if line.state == _UNKNOWN else standing.SETTLED
                yield Finding(part, line.name, problem, line.severity, line.next_step, link, settles)


def hidden(seen: Status) -> set[str]:
    """Name the parts of which not everything could be seen; what a dead server hides is in any of them."""
    parts = {name for name, lines in seen.parts().items() if any(line.state == _UNKNOWN for line in lines)}
    if _is_moving(seen):
        parts.add("stream")
    if not all(line.ok for line in seen.servers):
        parts |= seen.parts().keys() - {"servers"}
    return parts


def _is_moving(seen: Status) -> bool:
    """Whether the stream is not there yet, or is being filled: the run that does so tells where it fails."""
    return any(line.name == SNAPSHOT and line.state in (NONE, LOADING) for line in seen.stream)
