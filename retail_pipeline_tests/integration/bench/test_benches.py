"""Each bench runs from end to end on a small company, and what makes its sides comparable holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from retail_pipeline.bench import database, load, rls, sale
from retail_pipeline.bench.company import Company, fill
from retail_pipeline.bench.database import UNRESTRICTED, BenchError, Site, store_login
from retail_pipeline.bench.result import Result
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import connect_dsn
from retail_pipeline_tests.integration.shop import rows, run

RLS = rls.Sizes(stores=12, lines=6_000, products=120, rounds=2, seconds=0.0)
SALE = sale.Sizes(stores=3, selling=2, products=12, lines=300, connections=(1, 3), rounds=1, seconds=2, warm_up=1)
LOAD = load.Sizes(lines=(600,), stores=5, rounds=1)

REAL_DURABILITY = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "wal_level": "logical"}


def _durability(result: Result) -> dict[str, str]:
    return {name: result.durability[name] for name in REAL_DURABILITY}


def test_rls_measures_five_queries_both_ways_by_faultless_plans(postgres_settings: Settings) -> None:
    result = rls.run(postgres_settings, print, RLS)

    assert len(result.comparisons) == 10
    assert result.faults == []
    assert _durability(result) == REAL_DURABILITY
    assert all(len(one.ours) == len(one.baseline) == 2 for one in result.comparisons)


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ("using (store_id = retail.current_store_id())", "calls current_store_id itself"),
        ("using (store_id + 0 = (select retail.current_store_id()))", "does not use an index"),
    ],
    ids=["asked for each row", "no index"],
)
def test_rls_finds_a_policy_that_would_be_slow(
    postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch, policy: str, fault: str
) -> None:
    def fill_and_weaken(site: Site, company: Company) -> None:
        fill(site, company)
        with connect_dsn(site.superuser) as superuser:
            for table in ("transactions", "transaction_details", "inventory"):
                run(superuser, f"drop policy store on retail.{table}")
                run(superuser, f"create policy store on retail.{table} to store_user {policy}")

    monkeypatch.setattr("retail_pipeline.bench.rls.fill", fill_and_weaken)

    result = rls.run(postgres_settings, print, RLS)

    assert any(fault in found for found in result.faults)


def test_sale_sells_on_both_sides_and_every_unit_is_accounted_for(postgres_settings: Settings) -> None:
    result = sale.run(postgres_settings, print, SALE)

    assert result.faults == []
    assert [one.name for one in result.comparisons] == ["1 connection", "3 connections"]
    assert all(figure > 0 for one in result.comparisons for figure in (*one.ours, *one.baseline))
    assert result.checks["deadlocks and other failures"] == "0 and 0"
    assert _durability(result) == REAL_DURABILITY


def test_sale_notices_a_unit_that_is_lost(postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sell = sale._Side.sell  # noqa: SLF001

    def sell_and_lose(side: sale._Side, connections: int, sizes: sale.Sizes) -> float:
        figure = sell(side, connections, sizes)
        if side.by_store_login:
            with connect_dsn(side.site.superuser) as superuser:
                run(superuser, "set local session_replication_role = replica")
                run(superuser, "update retail.inventory set inventory_level = inventory_level - 1 where product_id = 1")
        return figure

    monkeypatch.setattr(sale._Side, "sell", sell_and_lose)  # noqa: SLF001

    result = sale.run(postgres_settings, print, replace(SALE, connections=(1,)))

    assert any("units of stock" in fault for fault in result.faults)
    assert any("stock_is_the_sum_of_its_movements" in fault for fault in result.faults)


def test_sale_refuses_a_baseline_that_keeps_its_triggers(
    postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sale, "_RULES", "select relname from pg_class where relname = 'transactions'")

    with pytest.raises(BenchError, match="policies or triggers"):
        sale.run(postgres_settings, print, SALE)


def test_load_fills_the_same_tables_as_its_baseline_row_for_row(postgres_settings: Settings) -> None:
    result = load.run(postgres_settings, print, LOAD)

    assert result.faults == []
    assert len(result.comparisons) == 4
    assert all(detail["peak_mb"] > 0 and detail["stages"] for detail in result.details.values())
    assert _durability(result) == REAL_DURABILITY


def test_load_notices_a_baseline_that_does_less(postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load._plain  # noqa: SLF001

    def plain_without_a_line(site: Site, path: Path) -> float:
        seconds = plain(site, path)
        with connect_dsn(site.superuser) as superuser:
            run(superuser, "delete from retail.demand_forecast where ctid = '(0,1)'")
        return seconds

    monkeypatch.setattr(load, "_plain", plain_without_a_line)

    result = load.run(postgres_settings, print, replace(LOAD, contradictions=(False,)))

    assert [fault.partition(" ")[0] for fault in result.faults] == ["retail.demand_forecast"]


def test_the_logins_of_a_bench_are_those_of_a_store_and_of_someone_unrestricted(postgres_settings: Settings) -> None:
    with database.sites(postgres_settings, "logins", stores=1) as (site,):
        with connect_dsn(site.address(store_login(1))) as store:
            assert rows(store, "select retail.current_store_id()") == [(1,)]
            assert rows(store, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user") == [
                (False,)
            ]
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                run(store, "truncate retail.inventory")
        with connect_dsn(site.address(UNRESTRICTED)) as unrestricted:
            assert rows(unrestricted, "select row_security_active('retail.inventory')") == [(False,)]


def test_a_second_bench_at_once_is_refused_and_the_first_goes_on(postgres_settings: Settings) -> None:
    with database.sites(postgres_settings, "first") as (site,):
        with (
            pytest.raises(BenchError, match="Another bench"),
            database.sites(postgres_settings, "second"),
        ):
            pass
        with connect_dsn(site.superuser) as superuser:
            assert rows(superuser, "select count(*) from retail.transactions") == [(0,)]


def test_what_a_killed_bench_left_is_removed_by_the_next(postgres_settings: Settings) -> None:
    with connect_dsn(postgres_settings.require("postgres_dsn"), autocommit=True) as server:
        run(server, "create database walmart_bench_left")
        run(server, f"create role {store_login(3)}")

    with database.sites(postgres_settings, "next"):
        pass
