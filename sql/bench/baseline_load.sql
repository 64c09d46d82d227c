-- Purpose: the same twelve tables, conflicts and observations by plain INSERT … SELECT, every key, reference, check and
--          index in force row by row: the baseline that bench load holds warehouse.load against.
-- Caller:  bench.load, as the loader, in a migrated empty database of the bench's own, after COPY has filled
--          public.bench_lines, which numbers the rows; one transaction.
-- Locks:   none that matters: nobody else is in that database.
--
-- Why it is a fair baseline. It has the same result, row for row, which bench.load compares. It types the text once,
-- and decides between contradicting values by the same rule, the latest sale. It checks nothing that the tables do not
-- check themselves, knows no quarantine and no duplicates, asks for no earlier load, and counts nothing.
-- noqa: disable=AL03,AM04,RF04

create temporary table typed on commit drop as
select
    *,
    row_number() over (order by transaction_date, transaction_id, store_id, file_line) as recency,
    row_number() over (partition by store_id, transaction_id order by file_line)::integer as line_number
from (
    select
        given.row_number + 1 as file_line,
        given.transaction_id::bigint,
        given.customer_id::integer,
        given.product_id::integer,
        given.product_name,
        given.category,
        given.quantity_sold::integer,
        given.unit_price::numeric(12, 2),
        to_timestamp(given.transaction_date, 'FMMM/FMDD/YYYY FMHH24:MI')::timestamp(0) as transaction_date,
        given.store_id::integer,
        given.store_location,
        given.inventory_level::integer,
        given.reorder_point::integer,
        given.reorder_quantity::integer,
        given.supplier_id::integer,
        given.supplier_lead_time::integer,
        given.customer_age::integer,
        given.customer_gender,
        given.customer_income::numeric(12, 2),
        given.customer_loyalty_level,
        given.payment_method,
        given.promotion_applied::boolean,
        given.promotion_type,
        given.weather_conditions,
        given.holiday_indicator::boolean,
        given.weekday,
        given.stockout_indicator::boolean,
        given.forecasted_demand::integer,
        given.actual_demand::integer
    from public.bench_lines as given
) as cast_once;

analyze pg_temp.typed;

insert into retail.categories (category_id, category_name)
select
    row_number() over (order by min(file_line)),
    category
from pg_temp.typed
group by category;

insert into retail.payment_methods (payment_method_id, payment_method)
select
    row_number() over (order by min(file_line)),
    payment_method
from pg_temp.typed
group by payment_method;

insert into retail.promotions (promotion_id, promotion_type)
select
    row_number() over (order by min(file_line)),
    promotion_type
from pg_temp.typed
where promotion_type <> 'None'
group by promotion_type;

insert into retail.weather (weather_id, weather_conditions)
select
    row_number() over (order by min(file_line)),
    weather_conditions
from pg_temp.typed
group by weather_conditions;

insert into retail.suppliers (supplier_id, lead_time_days)
select distinct on (supplier_id)
    supplier_id,
    supplier_lead_time
from pg_temp.typed
order by supplier_id asc, recency desc;

insert into retail.stores (store_id, store_location)
select distinct on (store_id)
    store_id,
    store_location
from pg_temp.typed
order by store_id asc, recency desc;

insert into retail.customers (customer_id, age, gender, income, loyalty_level)
select distinct on (customer_id)
    customer_id,
    customer_age,
    customer_gender,
    customer_income,
    customer_loyalty_level
from pg_temp.typed
order by customer_id asc, recency desc;

insert into retail.products (
    product_id, product_name, category_id, supplier_id, unit_price, reorder_point, reorder_quantity
)
select distinct on (t.product_id)
    t.product_id,
    t.product_name,
    c.category_id,
    t.supplier_id,
    t.unit_price,
    t.reorder_point,
    t.reorder_quantity
from pg_temp.typed as t
inner join retail.categories as c on t.category = c.category_name
order by t.product_id asc, t.recency desc;

insert into retail.demand_forecast (store_id, product_id, forecast_date, forecasted_demand, actual_demand)
select distinct on (store_id, product_id, transaction_date::date)
    store_id,
    product_id,
    transaction_date::date,
    forecasted_demand,
    actual_demand
from pg_temp.typed
order by store_id asc, product_id asc, transaction_date::date asc, recency desc;

create temporary table headers on commit drop as
select distinct on (store_id, transaction_id) *
from pg_temp.typed
order by store_id asc, transaction_id asc, recency desc;

insert into retail.store_customers (store_id, customer_id)
select distinct
    store_id,
    customer_id
from pg_temp.headers;

insert into retail.transactions (
    transaction_id, transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id,
    weather_id, stockout
)
select
    h.transaction_id,
    h.transaction_date,
    h.customer_id,
    h.store_id,
    m.payment_method_id,
    h.promotion_applied,
    p.promotion_id,
    w.weather_id,
    h.stockout_indicator
