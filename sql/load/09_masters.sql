-- Purpose: what the sales refer to: suppliers, stores, customers, products and forecasts as the latest sale has them.
-- Caller:  warehouse.load, after 08.
-- Locks:   row exclusive; rows that change are locked until the commit, but no sale changes or locks one of them so
--          that it would have to wait.

-- What this load refers to and is there already stays there until the commit.
select kept.supplier_id
from retail.suppliers as kept
where kept.supplier_id in (select lines.supplier_id from staging.lines)
order by kept.supplier_id
for key share;

select kept.store_id
from retail.stores as kept
where kept.store_id in (select lines.store_id from staging.lines)
order by kept.store_id
for key share;

select kept.customer_id
from retail.customers as kept
where kept.customer_id in (select lines.customer_id from staging.lines)
order by kept.customer_id
for key share;

select kept.product_id
from retail.products as kept
where kept.product_id in (select lines.product_id from staging.lines)
order by kept.product_id
for key share;

insert into retail.suppliers as kept (supplier_id, lead_time_days)
select
    winner.supplier_id,
    fresh.supplier_lead_time
from staging.supplier_winner as winner
inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
order by winner.supplier_id
on conflict (supplier_id) do update
    set lead_time_days = excluded.lead_time_days
    where kept.lead_time_days <> excluded.lead_time_days;

insert into retail.stores as kept (store_id, store_location)
select
    winner.store_id,
    fresh.store_location
from staging.store_winner as winner
inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
order by winner.store_id
on conflict (store_id) do update
    set store_location = excluded.store_location
    where kept.store_location <> excluded.store_location;

insert into retail.customers as kept (customer_id, age, gender, income, loyalty_level)
select
    winner.customer_id,
    fresh.customer_age,
    fresh.customer_gender,
    fresh.customer_income,
    fresh.customer_loyalty_level
from staging.customer_winner as winner
inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
order by winner.customer_id
on conflict (customer_id) do update
    set
        age = excluded.age,
        gender = excluded.gender,
        income = excluded.income,
        loyalty_level = excluded.loyalty_level
    where
    (kept.age, kept.gender, kept.income, kept.loyalty_level)
    <> (excluded.age, excluded.gender, excluded.income, excluded.loyalty_level);

insert into retail.products as kept (
    product_id, product_name, category_id, supplier_id, unit_price, reorder_point, reorder_quantity
)
select
    winner.product_id,
    fresh.product_name,
    category.category_id,
    fresh.supplier_id,
    fresh.unit_price,
    fresh.reorder_point,
    fresh.reorder_quantity
from staging.product_winner as winner
inner join staging.latest_rows as fresh on winner.file_line = fresh.file_line
inner join retail.categories as category on fresh.category = category.category_name
order by winner.product_id
on conflict (product_id) do update
    set
        product_name = excluded.product_name,
        category_id = excluded.category_id,
        supplier_id = excluded.supplier_id,
        unit_price = excluded.unit_price,
        reorder_point = excluded.reorder_point,
        reorder_quantity = excluded.reorder_quantity
    where
    (
        kept.product_name,
        kept.category_id,
        kept.supplier_id,
        kept.unit_price,
        kept.reorder_point,
        kept.reorder_quantity
    )
    <> (
        excluded.product_name, excluded.category_id, excluded.supplier_id, excluded.unit_price,
        excluded.reorder_point, excluded.reorder_quantity
    );

update retail.demand_forecast as kept
set
    forecasted_demand = winner.forecasted_demand,
    actual_demand = winner.actual_demand
from staging.demand_winner as winner
where
    kept.store_id = winner.store_id
    and kept.product_id = winner.product_id
    and kept.forecast_date = winner.forecast_date
    and (kept.forecasted_demand, kept.actual_demand) <> (winner.forecasted_demand, winner.actual_demand);

-- What is left is new, and lies in the order of the key.
delete from staging.demand_winner as winner
using retail.demand_forecast as kept
where
    kept.store_id = winner.store_id
    and kept.product_id = winner.product_id
    and kept.forecast_date = winner.forecast_date;

-- A store enters forecasts itself, perhaps one of these in this moment: the file's wins, as over one of before.
insert into retail.demand_forecast as kept (
    store_id, product_id, forecast_date, forecasted_demand, actual_demand
)
select
    store_id,
    product_id,
    forecast_date,
    forecasted_demand,
    actual_demand
from staging.demand_winner
on conflict (store_id, product_id, forecast_date) do update
    set forecasted_demand = excluded.forecasted_demand, actual_demand = excluded.actual_demand
    where (kept.forecasted_demand, kept.actual_demand) <> (excluded.forecasted_demand, excluded.actual_demand);
