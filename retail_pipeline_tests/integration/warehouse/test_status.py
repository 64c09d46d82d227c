"""What `status` says of sessions that wait for each other, asked of the real server."""

from __future__ import annotations

import threading

from retail_pipeline.settings import Settings
from retail_pipeline.status import stores
from retail_pipeline.warehouse import connection
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
            lambda: [line for line in stores.lines(company) if not line.ok], "a session that waits", patience=30
        )
        holder.rollback()
    sale.join(30)

    assert "store_user_2" in line.name
    assert "store_user_1" in line.detail
    assert waited.is_set()
