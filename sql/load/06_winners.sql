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

create temporary table product_winner on commit drop as
with best as (
    select max(recency) as recency
    from pg_temp.lines
    group by product_id
)

select
    latest.product_id,
    latest.file_line,
    latest.recency
from pg_temp.lines as latest
inner join best on latest.recency = best.recency;

create temporary table supplier_winner on commit drop as
with best as (
    select max(recency) as recency
    from pg_temp.lines
    group by supplier_id
)

select
    latest.supplier_id,
    latest.file_line,
    latest.recency
from pg_temp.lines as latest
inner join best on latest.recency = best.recency;

create temporary table store_winner on commit drop as
with best as (
    select max(recency) as recency
    from pg_temp.lines
    group by store_id
)

select
    latest.store_id,
    latest.file_line,
    latest.recency
from pg_temp.lines as latest
inner join best on latest.recency = best.recency;

create temporary table customer_winner on commit drop as
with best as (
    select max(recency) as recency
    from pg_temp.lines
    group by customer_id
)

select
    latest.customer_id,
    latest.file_line,
    latest.recency
from pg_temp.lines as latest
inner join best on latest.recency = best.recency;

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
