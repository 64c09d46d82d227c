"""What no stream can beat: a commit seen by pg_recvlogical, its rows written by pymongo. Started by `bench.cdc`."""

from __future__ import annotations

import datetime as dt
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pymongo import MongoClient, ReplaceOne

from retail_pipeline.bench.programs import program, without_password
from retail_pipeline.mirror import documents
from retail_pipeline.tables import RED, SCHEMA, Table

READY = "ready"

_CHANGE = re.compile(r"table (\w+)\.(\w+): (?:INSERT|UPDATE): (.*)")
_COLUMN = re.compile(r"(\w+)\[([^\]]+)\]:('(?:[^']|'')*'|\S+)")
_TABLES = {table.name: table for table in RED}
_MOST_AT_ONCE = 5_000


def main() -> None:
    """Carry the changes of one slot until standard input ends; its first line says what from and what to."""
    plan = json.loads(sys.stdin.readline())
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as folder:
        address, password_file = without_password(plan["postgres"], Path(folder) / "password")
        command = [program("pg_recvlogical"), "--start", f"--slot={plan['slot']}", f"--dbname={address}", "--file=-"]
        command += ["--option=skip-empty-xacts=1", "--option=include-xids=0", "--no-loop", "--status-interval=1"]
        environment = {**os.environ, "PGPASSFILE": str(password_file)}
        receiver = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1)
        with receiver:
            threading.Thread(target=_stop_at_end_of_input, args=(receiver,), daemon=True).start()
            client: MongoClient[dict[str, Any]] = MongoClient(plan["mongo"], w="majority", journal=True)
            with client:
                _carry(receiver, client[plan["database"]])


def _stop_at_end_of_input(receiver: subprocess.Popen[str]) -> None:
    sys.stdin.read()
    receiver.terminate()


def _carry(receiver: subprocess.Popen[str], database: Any) -> None:
    """Hand each committed row to the writer of its collection: side by side, each with all that is there by then."""
    waiting: dict[str, queue.SimpleQueue[Any]] = {name: queue.SimpleQueue() for name in _TABLES}
    writers = [threading.Thread(target=_write, args=(waiting[name], database[name])) for name in _TABLES]
    for writer in writers:
        writer.start()
    print(READY, flush=True)
    for table, document in committed(iter(receiver.stdout or ())):
        waiting[table.name].put(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
    for name in _TABLES:
        waiting[name].put(None)
    for writer in writers:
        writer.join()


def _write(waiting: queue.SimpleQueue[Any], collection: Any) -> None:
    while (first := waiting.get()) is not None:
        batch = [first]
        while not waiting.empty() and len(batch) < _MOST_AT_ONCE:
            batch.append(waiting.get())
        ended = batch[-1] is None
        collection.bulk_write(batch[:-1] if ended else batch, ordered=True)
        if ended:
            return


def committed(lines: Iterator[str]) -> Iterator[tuple[Table, Mapping[str, Any]]]:
    """Read what test_decoding writes: yield table and document of each streamed row once its commit is there."""
    rows: list[tuple[Table, Mapping[str, Any]]] = []
    for line in lines:
        if line.startswith("COMMIT"):
            yield from rows
            rows.clear()
        elif (change := _CHANGE.match(line)) and change[1] == SCHEMA and change[2] in _TABLES:
            table = _TABLES[change[2]]
            values = {name: _value(kind, text) for name, kind, text in _COLUMN.findall(change[3])}
            rows.append((table, documents.from_row(table, [values[name] for name in table.column_names])))


def _value(kind: str, text: str) -> Any:
    """Read one value as psycopg2 would."""
    if text == "null":
        return None
    if text.startswith("'"):
        text = text[1:-1].replace("''", "'")
    if kind in ("integer", "bigint"):
        return int(text)
    if kind == "boolean":
        return text == "true"
    if kind == "numeric":
        return Decimal(text)
    return dt.datetime.fromisoformat(text) if kind.startswith("timestamp") else text


if __name__ == "__main__":
    main()
