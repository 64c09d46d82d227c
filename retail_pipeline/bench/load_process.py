"""One load in a process of its own, so that the memory is the load's alone. Started by `bench.load`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import load


def main() -> None:
    """Load the file that is named, and print how long what took and the most memory that it ever held."""
    report = load.load_file(Settings.from_environment(), Path(sys.argv[1]))
    print(
        json.dumps(
            {
                "read": report.read,
                "loaded": report.loaded,
                "seconds": report.seconds,
                "blocked_seconds": report.blocked_seconds,
                "stages": report.stages,
                "peak_mb": _peak_mb(),
            }
        )
    )


def _peak_mb() -> float:
    """Read the high-water mark of this process's own memory; getrusage would count its parent's before the start."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
