"""The bench of excesses runs from end to end, and says so where nobody watches over what stores do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from retail_pipeline.bench import database, noisy_neighbor
from retail_pipeline.bench.excesses import EXCESSES, Excess
from retail_pipeline.bench.result import Result
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, watch
from retail_pipeline_tests.integration.shop import rows

LOCK = Excess("a table locked", next(one.go for one in EXCESSES if one.name == "access exclusive lock"), seconds=12)
QUIET = replace(EXCESSES[0], seconds=1)
SIZES = noisy_neighbor.Sizes(
    stores=3, products=20, sold=60, neighbors=2, rate=20, quiet=2, commands=False, excesses=(QUIET, LOCK)
)


@contextmanager
def _watched(settings: Settings) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        with watch.watching(settings) as watcher:
            assert watcher is not None
            while not over.wait(watcher.pause):
                watcher.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _measured(settings: Settings, *, is_watched: bool) -> Result:
    with database.sites(settings, "noisy_neighbor") as (site,):
        noisy_neighbor.open_stores(site, SIZES, print)
        if not is_watched:
            return noisy_neighbor.measure(site.settings, print, SIZES)
        with _watched(site.settings):
            return noisy_neighbor.measure(site.settings, print, SIZES)


def test_a_store_that_locks_a_table_is_shut_out_and_no_sale_is_refused(stack_settings: Settings) -> None:
    result = _measured(stack_settings, is_watched=True)

    assert result.faults == []
    assert [one.name for one in result.comparisons] == [
        f"{name}: {what}" for name in ("nothing", "a table locked") for what in ("slowest", "p99 then")
    ]
    assert result.details["nothing"]["acts"] == {}
    assert result.details["nothing"]["sales"] == 20 * (2 * 2 + QUIET.seconds)
    locked = result.details["a table locked"]
    assert locked["acts"] == {"blocking": 3, "shut_out": 1}
    assert locked["goes"] == 3
    assert locked["shut_out_after_s"] < LOCK.seconds
    # A login is of the whole server: what the bench leaves closed is closed to whatever comes next.
    with connection.connect_dsn(stack_settings.require("postgres_dsn")) as superuser:
        assert not rows(superuser, "select rolname from pg_roles where rolname ~ '^store_user_' and not rolcanlogin")


def test_without_a_watch_a_sale_is_refused_and_that_is_told(stack_settings: Settings) -> None:
    result = _measured(stack_settings, is_watched=False)

    (refused,) = [fault for fault in result.faults if "was refused" in fault]
    assert refused.startswith("a table locked: a sale was refused: ")
    assert result.details["a table locked"]["acts"] == {}
