"""What `status` says of sessions that wait for each other, asked of the real server."""

from __future__ import annotations

import threading

from retail_pipeline.settings import Settings
from retail_pipeline.status import stores
from retail_pipeline.warehouse import connection, locks
from retail_pipeline_tests.integration import mirrored, shop


def test_a_sale_that_waits_is_named_with_whom_it_waits_for(company: Settings) -> None:
    waited = threading.Event()

    def sell() -> None:
        with connection.connect(company, connection.store_role(2)) as store:
            shop.sell(store, [100], [1], store=2)
        waited.set()

    assert [line.ok for line in stores.lines(company)] == [True]
    with connection.connect(company, connection.store_role(1)) as holder:
        shop.run(holder, "lock table retail.transactions in access exclusive mode")
        sale = threading.Thread(target=sell)
        sale.start()
        [line] = mirrored.eventually(
            lambda: [line for line in stores.lines(company) if not line.ok], "a session that waits", timeout=30
        )
        holder.rollback()
    sale.join(30)

    assert "store_user_2" in line.name
    assert "store_user_1" in line.detail
    assert waited.is_set()


def test_a_load_that_waits_for_its_turn_is_no_problem(company: Settings) -> None:
    def load() -> None:
        with connection.connect(company, connection.LOADER, lock_seconds=30) as loader:
            shop.run(loader, f"select pg_advisory_xact_lock({locks.LOAD})")

    with connection.connect(company, connection.LOADER) as holder:
        shop.run(holder, f"select pg_advisory_xact_lock({locks.LOAD})")
        second = threading.Thread(target=load)
        second.start()
        mirrored.eventually(lambda: _waits(company, 1.5), "the load, waiting for its turn", timeout=30)
        problems = [line for line in stores.lines(company) if not line.ok]
        holder.rollback()
    second.join(30)

    assert problems == []


def _waits(settings: Settings, seconds: float) -> bool:
    with connection.connect_dsn(settings.require("postgres_dsn")) as server:
        late = f"waitstart < clock_timestamp() - interval '{seconds} s'"
        return shop.rows(server, f"select count(*) > 0 from pg_locks where not granted and {late}") == [(True,)]
