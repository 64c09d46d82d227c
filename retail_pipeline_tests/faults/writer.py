"""Who makes changes while servers die? A process of its own: sales, returns, corrections and deletes at a steady rate.

It logs in as stores and as headquarters, one change a transaction, one after the other, so that the order of its
journal is the order of the commits. Where PostgreSQL is away it tries again until it is back. SIGTERM ends it after
the change in hand; SIGKILL may end it anywhere, the journal says what is not known.

    python -m retail_pipeline_tests.faults.writer ORDER.json
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline_tests.faults import journal as journals
from retail_pipeline_tests.faults.journal import Change, Journal
from retail_pipeline_tests.faults.shop import KINDS, NothingToDoError, Shop

_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Order:
    """What to do: where to write as whom, changes a second, and the journal. `admin` may act for every store.

    `weights` say how often each kind of change is made, of their sum.
    """

    stores: dict[str, str]
    admin: str
    rate: float
    weights: dict[str, int]
    journal: str = ""
    seed: int = 0

    def write(self, path: Path) -> None:
        """Write it for the process to read; it holds passwords."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Order:
        """Read it."""
        return cls(**json.loads(path.read_text()))


class Writer:
    """The loop."""

    def __init__(self, order: Order, journal: Journal) -> None:
        self._order = order
        self._journal = journal
        self._chance = random.Random(order.seed)  # noqa: S311  which change comes next is no secret
        self._shops: dict[str, Shop] = {}
        self._ended = False

    def end(self, *_: object) -> None:
        """End after the change in hand."""
        self._ended = True

    def run(self) -> None:
        """Make changes until told to end; then leave nothing unknown."""
        due = time.monotonic()
        while not self._ended:
            time.sleep(max(0.0, due - time.monotonic()))
            # What was not made while the server was away is not made up for.
            due = max(due, time.monotonic() - 1) + 1 / self._order.rate
            self._until_done(self._change)
        self._until_done(lambda: self._resolve() if self._journal.unknown else None)

    def _until_done(self, work: Callable[[], None]) -> None:
        """Do it; where the connection breaks connect again, resolve what is not known, and leave it at that."""
        for attempt in range(10_000):
            try:
                if attempt:
                    self._resolve()
                else:
                    work()
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self._hang_up()
                time.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            else:
                return

    def _change(self) -> None:
        store = self._chance.choice(list(self._order.stores))
        weights = self._order.weights
        make = self._chance.choices(list(KINDS), [weights.get(kind.__name__, 0) for kind in KINDS])[0]
        shop = self._shop(store, "admin" if self._chance.random() < 0.2 else "store")
        try:
            change = Change(str(uuid.uuid4()), make.__name__, shop.rows(make(shop)))
        except (NothingToDoError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            if not isinstance(error, NothingToDoError):
                raise
            shop.connection.rollback()
            return
        except psycopg2.Error as error:
            # A rule of the database refuses it: no stock, nothing to come back. The transaction was never intended.
            shop.connection.rollback()
            print(f"{make.__name__} refused: {error.pgcode} {str(error).splitlines()[0]}", flush=True)
            return
        with shop.connection.cursor() as cursor:
            cursor.execute(journals.MARK, (change.id,))
        self._journal.intend(change)
        shop.connection.commit()
        self._journal.conclude(change.id, committed=True)

    def _shop(self, store: str, login: str) -> Shop:
        name = f"{store} {login}"
        if name not in self._shops:
            address = self._order.admin if login == "admin" else self._order.stores[store]
            self._shops[name] = Shop(int(store), _connect(address), self._chance)
        return self._shops[name]

    def _resolve(self) -> None:
        connection = _connect(self._order.admin)
        try:
            journals.resolve(self._journal, connection)
        finally:
            connection.close()

    def _hang_up(self) -> None:
        for shop in self._shops.values():
            with suppress(psycopg2.Error):
                shop.connection.close()
        self._shops.clear()


def _connect(address: str) -> Connection:
    return psycopg2.connect(address, connect_timeout=3, application_name="fault suite writer")


def main(path: Path) -> None:
    """Write until SIGTERM."""
    order = Order.read(path)
    with Journal(Path(order.journal)) as journal:
        writer = Writer(order, journal)
        signal.signal(signal.SIGTERM, writer.end)
        writer.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
