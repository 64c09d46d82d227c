"""What did the faults do? The table of docs/faults.md, written by the suite from what it saw."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from retail_pipeline.settings import PROJECT
from retail_pipeline_tests.faults.faults import FAULTS, LONG_ENOUGH, Fault
from retail_pipeline_tests.faults.injections_slot import NIGHT_MB
from retail_pipeline_tests.faults.trial import WITHIN, Outcome

DOCUMENT = PROJECT / "docs" / "faults.md"
_HEAD = (
    "fault",
    "healer",
    "healed by",
    "the stream",
    "equal after",
    "rows compared",
    "changes",
    "healing off",
    "then seen",
)
_SEEN = 160


@dataclass
class Trials:
    """The outcomes by the name of the fault."""

    healed: dict[str, Outcome] = field(default_factory=dict)
    unhealed: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def of(cls, kept: Mapping[str, Mapping[str, Any]]) -> Trials:
        """Return what was kept as a dictionary; what is no fault any more is left out."""
        names = {fault.name for fault in FAULTS}

        def outcomes(kind: str) -> dict[str, Outcome]:
            return {name: Outcome(**told) for name, told in kept.get(kind, {}).items() if name in names}

        return cls(outcomes("healed"), outcomes("unhealed"))

    @property
    def complete(self) -> bool:
        """Whether every fault was injected with healing and without."""
        names = {fault.name for fault in FAULTS}
        return names == set(self.healed) == set(self.unhealed)


def declared(faults: Iterable[Fault] = FAULTS) -> list[tuple[str, str, str]]:
    """Return of each fault its name, its healer, and how that is switched off."""
    return [(fault.name, fault.healer, fault.off) for fault in faults]


def written(text: str) -> list[tuple[str, str, str]]:
    """Read the same from a document: name and healer come first, and how it is switched off last but one."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    head, _, *told = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return [(row[0], row[1], row[-2]) for row in told if len(row) == len(head)]


def as_text(trials: Trials) -> str:
    """Write the document."""
    rows = [_HEAD, tuple("---" for _ in _HEAD), *(_row(fault, trials) for fault in FAULTS)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return _TEXT.format(
        table=table,
        within=WITHIN,
        long_enough=LONG_ENOUGH,
        day=datetime.now(UTC).date().isoformat(),
        night=NIGHT_MB,
        cores=os.cpu_count(),
        load=os.getloadavg()[2],
        slowest=max(outcome.seconds for outcome in trials.healed.values()),
        changes=sum(outcome.changes for outcome in (*trials.healed.values(), *trials.unhealed.values())),
    )


def _row(fault: Fault, trials: Trials) -> tuple[str, ...]:
    healed, unhealed = trials.healed[fault.name], trials.unhealed[fault.name]
    late = "" if healed.equal and healed.seconds <= WITHIN else "**late** " if healed.equal else "**not equal** "
    seen = "**equal all the same**" if unhealed.equal else _short(unhealed.seen)
    return (
        fault.name,
        fault.healer,
        healed.healed_by,
        "re-snapshot" if healed.was_resnapshotted else "goes on",
        f"{late}{healed.seconds:.0f} s",
        f"{healed.rows:,}",
        f"{healed.changes:,}",
        fault.off,
        seen,
    )


def _short(seen: str) -> str:
    """Cut what was seen to a cell: without examples, which are of one run."""
    plain = re.sub(r"(\d[\d,]*) rows and [\d,]+ changes compared, ", "", seen)
    plain = re.sub(r": (transactions|transaction_details|inventory) .*?(?=; |$)", "", plain).replace("|", "/")
    return plain if len(plain) <= _SEEN else plain[: _SEEN - 1] + "…"


_TEXT = """<!-- Written by `make test-faults`. Change the suite, not this file. -->
# What dies, and what becomes of it

A writer, in a process of its own, makes sales, returns, corrections, updates and deletes as stores and as headquarters,
about twenty changes a second, and notes each before and after its COMMIT in a journal. Under it each fault is injected.
Then the writer ends, and a program that shares no code with `retail-pipeline verify` compares every row of the three
streamed tables with its document, byte by byte, and every change of the journal with its rows.

With healing, all must be equal within {within:.0f} s after what was hit answers again, with no hand but the
supervisor's, the sensors' and the retries of Debezium, Connect and the drivers. The same fault is injected again with
that healer switched off; then it must be seen to stay broken for {long_enough:.0f} s, or longer where healing takes
longer, and what is seen is told. The writer goes on for its next changes when the clock runs, and only a whole reading
that is equal stops it, so a figure is an upper bound to a few seconds. Each row is of the last time that its fault was
injected. The *healer* is who is to heal; *healed by* says who was seen to, in that order: the supervisor and Dagster's
sensors judge alike, and who looks first heals. The stream *goes on* from where it was, or it needs a *re-snapshot*: a
new slot, and the streamed collections filled from its snapshot.

Last run: {day}, {cores} cores, load average {load:.1f}; {changes:,} changes under faults; the slowest recovery took
{slowest:.0f} s.

{table}

"Disk full" is a limit on the size of the broker's files: a write fails where it would on a full disk, with EFBIG for
ENOSPC, and what restarts the broker finds room again. Links are cut by a proxy between Kafka Connect and the other
server; everybody else still reaches that server. A "night" is played with a limit of {night} MB on the WAL that the
slot retains: the worker is stopped, sales and other tables are written until the slot retains 82 % of the limit,
`status` and the sensors are seen to alarm, and then the worker is started again; or the limit is passed first, and the
slot lost.

What becomes of memory and WAL under all this, [an hour of sales](soak.md) tells.
"""
