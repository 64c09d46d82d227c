"""How many calls a second? PostgreSQL's own pgbench, one process for each login, all at once."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.bench.database import BenchError
from retail_pipeline.bench.programs import program, without_password

_DONE = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)
_SECOND = re.compile(r"^progress: [0-9.]+ s, ([0-9.]+) tps", re.MULTILINE)
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Client:
    """One process: who connects, how often at once, and what the script's variables are."""

    address: str
    connections: int
    variables: Mapping[str, int]


@dataclass(frozen=True)
class Figures:
    """What all processes did together; the failed ones were aborted by the server, as in a deadlock."""

    done: int
    failed: int
    per_second: float


def run(script: Path, clients: Sequence[Client], seconds: int, warm_up: int) -> Figures:
    """Run the script by all clients at once for so many seconds, after some that count as done but not as measured.

    A new connection reads the catalog and plans its statements, which a shop's, open all day, did long ago.
    """
    pgbench = program("pgbench")
    running = []
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as folder:
        for number, client in enumerate(clients):
            address, password_file = without_password(client.address, Path(folder) / f"password-{number}")
            running.append(
                subprocess.Popen(
                    [
                        pgbench,
                        "--no-vacuum",
                        "--protocol=prepared",
                        f"--file={script}",
                        f"--client={client.connections}",
                        f"--time={warm_up + seconds}",
                        "--progress=1",
                        *(f"--define={name}={value}" for name, value in client.variables.items()),
                        address,
                    ],
                    env={"PGPASSFILE": str(password_file), "PGAPPNAME": "retail-pipeline bench", "LC_ALL": "C"},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        figures = [_figures(process, seconds, warm_up) for process in running]
    return Figures(
        sum(one.done for one in figures),
        sum(one.failed for one in figures),
        sum(one.per_second for one in figures),
    )


def _figures(process: subprocess.Popen[str], seconds: int, warm_up: int) -> Figures:
    try:
        output, errors = process.communicate(timeout=warm_up + seconds + _TIMEOUT)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise BenchError("pgbench did not end when its time was over.") from error
    done, failed = _DONE.search(output), _FAILED.search(output)
    rates = [float(rate) for rate in _SECOND.findall(errors)][warm_up:]
    if process.returncode or not (done and failed and rates):
        raise BenchError(f"pgbench failed: {errors.strip() or output.strip()}")
    return Figures(int(done[1]), int(failed[1]), statistics.mean(rates))
