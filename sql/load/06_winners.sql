-- Purpose: for each key that decides a value, the latest row of this load: the candidate for its value.
-- Caller:  warehouse.load, after 05.
-- Locks:   none that anyone else would notice.

create temporary table sale_winner on commit drop as
select
    store_id,
    transaction_id,
    file_line,
    recency
from pg_temp.lines
where recency = sale_recency;

-- One look at the lines for all four; then their few whole rows, from which products, customers and the like are made.
create temporary table latest on commit drop as
select
    product_id,
    supplier_id,
    store_id,
    customer_id,
    max(recency) as recency
from pg_temp.lines
group by grouping sets ((product_id), (supplier_id), (store_id), (customer_id));

create temporary table latest_rows on commit drop as
select
    line.recency,
    fresh.* -- noqa: AM04
from pg_temp.lines as line -- noqa: RF04
inner join pg_temp.incoming as fresh on line.file_line = fresh.file_line
where line.recency in (select latest.recency from pg_temp.latest);

analyze pg_temp.latest_rows;

create temporary table product_winner on commit drop as
select
    product_id,
    recency
from pg_temp.latest
where product_id is not null;

create temporary table supplier_winner on commit drop as
select
    supplier_id,
    recency
from pg_temp.latest
where supplier_id is not null;

create temporary table store_winner on commit drop as
select
    store_id,
    recency
from pg_temp.latest
where store_id is not null;

create temporary table customer_winner on commit drop as
select
    customer_id,
    recency
from pg_temp.latest
where customer_id is not null;

-- Places in the order of sales follow the dates, so one order of rows serves both: by store, product and recency.
create temporary table demand_winner on commit drop as
select distinct on (store_id, product_id, forecast_date)
    store_id,
    product_id,
    transaction_date::date as forecast_date,
    file_line,
    recency,
    forecasted_demand,
    actual_demand,
    transaction_date,
    inventory_level
from pg_temp.lines
order by store_id asc, product_id asc, forecast_date desc, recency desc;

create temporary table stock_winner on commit drop as
select distinct on (store_id, product_id)
    store_id,
    product_id,
    file_line,
    recency,
    transaction_date,
    inventory_level
from pg_temp.demand_winner
order by store_id asc, product_id asc, recency desc;
