-- Purpose: what the sales refer to: kinds of things numbered in the order of first appearance, after the largest number
--          there; suppliers, stores, customers, products and forecasts as the latest sale has them.
-- Caller:  warehouse.load, after 07.
-- Locks:   row exclusive; rows that change are locked until the commit, but no sale changes or locks one of them so
--          that it would have to wait.

-- What this load refers to and is there already stays there until the commit.
select kept.supplier_id
from retail.suppliers as kept
where kept.supplier_id in (select lines.supplier_id from pg_temp.lines)
order by kept.supplier_id
for key share;

select kept.store_id
from retail.stores as kept
where kept.store_id in (select lines.store_id from pg_temp.lines)
order by kept.store_id
for key share;

select kept.customer_id
from retail.customers as kept
where kept.customer_id in (select lines.customer_id from pg_temp.lines)
order by kept.customer_id
for key share;

select kept.product_id
from retail.products as kept
where kept.product_id in (select lines.product_id from pg_temp.lines)
order by kept.product_id
for key share;

select kept.category_id
from retail.categories as kept
for key share;

select kept.payment_method_id
from retail.payment_methods as kept
for key share;

select kept.promotion_id
from retail.promotions as kept
for key share;

select kept.weather_id
from retail.weather as kept
for key share;

create temporary table kinds on commit drop as
select
    category,
    payment_method,
    promotion_type,
    weather_conditions,
    min(file_line) as first_line
from pg_temp.incoming
group by category, payment_method, promotion_type, weather_conditions;

insert into retail.categories (category_id, category_name)
with there as (select coalesce(max(category_id), 0) as largest from retail.categories)

select
    there.largest + row_number() over (order by fresh.first_line) as category_id,
    fresh.category
from (
    select
        category,
        min(first_line) as first_line
    from pg_temp.kinds
    group by category
) as fresh
cross join there
where not exists (
    select from retail.categories as kept
    where kept.category_name = fresh.category
);

insert into retail.payment_methods (payment_method_id, payment_method)
with there as (select coalesce(max(payment_method_id), 0) as largest from retail.payment_methods)

select
    there.largest + row_number() over (order by fresh.first_line) as payment_method_id,
    fresh.payment_method
from (
    select
        payment_method,
        min(first_line) as first_line
    from pg_temp.kinds
    group by payment_method
) as fresh
cross join there
where not exists (
    select from retail.payment_methods as kept
    where kept.payment_method = fresh.payment_method
);

insert into retail.promotions (promotion_id, promotion_type)
with there as (select coalesce(max(promotion_id), 0) as largest from retail.promotions)

select
    there.largest + row_number() over (order by fresh.first_line) as promotion_id,
    fresh.promotion_type
from (
    select
        promotion_type,
        min(first_line) as first_line
    from pg_temp.kinds
    where promotion_type <> 'None'
    group by promotion_type
) as fresh
cross join there
where not exists (
    select from retail.promotions as kept
    where kept.promotion_type = fresh.promotion_type
);

insert into retail.weather (weather_id, weather_conditions)
with there as (select coalesce(max(weather_id), 0) as largest from retail.weather)

select
    there.largest + row_number() over (order by fresh.first_line) as weather_id,
    fresh.weather_conditions
from (
    select
        weather_conditions,
        min(first_line) as first_line
    from pg_temp.kinds
    group by weather_conditions
) as fresh
cross join there
where not exists (
    select from retail.weather as kept
    where kept.weather_conditions = fresh.weather_conditions
);

insert into retail.suppliers as kept (supplier_id, lead_time_days)
select
    winner.supplier_id,
    fresh.supplier_lead_time
from pg_temp.supplier_winner as winner
inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
order by winner.supplier_id
on conflict (supplier_id) do update
    set lead_time_days = excluded.lead_time_days
    where kept.lead_time_days <> excluded.lead_time_days;

insert into retail.stores as kept (store_id, store_location)
select
    winner.store_id,
    fresh.store_location
from pg_temp.store_winner as winner
inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
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
from pg_temp.customer_winner as winner
inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
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
from pg_temp.product_winner as winner
inner join pg_temp.latest_rows as fresh on winner.recency = fresh.recency
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
from pg_temp.demand_winner as winner
where
    kept.store_id = winner.store_id
    and kept.product_id = winner.product_id
    and kept.forecast_date = winner.forecast_date
    and (kept.forecasted_demand, kept.actual_demand) <> (winner.forecasted_demand, winner.actual_demand);

insert into retail.demand_forecast (store_id, product_id, forecast_date, forecasted_demand, actual_demand)
select
    winner.store_id,
    winner.product_id,
    winner.forecast_date,
    winner.forecasted_demand,
    winner.actual_demand
from pg_temp.demand_winner as winner
where
    not exists (
        select from retail.demand_forecast as kept
        where
            kept.store_id = winner.store_id
            and kept.product_id = winner.product_id
            and kept.forecast_date = winner.forecast_date
    );
