"""A landing folder with a ledger and a Dagster of the test's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from retail_pipeline.errors import WarehouseError
from retail_pipeline.landing.arrivals import Ended, Outcome
from retail_pipeline.landing.memory import File
from retail_pipeline.landing.tick import Tick, tick
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import ledger


class Landing:
    """A folder, what is loaded, and the runs by their keys; a run that was asked for waits until it is ended."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings.from_environment({"RETAIL_HOME": str(home), "RETAIL_POSTGRES_DSN": "postgresql://"})
        self.folder = self.settings.landing
        self.folder.mkdir()
        self.loaded: set[str] = set()
        self.away = False
        self.questions: list[str] = []
        self.fingerprints: list[Collection[str]] = []
        self.runs: dict[str, Outcome] = {}
        self.files: dict[str, File] = {}
        self.news: list[str] = []
        self.now = 0.0

    def put(self, name: str | bytes, content: str = "") -> Path:
        """Put a file into the folder, each with a content of its own."""
        path = self.folder / (name if isinstance(name, str) else name.decode(errors="surrogateescape"))
        path.write_bytes((content or f"sales of {name!r}").encode())
        return path

    def look(self) -> Tick:
        """Tick once, half a minute after the last, without handing the requests over."""
        self.now += 30
        return tick(self.settings, self.outcomes, self.news.append, self.now)

    def tick(self) -> Tick:
        """Tick once; Dagster makes one run for a key."""
        found = self.look()
        for file in found.requests:
            self.files.setdefault(file.run_key, file)
            self.runs.setdefault(file.run_key, Outcome(Ended.NOT_YET))
        return found

    def outcomes(self, keys: list[str]) -> Mapping[str, Outcome]:
        """Return how runs ended."""
        self.questions.append("runs")
        return {key: self.runs[key] for key in keys if key in self.runs}

    def known(self, _: Settings, fingerprints: Collection[str]) -> set[str]:
        """Return what is loaded."""
        self.questions.append("ledger")
        self.fingerprints.append(fingerprints)
        if self.away:
            raise WarehouseError("PostgreSQL is away.")
        return self.loaded & set(fingerprints)

    def end(self, ended: Ended = Ended.WELL, reason: str = "", fingerprint: str = "") -> None:
        """End every run that waits; `fingerprint` is that of the file which they read."""
        for key, outcome in self.runs.items():
            if outcome.ended is Ended.NOT_YET:
                self.runs[key] = Outcome(ended, reason, fingerprint)
                if ended is Ended.WELL:
                    self.loaded.add(fingerprint or str(self.files[key].fingerprint))

    @property
    def asked(self) -> list[bytes]:
        """The names that runs were made for, in order."""
        return [file.name for file in self.files.values()]


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Landing:
    """Return an empty landing folder."""
    place = Landing(tmp_path)
    monkeypatch.setattr(ledger, "known", place.known)
    return place
