-- Purpose: candidates that a loaded row of a later sale beats leave the field; then it is known which record of a stock
--          is the latest. Loaded rows whose key gets another value are set down as they are, for their conflicts must
--          be told again.
-- Caller:  warehouse.load, after 07; without work where no file was loaded before.
-- Locks:   none but those of reading.

-- A loaded row that beats a candidate is not older than the oldest row of this load.
create unlogged table staging.loaded_competitors as
select
    loaded.transaction_date,
    loaded.transaction_id,
    loaded.store_id,
    loaded.line_number,
    loaded.product_id,
    loaded.supplier_id,
    loaded.customer_id,
    loaded.inventory_level
from staging.file_rows as loaded
where loaded.transaction_date >= (select min(fresh.transaction_date) from staging.lines as fresh);

analyze staging.loaded_competitors;

delete from staging.sale_winner as winner
using staging.loaded_competitors as competitor
where
    winner.store_id = competitor.store_id
    and winner.transaction_id = competitor.transaction_id
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

delete from staging.product_winner as winner
using staging.loaded_competitors as competitor
where
    winner.product_id = competitor.product_id
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

delete from staging.supplier_winner as winner
using staging.loaded_competitors as competitor
where
    winner.supplier_id = competitor.supplier_id
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

delete from staging.store_winner as winner
using staging.loaded_competitors as competitor
where
    winner.store_id = competitor.store_id
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

delete from staging.customer_winner as winner
using staging.loaded_competitors as competitor
where
    winner.customer_id = competitor.customer_id
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

delete from staging.stock_winner as winner
using staging.loaded_competitors as competitor
where
    winner.store_id = competitor.store_id
    and winner.product_id = competitor.product_id
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

delete from staging.demand_winner as winner
using staging.loaded_competitors as competitor
where
    winner.store_id = competitor.store_id
    and winner.product_id = competitor.product_id
    and winner.forecast_date = competitor.transaction_date::date
    and (competitor.transaction_date, competitor.transaction_id, competitor.store_id, competitor.line_number)
    > (winner.transaction_date, winner.transaction_id, winner.store_id, winner.line_number);

-- The latest record of the stock: from this load, or from the loaded row that beat it.
create unlogged table staging.stock_records as
select
    store_id,
    product_id,
    inventory_level
from staging.stock_winner
union all
select * from (
    select distinct on (competitor.store_id, competitor.product_id)
        competitor.store_id,
        competitor.product_id,
        competitor.inventory_level
    from staging.loaded_competitors as competitor
    where
        not exists (
            select from staging.stock_winner as winner
            where winner.store_id = competitor.store_id and winner.product_id = competitor.product_id
        )
    order by
        competitor.store_id asc, competitor.product_id asc, competitor.transaction_date desc,
        competitor.transaction_id desc, competitor.line_number desc
) as beaten;

analyze staging.stock_records;

create unlogged table staging.reevaluated as
with changed_sales as (
    select
        winner.store_id,
        winner.transaction_id
    from staging.sale_winner as winner
    inner join retail.transactions as kept
        on winner.store_id = kept.store_id and winner.transaction_id = kept.transaction_id
),

changed_products as (
    select winner.product_id
    from staging.product_winner as winner
    inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
    inner join retail.products as kept on winner.product_id = kept.product_id
    inner join retail.categories as category on kept.category_id = category.category_id
    where
        (fresh.product_name, fresh.category, fresh.supplier_id, fresh.reorder_point, fresh.reorder_quantity)
        <> (kept.product_name, category.category_name, kept.supplier_id, kept.reorder_point, kept.reorder_quantity)
),

changed_suppliers as (
    select winner.supplier_id
    from staging.supplier_winner as winner
    inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
    inner join retail.suppliers as kept on winner.supplier_id = kept.supplier_id
    where fresh.supplier_lead_time <> kept.lead_time_days
),

changed_stores as (
    select winner.store_id
    from staging.store_winner as winner
    inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
    inner join retail.stores as kept on winner.store_id = kept.store_id
    where fresh.store_location <> kept.store_location
),

changed_customers as (
    select winner.customer_id
    from staging.customer_winner as winner
    inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
    inner join retail.customers as kept on winner.customer_id = kept.customer_id
    where
        (fresh.customer_age, fresh.customer_gender, fresh.customer_income, fresh.customer_loyalty_level)
        <> (kept.age, kept.gender, kept.income, kept.loyalty_level)
),

changed_demand as (
    select
        winner.store_id,
        winner.product_id,
        winner.forecast_date
    from staging.demand_winner as winner
    inner join retail.demand_forecast as kept
        on
            winner.store_id = kept.store_id
            and winner.product_id = kept.product_id
            and winner.forecast_date = kept.forecast_date
    where
        (winner.forecasted_demand, winner.actual_demand)
        <> (kept.forecasted_demand, kept.actual_demand)
)

select loaded.* -- noqa: AM04
from staging.file_rows as loaded
where
    (loaded.store_id, loaded.transaction_id) in (
        select
            changed.store_id,
            changed.transaction_id
        from changed_sales as changed
    )
    or loaded.product_id in (
        select changed.product_id
        from changed_products as changed
    )
    or loaded.supplier_id in (
        select changed.supplier_id
        from changed_suppliers as changed
    )
    or loaded.store_id in (
        select changed.store_id
        from changed_stores as changed
    )
    or loaded.customer_id in (
        select changed.customer_id
        from changed_customers as changed
    )
    or (loaded.store_id, loaded.product_id, loaded.transaction_date::date) in (
        select
            changed.store_id,
            changed.product_id,
            changed.forecast_date
        from changed_demand as changed
    );

analyze staging.reevaluated;
