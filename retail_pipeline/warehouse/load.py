"""How does a file come into the tables? Copied to staging, then set by set in one transaction; its stock follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors as pg_errors
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.errors import BlockedError, SourceError, WarehouseError, first_line
from retail_pipeline.settings import SQL, Settings
from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.file import SourceFile, open_source
from retail_pipeline.warehouse import exclusion, load_account, load_staging, load_stock, load_wal, locks
from retail_pipeline.warehouse.connection import LOADER, connect, one
from retail_pipeline.warehouse.load_report import LoadReport, refusal

ERROR_SHARE = 0.01
SCRIPTS = SQL / "load"
# Staging is read by every core: its rows are many, and the planner's prices are those of a server with many sessions.
# What was written in an order is read in it. Of tables that were filled just now the planner knows the size alone, and
# would sort wide rows for a merge where a hash does.
_SESSION = """
set local work_mem = '256MB';
set local jit = off;
set local parallel_setup_cost = 10;
set local parallel_tuple_cost = 0.005;
set local min_parallel_table_scan_size = '1MB';
set local synchronize_seqscans = off;
set local enable_mergejoin = off;
set local default_statistics_target = 20;
set local datestyle = 'ISO, MDY';
set local timezone = 'UTC';
set local search_path = pg_catalog, pg_temp;
"""
_STEPS = {
    "05_lookups": "lookup values",
    "06_lines": "numbering the lines",
    "07_winners": "choosing the latest values",
    "08_loaded_competitors": "comparing with loaded rows",
    "09_masters": "products, customers and what else sales refer to",
    "10_sales": "sales and their lines",
    "11_conflicts": "conflicts",
    "12_stock": "noting what stock is to set",
    "13_account": "the account",
}
# What a transaction of sales alone needs may be kept by a store that locks a table: so long it is waited for.
LOCK_SECONDS = 60.0
# What a store enters while a load runs may be what the file brings. The next attempt finds it in the tables.
ATTEMPTS = 3
# From so many rows on, references are checked as sets: by row they would take three times as long as all the rest.
AS_SETS = 20_000


class EnteredMeanwhileError(WarehouseError):
    """Somebody entered what a file brings while it was being loaded; nothing of it was."""


def load_file(
    settings: Settings,
    path: Path,
    *,
    accept: bool = False,
    error_share: float = ERROR_SHARE,
    unless_others: bool = False,
    stock_timeout: float = load_stock.TIMEOUT,
    report: Callable[[str], None] = lambda _: None,
) -> LoadReport:
    """Load a file whole or, where more than `error_share` of its rows break rules and not `accept`, not at all.

    A file that is in the ledger is not loaded again. With `unless_others` it is not loaded where another file is, nor
    beside one that is being loaded. Its sales are committed together, its stock after them in small batches; a store
    whose stock somebody keeps locked is tried for `stock_timeout` seconds. What a load that was cut short left to set
    is set first; what stays locked is left for the next load and named in the report. Raises SourceError for a file
    that is none of sales, RefusedFileError for one with too many bad rows, DoubtfulDatesError for one whose dates may
    be in another order, BlockedError where somebody keeps a lock, WarehouseError where PostgreSQL does not take it.
    """

    def attempt() -> LoadReport:
        load: _Load | None = None
        try:
            with connect(settings, LOADER, lock_seconds=LOCK_SECONDS) as connection:
                load = _Load(settings, connection, open_source(path), started, report)
                return load.run(
                    accept=accept, error_share=error_share, unless_others=unless_others, stock_timeout=stock_timeout
                )
        except BlockedError as error:
            if load and load.is_committed:
                raise
            raise BlockedError(f"{error.message} Nothing of {path} was loaded.", error.next_step) from error
        except (pg_errors.UniqueViolation, pg_errors.DeadlockDetected) as error:
            message = f"{path} brings something that was entered here in the same moment: nothing was loaded."
            raise EnteredMeanwhileError(message, "load it again") from error
        except psycopg2.Error as error:
            committed = load and load.is_committed
            kept = "Its sales are loaded, its stock is not all set" if committed else "Nothing was loaded"
            raise WarehouseError(
                f"PostgreSQL did not take {path}: {first_line(error)}. {kept}.", "load it again"
            ) from error

    started = time.monotonic()
    for _ in range(1, ATTEMPTS):
        try:
            return attempt()
        except EnteredMeanwhileError as error:
            report(f"{error.message} Beginning again.")
    return attempt()


class _Load:
    """One load: a connection of the loader, the file, and the time that each stage took."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        source: SourceFile,
        started: float,
        report: Callable[[str], None],
    ) -> None:
        self.is_committed = False
        self._settings = settings
        self._connection = connection
        self._source = source
        self._started = started
        self._report = report
        self._stages: dict[str, float] = {}

    def run(self, *, accept: bool, error_share: float, unless_others: bool, stock_timeout: float) -> LoadReport:
        with self._connection.cursor() as cursor:
            exclusion.take(self._settings, self._connection, locks.LOAD, "another load", report=self._report)
            if known := self._in_ledger(cursor, stock_timeout):
                return known
            load_stock.complete_others(self._settings, self._connection, self._report)
            if unless_others and self._has_others(cursor):
                return LoadReport.nothing()
            cursor.execute(_SESSION)
            load_wal.check(cursor, self._source)
            self._stage_rows(cursor)
            counts = self._verdict(cursor, accept=accept, error_share=error_share)
            self._script(cursor, "04_ledger", "the ledger")
            if not counts["accepted"]:
                self._script(cursor, "15_clear", "clearing")
                self._connection.commit()
                copied, report = self._copied, self._summary(counts)
                raise refusal(self._source.name, report, error_share, copied.dates, copied.cut)
            as_sets = counts["loaded"] >= AS_SETS
            if as_sets:
                cursor.execute("set local session_replication_role = replica")
            for name, title in _STEPS.items():
                self._script(cursor, name, title)
            self._check_account(cursor, counts)
            if as_sets:
                self._check_references(cursor)
            self._script(cursor, "15_clear", "clearing")
            with self._stage("commit", "committing"):
                self._connection.commit()
            self.is_committed = True
            with self._stage("stock", "stock"):
                outcome = load_stock.set_all(
                    self._settings, self._connection, counts["file_id"], self._report, stock_timeout
                )
            self._tell_left(outcome, self._source.name)
            load_account.note_seconds(cursor, counts["file_id"], self._started)
            account = load_account.read(cursor, counts["file_id"])
            self._connection.commit()
            seconds = time.monotonic() - self._started
            self._report(
                f"{counts['loaded']:,} rows loaded, {counts['quarantined']:,} set aside, "
                f"{counts['duplicates']:,} duplicates, in {seconds:.1f} s; sales waited {outcome.longest:.1f} s at most"
            )
            if lag := account["expected_lag_seconds"]:
                self._report(
                    f"the stream has {account['streamed_changes']:,} changes to carry: "
                    f"MongoDB is behind for about {lag:,.0f} s, and the sensors know it"
                )
            return self._summary(counts, account, outcome, seconds)

    def _in_ledger(self, cursor: Cursor, stock_timeout: float) -> LoadReport | None:
        """Return the report of a file that is loaded already, after what was left of its stock is set."""
        cursor.execute(
            "select file_id, name, stock_to_set <> '{}' from retail.files where sha256 = %s and accepted",
            (self._source.sha256,),
        )
        found = cursor.fetchone()
        self._connection.commit()
        if not found:
            return None
        file_id, name, is_unset = found
        self.is_committed = True
        outcome = load_stock.Outcome()
        if is_unset:
            outcome = load_stock.resume(self._settings, self._connection, (file_id, name), self._report, stock_timeout)
            self._tell_left(outcome, name)
        load_stock.complete_others(self._settings, self._connection, self._report)
        self._report(f"{self._source.name} is loaded already; nothing to do")
        return LoadReport(
            file_id, self._source.sha256, already_loaded=True, accepted=True, read=0, loaded=0, quarantined=0,
            duplicates=0, tables=load_account.tables(cursor), seconds=time.monotonic() - self._started,
            stock_left=outcome.left,
        )  # fmt: skip

    def _tell_left(self, outcome: load_stock.Outcome, name: str) -> None:
        if outcome.left:
            self._report(f"{outcome.sentence(name)} Next: {load_stock.NEXT}")

    def _has_others(self, cursor: Cursor) -> bool:
        cursor.execute("select exists (select from retail.files where accepted)")
        others: bool = one(cursor)[0]
        if others:
            self._report("No file is named, and others than the sample are loaded: nothing is loaded.")
        return others

    def _stage_rows(self, cursor: Cursor) -> None:
        self._script(cursor, "01_staging", "staging")
        source = self._source
        started_at = datetime.now(UTC)
        cursor.execute(
            "insert into staging.this_load (file_id, sha256, file_name, bytes, column_names, started_at) "
            "values (nextval('retail.file_number'), %s, %s, %s, %s, %s)",
            (source.sha256, source.name, source.size, list(NAMES), started_at),
        )
        with self._stage("copy", f"reading {source.name}, {source.size / 1e6:,.1f} MB"):
            self._copied = load_staging.copy(cursor, source, self._report)
            self._rows = self._copied.rows
            cursor.execute("analyze staging.incoming")
        if not self._rows:
            raise SourceError(f"{source.path} has a header and no rows.", "check that the export ended well")
        self._script(cursor, "02_duplicates", "duplicates")
        load_staging.view_file_rows(cursor)
        self._script(cursor, "03_known_sales", "sales that are loaded already")

    def _verdict(self, cursor: Cursor, *, accept: bool, error_share: float) -> dict[str, int]:
        """Count the rows; decide whether the file loads; set both down for the ledger."""
        cursor.execute(
            "select (select count(*) from staging.incoming), (select count(*) from staging.rejected), "
            "(select count(*) from staging.duplicates), "
            "(select count(distinct (aside_file, aside_line)) from staging.corrected), "
            "(select file_id from staging.this_load)"
        )
        loaded, quarantined, duplicates, released, file_id = one(cursor)
        if self._rows != loaded + quarantined + duplicates:
            message = (
                f"The account of {self._source.path} does not add up: {self._rows} rows were read, "
                f"{loaded} would load, {quarantined} are set aside, {duplicates} are duplicates."
            )
            raise WarehouseError(message, "report this: it is a fault of the program")
        accepted = accept or (quarantined <= error_share * self._rows and not self._copied.dates.is_question)
        counts = {
            "accepted": int(accepted),
            "read": self._rows,
            "loaded": loaded if accepted else 0,
            "quarantined": quarantined,
            "duplicates": duplicates,
            "released": released if accepted else 0,
            "file_id": file_id,
        }
        cursor.execute(
            "create unlogged table staging.verdict as select %s as accepted, %s::bigint as rows_read, "
            "%s::bigint as rows_loaded, %s::bigint as rows_quarantined, %s::bigint as rows_duplicate",
            (accepted, self._rows, loaded, quarantined, duplicates),
        )
        return counts

    def _check_account(self, cursor: Cursor, counts: dict[str, int]) -> None:
        """Check that as many rows are in the tables as were to load."""
        cursor.execute("select rows_in_tables from staging.counted")
        (in_tables,) = one(cursor)
        if in_tables != counts["loaded"]:
            message = f"{counts['loaded']} rows of {self._source.path} should be in the tables, {in_tables} are."
            raise WarehouseError(message, "report this: it is a fault of the program")
        load_account.note_seconds(cursor, counts["file_id"], self._started)

    def _check_references(self, cursor: Cursor) -> None:
        """Ask what the row triggers, which are off, would have asked."""
        with self._stage("14_references", "references"):
            cursor.execute((SCRIPTS / "14_references.sql").read_text())
            (query,) = one(cursor)
            cursor.execute(query)
        if broken := [f"{name} ({count} rows)" for name, count in cursor.fetchall() if count]:
            message = f"Rows of {self._source.path} would refer to what is not there: {', '.join(broken)}."
            raise WarehouseError(message, "load it again; if it stays, report it: it is a fault of the program")

    def _summary(
        self,
        counts: dict[str, int],
        account: dict[str, Any] | None = None,
        outcome: load_stock.Outcome | None = None,
        seconds: float | None = None,
    ) -> LoadReport:
        outcome = outcome or load_stock.Outcome()
        return LoadReport(
            counts["file_id"],
            self._source.sha256,
            already_loaded=False,
            accepted=bool(counts["accepted"]),
            read=counts["read"],
            loaded=counts["loaded"],
            quarantined=counts["quarantined"],
            duplicates=counts["duplicates"],
            released=counts["released"],
            **(account or {}),
            stages=self._stages,
            blocked_seconds=outcome.longest,
            stock_left=outcome.left,
            seconds=time.monotonic() - self._started if seconds is None else seconds,
        )

    def _script(self, cursor: Cursor, name: str, title: str) -> None:
        with self._stage(name, title):
            cursor.execute((SCRIPTS / f"{name}.sql").read_text())

    @contextmanager
    def _stage(self, name: str, title: str) -> Iterator[None]:
        self._report(title)
        started = time.monotonic()
        yield
        self._stages[name] = time.monotonic() - started
