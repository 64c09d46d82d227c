"""How many writers write? One in a trial; several side by side where one is too slow, each with stores of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from retail_pipeline.settings import PROJECT
from retail_pipeline_tests.faults.writer import Order

# A change that waits for a server that was hit may need so long.
_ENDS_WITHIN = 180.0
_COMMITTED = b'{"event":"committed"'


class Writers:
    """The processes, and their journals in a folder: what one began the next of its place goes on with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._begun = 0
        self._counted: dict[Path, tuple[int, int]] = {}

    @property
    def journals(self) -> list[Path]:
        """Return the journals of every writer that there was."""
        return sorted(self._folder.glob("journal-*.jsonl"))

    @property
    def log(self) -> Path:
        """Where they say what the database refused, and why they ended."""
        return self._folder / "writer.log"

    def begin(self, order: Order, count: int = 1) -> None:
        """Start so many, which share the stores and the rate of an order."""
        self._begun += 1
        for number in range(count):
            own = replace(
                order,
                stores=dict(list(order.stores.items())[number::count]),
                rate=order.rate / count,
                journal=str(self._folder / f"journal-{number}.jsonl"),
                seed=1000 * self._begun + number,
            )
            path = self._folder / f"order-{number}.json"
            own.write(path)
            with self.log.open("ab") as log:
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "retail_pipeline_tests.faults.writer", str(path)],
                        cwd=PROJECT,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def changes(self) -> int:
        """Count what was committed so far."""
        for path in self.journals:
            at, count = self._counted.get(path, (0, 0))
            with path.open("rb") as file:
                file.seek(at)
                new = file.read()
            whole = new.rfind(b"\n") + 1
            self._counted[path] = (at + whole, count + new.count(_COMMITTED, 0, whole))
        return sum(count for _, count in self._counted.values())

    def see_that_they_live(self) -> None:
        """Raise AssertionError where one has ended by itself."""
        assert self._processes, "no writer was begun"
        assert all(process.poll() is None for process in self._processes), f"a writer ended: {self._last_words()}"

    def end(self, *, kill: bool = False) -> None:
        """Let each end after the change in hand; `kill`: at once, what is unknown is resolved later."""
        processes, self._processes = self._processes, []
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        codes = [process.wait(_ENDS_WITHIN) for process in processes]
        assert kill or not any(codes), self._last_words()

    def _last_words(self) -> str:
        return self.log.read_text()[-2000:]
