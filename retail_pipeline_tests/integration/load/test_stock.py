"""Stock is set after the sales, beside sales that go on: right to the unit, and what is cut short is completed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline import cli, stack
from retail_pipeline.errors import BlockedError, WarehouseError
from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.warehouse import connection, consistency, load_stock, roles
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration import shop
from retail_pipeline_tests.integration.conftest import copy_of
from retail_pipeline_tests.integration.load import files

# A load in a process of its own that kills itself before or after the commit of its n-th batch of stock.
_KILLED = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import load_stock
from retail_pipeline.warehouse.load import load_file

home, dsn, path, products, moment, before = json.loads(sys.argv[1])
load_stock.PRODUCTS = products
made, batch, set_next = 0, load_stock._batch, load_stock._set_next

def dying_batch(*arguments):
    done = batch(*arguments)
    if before and made == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

def dying_set_next(*arguments):
    global made
    made += 1
    done = set_next(*arguments)
    if made == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

load_stock._batch, load_stock._set_next = dying_batch, dying_set_next
settings = replace(Settings.from_environment({"RETAIL_HOME": home}), postgres_dsn=dsn)
load_file(settings, Path(path))
"""
_PRODUCTS = 20
_BATCHES = 15


def _load_and_die(settings: Settings, path: Path, moment: int, *, before: bool = False) -> None:
    arguments = json.dumps([str(settings.home), settings.require("postgres_dsn"), str(path), _PRODUCTS, moment, before])
    done = subprocess.run([sys.executable, "-c", _KILLED, arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    while files.ask(
        settings, "select 1 from pg_stat_activity where usename = 'retail_loader' and datname = current_database()"
    ):
        time.sleep(0.01)


@dataclass
class _Company:
    """A company whose sample is loaded, a later file of it, and what was sold here since."""

    settings: Settings
    later: Path
    sold: Counter[tuple[int, int]] = field(default_factory=Counter)

    def products(self, store: int) -> list[int]:
        """Name products of a store of which a unit can be sold before and after the later file."""
        after = files.latest_stock(SAMPLE, self.later)
        stocked = files.ask(
            self.settings,
            "select product_id from retail.inventory where store_id = %s and inventory_level > 5 order by 1",
            store,
        )
        return [product for (product,) in stocked if after[store, product] > 5]

    def stores(self) -> list[int]:
        """Name the stores that have such products."""
        stores = files.ask(self.settings, "select store_id from retail.stores order by 1")
        return [store for (store,) in stores if self.products(store)]

    def sell(self, store: int, *products: int) -> None:
        """Sell a unit of each, a sale each; one that waits for longer than two seconds fails."""
        with connection.connect(self.settings, connection.ADMIN) as session:
            for product in products:
                with self.selling(session, store, product):
                    pass

    @contextmanager
    def selling(self, session: Connection, store: int, product: int) -> Iterator[None]:
        """Sell a unit, and commit when the block ends."""
        [(customer,)] = shop.rows(
            session, "select min(customer_id) from retail.store_customers where store_id = %s", store
        )
        shop.run(session, "set local lock_timeout = '2s'")
        shop.sell(session, [product], [1], store=store, customer=customer)
        yield
        session.commit()
        self.sold[store, product] += 1

    def require_right_stock(self, *but: int) -> None:
        """Require that stock is the latest record less what was sold since, but of some stores, and all adds up."""
        records = files.latest_stock(SAMPLE, self.later)
        stock = files.ask(self.settings, "select store_id, product_id, inventory_level from retail.inventory")
        wrong = {
            (store, product): (level, records[store, product] - self.sold[store, product])
            for store, product, level in stock
            if store not in but and level != records[store, product] - self.sold[store, product]
        }
        assert not wrong
        assert {(store, product) for store, product, _ in stock} == set(records)
        with connection.connect(self.settings, connection.READER) as session:
            assert not any(consistency.violations(session).values())


@pytest.fixture
def company(warehouse: Settings, tmp_path: Path) -> _Company:
    """Return a company with logins for its stores, and a file whose records of the stock are others."""
    load_file(warehouse, SAMPLE)
    roles.provision(warehouse)
    later = files.text_of(SAMPLE)
    later["transaction_id"] = (later["transaction_id"].astype("int64") + 1_000_000).astype("str")
    later["inventory_level"] = (later["inventory_level"].astype("int64") + 7).astype("str")
    path = tmp_path / "later.csv"
    later.to_csv(path, index=False)
    return _Company(warehouse, path)


@contextmanager
def _keeping_its_stock(company: _Company, store: int) -> Iterator[Connection]:
    """Let a store keep a row of its own stock locked, as long as the block lasts or it lets go."""
    with connection.connect(company.settings, connection.store_role(store)) as session:
        shop.run(
            session,
            "select from retail.inventory where product_id = %s for update",
            company.products(store)[0],
        )
        yield session
        session.rollback()


def test_a_store_that_keeps_its_stock_locked_holds_up_nobody_else(company: _Company) -> None:
    offender, *others = company.stores()
    told: list[str] = []
    with _keeping_its_stock(company, offender) as session:
        pid = session.info.backend_pid

        def sell_meanwhile(line: str) -> None:
            if line.startswith(f"the stock of store {offender} is held"):
                for store in others:
                    company.sell(store, company.products(store)[0])
                told.append(line)
                session.rollback()

        report = load_file(company.settings, company.later, report=sell_meanwhile)

    assert f"held by store_user_{offender} (retail-pipeline), process {pid}, idle in transaction, since " in told[0]
    assert report.loaded
    company.require_right_stock()


def test_a_store_that_never_lets_go_is_named_and_the_stock_of_the_others_is_set(company: _Company) -> None:
    offender, *_ = company.stores()
    with _keeping_its_stock(company, offender):
        told: list[str] = []
        report = load_file(company.settings, company.later, stock_timeout=0.0, report=told.append)
        assert report.loaded
        assert list(report.stock_left) == [offender]
        assert f"store_user_{offender} " in report.stock_left[offender]
        assert any("still to set" in line and "Next: load the file again" in line for line in told)
        with pytest.raises(BlockedError, match=rf"store {offender}, held by store_user_{offender}") as failed:
            load_stock.complete(company.settings, timeout=0.0)
        assert failed.value.next_step.startswith(f"`retail-pipeline store disable {offender}`")
        company.require_right_stock(offender)
        assert load_stock.unset(company.settings) == [company.later.name]

        other = files.write(company.later.with_name("other.csv"), [files.row(transaction_id=9, store_id=77)])
        assert load_file(company.settings, other).loaded, "nobody else's file waits for it"
        assert load_stock.unset(company.settings) == [company.later.name]

    with connection.connect_dsn(company.settings.require("postgres_dsn")) as session:
        shop.run(session, "delete from retail.inventory where store_id = 77")
    assert load_file(company.settings, company.later).already_loaded
    assert load_stock.unset(company.settings) == []
    with connection.connect(company.settings, connection.READER) as session:
        assert not any(consistency.violations(session).values())


def test_a_store_that_is_left_is_not_blamed_on_another_with_a_long_transaction(company: _Company) -> None:
    offender, other, *_ = company.stores()
    with connection.connect(company.settings, connection.store_role(other)) as session:
        # Longer than the offender's, and of the same table.
        shop.run(session, "select from retail.inventory limit 1 for update")
        time.sleep(0.1)
        with _keeping_its_stock(company, offender):
            report = load_file(company.settings, company.later, stock_timeout=0.0)
        session.rollback()

    assert f"store_user_{offender} " in report.stock_left[offender]
    assert f"store_user_{other} " not in report.stock_left[offender]


def test_a_store_that_corrects_its_stock_to_the_largest_number_fails_no_load(company: _Company) -> None:
    offender, *_ = company.stores()
    with connection.connect(company.settings, connection.store_role(offender)) as session:
        product = min(company.products(offender))
        # From nothing, so that the correction alone is the largest number.
        shop.run(session, "update retail.inventory set inventory_level = 0 where product_id = %s", product)
        shop.run(session, "update retail.inventory set inventory_level = 2147483647 where product_id = %s", product)
        session.commit()
    with connection.connect_dsn(company.settings.require("postgres_dsn")) as session:
        shop.run(session, "delete from retail.stock_movements where reason = 'correction' and quantity < 0")

    report = load_file(company.settings, company.later)

    assert not report.stock_left
    assert report.warnings["stock would be above the largest number"] == 1
    assert load_stock.unset(company.settings) == []
    [(level,)] = files.ask(
        company.settings,
        "select inventory_level from retail.inventory where store_id = %s and product_id = %s",
        offender,
        product,
    )
    assert level == 2_147_483_647


def test_what_postgresql_says_against_the_stock_of_one_store_leaves_that_store_alone(company: _Company) -> None:
    offender, *_ = company.stores()
    with connection.connect_dsn(company.settings.require("postgres_dsn")) as session:
        planted = f"check (store_id <> {offender} or inventory_level < 0) not valid"
        shop.run(session, f"alter table retail.inventory add constraint planted {planted}")

    report = load_file(company.settings, company.later)

    assert list(report.stock_left) == [offender]
    assert "planted" in report.stock_left[offender]
    company.require_right_stock(offender)
    with pytest.raises(WarehouseError, match="planted"):
        load_stock.complete(company.settings)
    with connection.connect_dsn(company.settings.require("postgres_dsn")) as session:
        shop.run(session, "alter table retail.inventory drop constraint planted")
    load_stock.complete(company.settings)
    company.require_right_stock()


@pytest.mark.parametrize("before", [True, False], ids=["before its commit", "after its commit"])
@pytest.mark.parametrize("moment", [1, 2, _BATCHES])
def test_a_load_killed_while_it_sets_the_stock_is_completed_by_the_next_start(
    company: _Company, warehouse_template: Settings, postgres_settings: Settings, *, moment: int, before: bool
) -> None:
    with copy_of(warehouse_template, postgres_settings) as unkilled:
        load_file(unkilled, SAMPLE)
        roles.provision(unkilled)
        load_file(unkilled, company.later)
        expected = files.facts(unkilled)

    _load_and_die(company.settings, company.later, moment, before=before)
    assert load_stock.unset(company.settings) == [company.later.name]
    load_stock.complete(company.settings)

    assert load_stock.unset(company.settings) == []
    assert files.facts(company.settings) == expected


@pytest.mark.parametrize("completed_by", ["the same file", "another file", "itself", "up"])
def test_sales_between_the_phases_are_kept_to_the_unit(
    company: _Company, monkeypatch: pytest.MonkeyPatch, completed_by: str
) -> None:
    _load_and_die(company.settings, company.later, 5)
    for store in company.stores():
        company.sell(store, *company.products(store))

    if completed_by == "itself":
        load_stock.complete(company.settings)
    elif completed_by == "up":
        # The server is up; its other database is this test's.
        monkeypatch.setattr(stack, "up", lambda *_, **__: None)
        monkeypatch.setattr(stack, "export", lambda _: company.settings)
        assert cli.main(["up"]) == 0
        assert load_stock.unset(company.settings) == []
    elif completed_by == "the same file":
        assert load_file(company.settings, company.later).already_loaded
    else:
        load_file(company.settings, SAMPLE)

    company.require_right_stock()


def test_what_was_received_after_a_stock_was_set_to_nothing_is_not_lost(company: _Company) -> None:
    store = company.stores()[0]
    first = min(product for owner, product in files.latest_stock(SAMPLE) if owner == store)
    [(customer,)] = files.ask(
        company.settings, "select min(customer_id) from retail.store_customers where store_id = %s", store
    )
    with connection.connect(company.settings, connection.ADMIN) as session:
        shop.run(session, "call retail.receive_stock(%s, array[%s], array[1000])", store, first)
        shop.sell(session, [first], [shop.stock(session, store)[first]], store=store, customer=customer)
    with connection.connect_dsn(company.settings.require("postgres_dsn")) as session:
        # Before the record, unlike the sale: then more was sold since the record than it says was there.
        shop.run(session, "update retail.stock_movements set moved_at = '2000-01-01' where reason = 'receipt'")

    _load_and_die(company.settings, company.later, 1)
    with connection.connect(company.settings, connection.ADMIN) as session:
        assert shop.stock(session, store)[first] == 0
        shop.run(session, "call retail.receive_stock(%s, array[%s], array[5])", store, first)
    load_stock.complete(company.settings)

    with connection.connect(company.settings, connection.ADMIN) as session:
        assert shop.stock(session, store)[first] == 5


def _load_while_a_sale_is_being_made(company: _Company) -> None:
    """Load the later file; a batch waits for a sale of one of its products, which then commits."""
    store = company.stores()[0]
    sold, committed = threading.Event(), threading.Event()

    def sell() -> None:
        with (
            connection.connect_dsn(company.settings.require("postgres_dsn"), autocommit=True) as administrator,
            connection.connect(company.settings, connection.ADMIN) as session,
            company.selling(session, store, company.products(store)[0]),
        ):
            sold.set()
            while not shop.rows(administrator, files.LOADER_WAITS):
                time.sleep(0.005)
        committed.set()

    seller = threading.Thread(target=sell)

    def begin(line: str) -> None:
        if line == "stock":
            seller.start()
            assert sold.wait(30)

    load_file(company.settings, company.later, report=begin)
    seller.join()
    assert committed.is_set()


def test_a_sale_that_a_batch_waits_for_is_counted(company: _Company) -> None:
    _load_while_a_sale_is_being_made(company)

    company.require_right_stock()


@dataclass(frozen=True)
class _Scripts:
    """The scripts of a load, to plant a fault in."""

    folder: Path

    def break_(self, name: str, sound: str, broken: str) -> None:
        """Replace what is sound in a script."""
        path = self.folder / f"{name}.sql"
        assert sound in path.read_text()
        path.write_text(path.read_text().replace(sound, broken))


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Scripts:
    """Return the load scripts of its own."""
    folder = tmp_path / "load"
    shutil.copytree(load_stock.SCRIPTS, folder)
    monkeypatch.setattr(load_stock, "SCRIPTS", folder)
    return _Scripts(folder)


def test_a_batch_that_reads_before_it_locks_is_found_out(company: _Company, scripts: _Scripts) -> None:
    scripts.break_("stock_lock", "    for no key update of stock\n", "")

    _load_while_a_sale_is_being_made(company)

    with pytest.raises(AssertionError):
        company.require_right_stock()


def test_a_completion_that_is_skipped_is_found_out(company: _Company, monkeypatch: pytest.MonkeyPatch) -> None:
    _load_and_die(company.settings, company.later, 5)
    monkeypatch.setattr(load_stock, "resume", lambda *_, **__: load_stock.Outcome())

    load_stock.complete(company.settings)

    assert load_stock.unset(company.settings)
    with pytest.raises(AssertionError):
        company.require_right_stock()


@pytest.mark.parametrize("written", ["added", "moved"])
def test_a_stock_of_nothing_is_found_and_not_kept(company: _Company, scripts: _Scripts, written: str) -> None:
    sound = {
        "added": "        levels.product_id,\n        levels.inventory_level\n    from levels\n    where levels.is_new",
        "moved": "        levels.product_id,\n        levels.inventory_level - levels.inventory_level_before",
    }[written]
    scripts.break_("stock_set", sound, sound.replace("levels.product_id", "-levels.product_id", 1))
    fresh = files.write(company.later.with_name("new.csv"), [files.row(transaction_id=9, store_id=77)])
    before = files.facts(company.settings)

    with pytest.raises(WarehouseError, match="would refer to what is not there"):
        load_file(company.settings, fresh)

    after = files.facts(company.settings)
    assert (after["inventory"], after["stock_movements"]) == (before["inventory"], before["stock_movements"])
    assert load_stock.unset(company.settings) == [fresh.name]


def test_a_record_of_a_product_that_is_gone_is_found(company: _Company) -> None:
    fresh = files.write(company.later.with_name("new.csv"), [files.row(transaction_id=9, store_id=77)])

    def lose(line: str) -> None:
        if line == "stock":
            with connection.connect(company.settings, connection.LOADER) as session:
                shop.run(session, "update staging.stock_winner set product_id = 999999")

    with pytest.raises(WarehouseError, match="would refer to what is not there"):
        load_file(company.settings, fresh, report=lose)

    load_stock.complete(company.settings)
    assert files.ask(company.settings, "select product_id from retail.inventory where store_id = 77") == [(100,)]


def test_a_product_that_comes_to_the_store_beside_a_batch_keeps_what_was_received(
    company: _Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = files.write(
        company.later.with_name("new.csv"), [files.row(transaction_id=9, store_id=77, inventory_level=50)]
    )
    ask_one = connection.one
    asked: list[Any] = []

    def receive_after_the_lock(cursor: Any) -> tuple[Any, ...]:
        asked.append(ask_one(cursor))
        if len(asked) == 2:  # after the parents and the lock
            with connection.connect(company.settings, connection.ADMIN) as session:
                shop.run(session, "call retail.receive_stock(77, array[100], array[5])")
        row: tuple[Any, ...] = asked[-1]
        return row

    monkeypatch.setattr(load_stock, "one", receive_after_the_lock)

    load_file(company.settings, fresh)

    assert len(asked) > 3, "the batch was made again"
    assert files.ask(company.settings, "select inventory_level from retail.inventory where store_id = 77") == [(55,)]
