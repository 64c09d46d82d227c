-- Purpose: candidates that a loaded row of a later sale beats leave the field. Loaded rows whose key gets another value
--          are set down as they are, for their conflicts must be told anew.
-- Caller:  warehouse.load, after 06; without work where no file was loaded before.
-- Locks:   none but those of reading.

-- A loaded row that beats a candidate is not older than the oldest row of this load.
create temporary table rivals on commit drop as
select
    loaded.transaction_date,
    loaded.transaction_id,
    loaded.store_id,
    loaded.line_number,
    loaded.product_id,
    loaded.supplier_id,
    loaded.customer_id,
    loaded.inventory_level
from pg_temp.file_rows as loaded
where loaded.transaction_date >= (select min(fresh.transaction_date) from pg_temp.lines as fresh);

analyze pg_temp.rivals;

delete from pg_temp.sale_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.store_id = rival.store_id
    and winner.transaction_id = rival.transaction_id
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

delete from pg_temp.product_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.product_id = rival.product_id
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

delete from pg_temp.supplier_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.supplier_id = rival.supplier_id
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

delete from pg_temp.store_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.store_id = rival.store_id
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

delete from pg_temp.customer_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.customer_id = rival.customer_id
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

delete from pg_temp.stock_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.store_id = rival.store_id
    and winner.product_id = rival.product_id
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

delete from pg_temp.demand_winner as winner
using pg_temp.lines as fresh, pg_temp.rivals as rival
where
    winner.recency = fresh.recency
    and winner.store_id = rival.store_id
    and winner.product_id = rival.product_id
    and winner.forecast_date = rival.transaction_date::date
    and (rival.transaction_date, rival.transaction_id, rival.store_id, rival.line_number)
    > (fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.line_number);

create temporary table retold on commit drop as
with changed_sales as (
    select
        winner.store_id,
        winner.transaction_id
    from pg_temp.sale_winner as winner
    inner join pg_temp.incoming as fresh on winner.file_line = fresh.file_line
    inner join retail.transactions as kept
        on winner.store_id = kept.store_id and winner.transaction_id = kept.transaction_id
),

changed_products as (
    select winner.product_id
    from pg_temp.product_winner as winner
    inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
    inner join retail.products as kept on winner.product_id = kept.product_id
    inner join retail.categories as category on kept.category_id = category.category_id
    where
        (fresh.product_name, fresh.category, fresh.supplier_id, fresh.reorder_point, fresh.reorder_quantity)
        <> (kept.product_name, category.category_name, kept.supplier_id, kept.reorder_point, kept.reorder_quantity)
),

changed_suppliers as (
    select winner.supplier_id
    from pg_temp.supplier_winner as winner
    inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
    inner join retail.suppliers as kept on winner.supplier_id = kept.supplier_id
    where fresh.supplier_lead_time <> kept.lead_time_days
),

changed_stores as (
    select winner.store_id
    from pg_temp.store_winner as winner
    inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
    inner join retail.stores as kept on winner.store_id = kept.store_id
    where fresh.store_location <> kept.store_location
),

changed_customers as (
    select winner.customer_id
    from pg_temp.customer_winner as winner
    inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
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
    from pg_temp.demand_winner as winner
    inner join pg_temp.incoming as fresh on winner.file_line = fresh.file_line
    inner join retail.demand_forecast as kept
        on
            winner.store_id = kept.store_id
            and winner.product_id = kept.product_id
            and winner.forecast_date = kept.forecast_date
    where
        (fresh.forecasted_demand, fresh.actual_demand)
        <> (kept.forecasted_demand, kept.actual_demand)
)

select loaded.* -- noqa: AM04
from pg_temp.file_rows as loaded
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

analyze pg_temp.retold;
