"""What became of a file? Its account, kept with it in the ledger, and the refusal of a file with too many bad rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from retail_pipeline.errors import SourceError
from retail_pipeline.source.date_order import Judgement


@dataclass(frozen=True)
class LoadReport:
    """The account of one load: read = loaded + quarantined + duplicates.

    `conflicts` counts by dependency the values of loaded rows that lost, `warnings` rows by rule that only warns,
    `tables` the rows that each business table has now. `stages` are seconds of each step; sales of the same products
    had to wait for `blocked_seconds` at most. `released` rows that were set aside before have come corrected.
    Where the stream is on, MongoDB is `expected_lag_seconds` behind after the commit, at most, for it has
    `streamed_changes` to carry. `stock_left` has the reason of each store whose stock is still to set.
    """

    file_id: int
    sha256: str
    already_loaded: bool
    accepted: bool
    read: int
    loaded: int
    quarantined: int
    duplicates: int
    released: int = 0
    conflicts: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    streamed_changes: int = 0
    expected_lag_seconds: float = 0.0
    blocked_seconds: float = 0.0
    stock_left: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def nothing(cls) -> LoadReport:
        """Return the account where no file was named and there was none to load."""
        return cls(0, "", already_loaded=True, accepted=True, read=0, loaded=0, quarantined=0, duplicates=0)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as the command prints it in JSON: `conflicts` is how many values lost."""
        return {
            "read": self.read,
            "loaded": self.loaded,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "conflicts": sum(self.conflicts.values()),
            "tables": self.tables,
            "seconds": round(self.seconds, 3),
            "conflicts_by_dependency": self.conflicts,
            "warnings": self.warnings,
            "released": self.released,
            "streamed_changes": self.streamed_changes,
            "expected_lag_seconds": round(self.expected_lag_seconds, 1),
            "blocked_seconds": round(self.blocked_seconds, 3),
            "stock_left": {str(store): reason for store, reason in self.stock_left.items()},
            "file_id": self.file_id,
            "sha256": self.sha256,
        }

    @property
    def quarantined_share(self) -> float:
        """The share of read rows that were set aside."""
        return self.quarantined / self.read if self.read else 0.0


class RefusedFileError(SourceError):
    """Too many rows of a file were set aside, so none was loaded; the rows and their reasons are kept in quarantine."""

    def __init__(self, name: str, report: LoadReport, limit: float, hint: str = "") -> None:
        self.report = report
        super().__init__(
            f"{report.quarantined:,} of {report.read:,} rows of {name} ({report.quarantined_share:.1%}) break rules, "
            f"more than {limit:.1%}: nothing was loaded.{hint and f' {hint}'}",
            f"see why in retail.quarantine where file_id = {report.file_id} and correct the file, "
            "or load its good rows with `--accept`",
        )


class DoubtfulDatesError(SourceError):
    """A file's dates fit another order as well or better, so a person must say which it is; nothing was loaded."""

    def __init__(self, name: str, report: LoadReport, dates: Judgement) -> None:
        self.report = report
        super().__init__(
            f"{dates.sentence()} So nothing of {name} was loaded.\n{dates.readings()}",
            "where they are month/day/year, `retail-pipeline load CSV --accept` loads them; "
            "else export the file again with dates written month/day/year",
        )


def refusal(name: str, report: LoadReport, limit: float, dates: Judgement, cut: int | None) -> SourceError:
    """Return why a file was refused, with all that is known of its reason."""
    if report.quarantined <= limit * report.read:
        return DoubtfulDatesError(name, report, dates)
    hints = [dates.sentence(), f"The file ends in the middle of line {cut}, so it may be cut." if cut else ""]
    return RefusedFileError(name, report, limit, " ".join(filter(None, hints)))