from pg_temp.headers as h
inner join retail.payment_methods as m on h.payment_method = m.payment_method
inner join retail.weather as w on h.weather_conditions = w.weather_conditions
left join retail.promotions as p on h.promotion_type = p.promotion_type;

insert into retail.transaction_details (transaction_id, line_number, store_id, product_id, quantity, unit_price)
select
    transaction_id,
    line_number,
    store_id,
    product_id,
    quantity_sold,
    unit_price
from pg_temp.typed;

insert into retail.files (
    sha256, accepted, name, bytes, rows_read, rows_loaded, rows_quarantined, rows_duplicate, conflicts, warnings,
    loaded_at, seconds
)
select
    repeat('0', 64),
    true,
    'bench.csv',
    0,
    count(*),
    count(*),
    0,
    0,
    '{}',
    '{}',
    now(),
    0
from pg_temp.typed;

insert into retail.observations (
    store_id, transaction_id, line_number, file_id, file_line, recorded_stock, weekday, holiday
)
select
    t.store_id,
    t.transaction_id,
    t.line_number,
    f.file_id,
    t.file_line,
    t.inventory_level,
    t.weekday,
    t.holiday_indicator
from pg_temp.typed as t
cross join retail.files as f;

insert into retail.conflicts (
    store_id, transaction_id, line_number, transaction_date, customer_id, payment_method, promotion_applied,
    promotion_type, weather_conditions, stockout, product_name, category_name, supplier_id, reorder_point,
    reorder_quantity, lead_time_days, store_location, age, gender, income, loyalty_level, forecasted_demand,
    actual_demand
)
select lost.*
from (
    select
        t.store_id,
        t.transaction_id,
        t.line_number,
        nullif(t.transaction_date, h.transaction_date) as transaction_date,
        nullif(t.customer_id, h.customer_id) as customer_id,
        nullif(t.payment_method, h.payment_method) as payment_method,
        nullif(t.promotion_applied, h.promotion_applied) as promotion_applied,
        nullif(t.promotion_type, h.promotion_type) as promotion_type,
        nullif(t.weather_conditions, h.weather_conditions) as weather_conditions,
        nullif(t.stockout_indicator, h.stockout_indicator) as stockout,
        nullif(t.product_name, p.product_name) as product_name,
        nullif(t.category, k.category_name) as category_name,
        nullif(t.supplier_id, p.supplier_id) as supplier_id,
        nullif(t.reorder_point, p.reorder_point) as reorder_point,
        nullif(t.reorder_quantity, p.reorder_quantity) as reorder_quantity,
        nullif(t.supplier_lead_time, u.lead_time_days) as lead_time_days,
        nullif(t.store_location, s.store_location) as store_location,
        nullif(t.customer_age, c.age) as age,
        nullif(t.customer_gender, c.gender) as gender,
        nullif(t.customer_income, c.income) as income,
        nullif(t.customer_loyalty_level, c.loyalty_level) as loyalty_level,
        nullif(t.forecasted_demand, d.forecasted_demand) as forecasted_demand,
        nullif(t.actual_demand, d.actual_demand) as actual_demand
    from pg_temp.typed as t
    inner join pg_temp.headers as h on t.store_id = h.store_id and t.transaction_id = h.transaction_id
    inner join retail.products as p on t.product_id = p.product_id
    inner join retail.categories as k on p.category_id = k.category_id
    inner join retail.suppliers as u on t.supplier_id = u.supplier_id
    inner join retail.stores as s on t.store_id = s.store_id
    inner join retail.customers as c on t.customer_id = c.customer_id
    inner join retail.demand_forecast as d
        on
            t.store_id = d.store_id
            and t.product_id = d.product_id
            and d.forecast_date = t.transaction_date::date
) as lost
where
    num_nonnulls(
        lost.transaction_date, lost.customer_id, lost.payment_method, lost.promotion_applied, lost.promotion_type,
        lost.weather_conditions, lost.stockout, lost.product_name, lost.category_name, lost.supplier_id,
        lost.reorder_point, lost.reorder_quantity, lost.lead_time_days, lost.store_location, lost.age, lost.gender,
        lost.income, lost.loyalty_level, lost.forecasted_demand, lost.actual_demand
    ) > 0;

insert into retail.inventory (store_id, product_id, inventory_level)
select distinct on (store_id, product_id)
    store_id,
    product_id,
    inventory_level
from pg_temp.typed
order by store_id asc, product_id asc, recency desc;

insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
select
    store_id,
    product_id,
    inventory_level,
    'load',
    current_user
from retail.inventory
where inventory_level <> 0;
