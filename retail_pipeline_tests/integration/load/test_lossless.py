"""Nothing is kept twice and nothing is lost: what the proof of it would notice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from retail_pipeline.settings import SAMPLE, Settings
from retail_pipeline.tables import BY_NAME
from retail_pipeline.warehouse import connection, load
from retail_pipeline.warehouse.load import load_file
from retail_pipeline_tests.integration.load import files, rebuild

# The stock is not asked: it goes on changing, and what was recorded with a sale is in the observations.
_ASKED = sorted(
    {
        "categories", "suppliers", "stores", "customers", "products", "promotions", "payment_methods", "weather",
        "transactions", "transaction_details", "demand_forecast", "observations", "conflicts",
    }
)  # fmt: skip


def test_the_rows_cannot_be_told_without_any_one_table(warehouse: Settings) -> None:
    report = load_file(warehouse, SAMPLE)
    expected = files.values(SAMPLE)

    with connection.connect_dsn(warehouse.require("postgres_dsn")) as session:
        for name in _ASKED:
            with session.cursor() as cursor:
                cursor.execute("set local session_replication_role = replica")
                cursor.execute(f"delete from {BY_NAME[name].qualified}")
            assert list(rebuild.rows(session, report.file_id)) != expected, name
            session.rollback()
        assert list(rebuild.rows(session, report.file_id)) == expected


def test_no_kept_value_is_the_one_that_won(warehouse: Settings, tmp_path: Path) -> None:
    load_file(warehouse, SAMPLE)
    later = files.text_of(SAMPLE).sample(frac=1, random_state=1)
    later["transaction_id"] = later["transaction_id"].astype("int64") + 100_000
    later["product_name"] = later["product_name"].iloc[::-1].to_numpy()
    later.to_csv(tmp_path / "later.csv", index=False)
    load_file(warehouse, tmp_path / "later.csv")

    found = files.ask(
        warehouse,
        """
        select count(*) from retail.conflicts as lost
        join retail.transactions as sale using (store_id, transaction_id)
        join retail.transaction_details as line using (store_id, transaction_id, line_number)
        join retail.products as product using (product_id)
        join retail.categories as category using (category_id)
        join retail.stores as store using (store_id)
        join retail.suppliers as supplier on supplier.supplier_id = coalesce(lost.supplier_id, product.supplier_id)
        join retail.customers as customer on customer.customer_id = coalesce(lost.customer_id, sale.customer_id)
        join retail.payment_methods as payment using (payment_method_id)
        join retail.weather as weather using (weather_id)
        left join retail.promotions as promotion using (promotion_id)
        join retail.demand_forecast as demand on demand.store_id = line.store_id
            and demand.product_id = line.product_id
            and demand.forecast_date = coalesce(lost.transaction_date, sale.transaction_date)::date
        where lost.transaction_date = sale.transaction_date or lost.customer_id = sale.customer_id
            or lost.payment_method = payment.payment_method or lost.promotion_applied = sale.promotion_applied
            or lost.promotion_type = coalesce(promotion.promotion_type, 'None')
            or lost.weather_conditions = weather.weather_conditions or lost.stockout = sale.stockout
            or lost.product_name = product.product_name or lost.category_name = category.category_name
            or lost.supplier_id = product.supplier_id or lost.reorder_point = product.reorder_point
            or lost.reorder_quantity = product.reorder_quantity or lost.lead_time_days = supplier.lead_time_days
            or lost.store_location = store.store_location or lost.age = customer.age
            or lost.gender = customer.gender or lost.income = customer.income
            or lost.loyalty_level = customer.loyalty_level or lost.forecasted_demand = demand.forecasted_demand
            or lost.actual_demand = demand.actual_demand
        """,
    )
    assert found == [(0,)]
    assert files.ask(
        warehouse,
        "select count(*) from retail.conflicts as lost where num_nonnulls(lost.*) = 0 or "
        "(select count(*) from jsonb_each(to_jsonb(lost)) where value <> 'null') = 3",
    ) == [(0,)]


@pytest.mark.parametrize(
    "fault",
    [
        ("11_conflicts", "nullif(given.product_name, product.product_name)", "null"),
        ("11_conflicts", "> 0", "> 1"),
        ("08_loaded_competitors", "loaded.product_id in (", "false and loaded.product_id in ("),
        ("07_winners", "max(transaction_date)", "min(transaction_date)"),
        ("10_sales", "fresh.quantity_sold", "1"),
    ],
)
def test_a_fault_in_the_load_shows_in_the_comparison(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: tuple[str, str, str]
) -> None:
    script, sound, broken = fault
    scripts = tmp_path / "load"
    shutil.copytree(load.SCRIPTS, scripts)
    path = scripts / f"{script}.sql"
    text = (
        path.read_text()
        .replace("    quantity_sold,", "    fresh.quantity_sold,")
        .replace("from staging.lines;", "from staging.lines as fresh;")
    )
    assert sound in text
    path.write_text(text.replace(sound, broken))
    monkeypatch.setattr(load, "SCRIPTS", scripts)
    first = files.write(
        tmp_path / "first.csv",
        [
            files.row(transaction_id=number, transaction_date=f"1/{number}/2024 9:00", product_name=name)
            for number, name in [(1, "Tablet"), (2, "Laptop"), (3, "Camera")]
        ],
    )
    second = files.write(
        tmp_path / "second.csv",
        [files.row(transaction_id=9, transaction_date="2/20/2024 9:00", product_name="Fridge", quantity_sold=3)],
    )

    winner = "select product_name from retail.products"
    reports = [load_file(warehouse, first)]
    winners = files.ask(warehouse, winner)
    reports.append(load_file(warehouse, second))
    winners += files.ask(warehouse, winner)

    rebuilt = [files.rebuilt(warehouse, report.file_id) for report in reports]
    assert (rebuilt, winners) != ([files.values(first), files.values(second)], [("Camera",), ("Fridge",)])
