"""Whatever a store sets, fills or locks: no check that blocks a run fails by it, and a hole is still found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.defs import keys
from retail_pipeline.defs.assets import warehouse
from retail_pipeline.defs.checks import warehouse as checks
from retail_pipeline.defs.resources import Platform
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import connection, isolation
from retail_pipeline_tests.integration.shop import rows, run
from retail_pipeline_tests.integration.warehouse import states

BLOCKING = {
    checks.isolation_holds: keys.TENANTS,
    checks.stock_is_consistent: keys.postgres("inventory"),
    checks.every_row_is_accounted_for: keys.postgres("files"),
}
_GIVEN_AWAY = """
grant update on retail.inventory to store_user;
create policy planted on retail.inventory to store_user using (true) with check (true)
"""


def _checked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], bool]:
    """Run every blocking check as a run does; return their results, and whether what comes after them ran."""

    @dg.asset(deps=list(BLOCKING.values()))
    def after() -> None: ...

    @dg.multi_asset(specs=[dg.AssetSpec(key) for key in BLOCKING.values()])
    def before() -> Any:
        for key in BLOCKING.values():
            yield dg.MaterializeResult(key)

    monkeypatch.setenv("RETAIL_HOME", str(settings.home))
    # Services wait for a lock within a bound of their own; here it is a short one.
    address = f"{settings.require('postgres_dsn')}?options=-c%20lock_timeout%3D100ms"
    platform = Platform(postgres_dsn=address, mongo_uri="", kafka_bootstrap="", connect_url="")
    done = dg.materialize([before, after, *BLOCKING], resources={"platform": platform}, raise_on_error=False)
    results = {one.check_name: one for one in done.get_asset_check_evaluations()}
    assert len(results) == len(BLOCKING)
    return results, bool(done.get_asset_materialization_events() and done.asset_materializations_for_node("after"))


@pytest.mark.parametrize("state", states.TELLING)
def test_a_check_tells_whatever_a_store_has_set_filled_or_locked(
    company: Settings, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    with states.TELLING[state](company):
        results, went_on = _checked(company, monkeypatch)

    assert [name for name, result in results.items() if not result.passed] == []
    assert went_on


@pytest.mark.parametrize("state", states.TELLING)
def test_a_hole_is_found_whatever_the_store_has_set_filled_or_locked(
    company: Settings, superuser: Connection, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    run(superuser, "create policy planted on retail.demand_forecast for select to store_user using (true)")
    with states.TELLING[state](company):
        results, went_on = _checked(company, monkeypatch)

    found = results["isolation_holds"]
    assert "store_user_1, demand_forecast: sees 2 rows of other stores" in found.metadata["findings"].value
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert not went_on


@pytest.mark.parametrize("table", states.LOCKED)
def test_what_a_lock_keeps_from_being_told_warns_and_the_run_goes_on(
    company: Settings, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    with states.LOCKED[table](company):
        results, went_on = _checked(company, monkeypatch)

    isolated = results["isolation_holds"]
    assert not isolated.passed
    assert isolated.severity is dg.AssetCheckSeverity.WARN
    lock = "could not be told: canceling statement due to lock timeout"
    assert isolated.metadata["could_not_tell"].value == [f"store_user_{n}, {table}: {lock}" for n in (1, 2, 3)]
    assert {result.severity for result in results.values() if not result.passed} == {dg.AssetCheckSeverity.WARN}
    assert went_on


def test_what_is_found_before_a_lock_is_met_is_a_finding(company: Settings, superuser: Connection) -> None:
    run(superuser, _GIVEN_AWAY)
    with states.TELLING["its rows of inventory locked"](company):
        told = isolation.verdict(company)

    assert "store_user_1, inventory: sees 20 rows of other stores" in map(str, told.findings)
    lock = "store_user_1, inventory: could not be told: canceling statement due to lock timeout"
    assert lock in map(str, told.untold)


_WHO = """
select current_user, session_user, current_setting('is_superuser'), retail.current_store_id(),
    pg_has_role('retail_admin', 'member'), pg_has_role('store_user', 'usage'), row_security_active('retail.inventory'),
    has_table_privilege('retail.quarantine', 'select'), (select count(*) from retail.inventory)
"""


def test_to_become_a_store_is_to_be_it_as_after_its_login(company: Settings, superuser: Connection) -> None:
    # The procedures alone may ask who calls them.
    run(superuser, "grant execute on function retail.caller() to store_user")
    question = _WHO.replace("select", "select retail.caller(),", 1)
    with connection.connect(company, states.ROLE) as store:
        logged_in = rows(store, question)

    run(superuser, "begin")
    run(superuser, f"set local session authorization {states.ROLE}")
    become = rows(superuser, question)
    run(superuser, "rollback")

    assert become == logged_in
    assert become[0][:3] == (states.ROLE, states.ROLE, states.ROLE)
    assert rows(superuser, "select session_user, current_setting('is_superuser')") == [("postgres", "on")]


def test_a_refusal_that_is_not_the_policys_proves_nothing(company: Settings, superuser: Connection) -> None:
    run(
        superuser,
        "create function retail.planted() returns trigger language plpgsql as"
        " $$ begin raise exception using errcode = 'out_of_memory', message = 'no memory'; end $$;"
        "create trigger planted before update on retail.inventory for each row execute function retail.planted()",
    )

    told = isolation.verdict(company)

    assert told.findings == ()
    assert [str(one) for one in told.untold] == [
        f"store_user_{number}, inventory: could not be told: no memory" for number in (1, 2, 3)
    ]


def test_a_row_that_only_a_constraint_stops_was_let_through(company: Settings, superuser: Connection) -> None:
    # Every store stocks the same products, so a row that changes hands meets the other store's.
    run(superuser, _GIVEN_AWAY)

    found = list(map(str, isolation.verdict(company).findings))

    assert "store_user_1, inventory: can move its rows to store 2" in found


def test_the_settings_of_the_administrator_change_nothing(company: Settings) -> None:
    options = "options=-c%20row_security%3Doff%20-c%20default_transaction_read_only%3Don"
    odd = replace(company, postgres_dsn=f"{company.require('postgres_dsn')}?{options}")

    assert isolation.verdict(odd) == isolation.Verdict((), ())


def test_a_load_that_cannot_count_the_rows_goes_on_without(company: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.1)
    with states.LOCKED["inventory"](company):
        assert warehouse.row_counts(dg.build_asset_context(), company) == {}

    assert warehouse.row_counts(dg.build_asset_context(), company)["inventory"] > 0
