-- Purpose: for each key that decides a value, the latest row of this load: the candidate for its value.
-- Caller:  warehouse.load, after 05.
-- Locks:   none that anyone else would notice.

create temporary table sale_winner on commit drop as
select
    store_id,
    transaction_id,
    max(recency) as recency
from pg_temp.lines
group by store_id, transaction_id;

create temporary table product_winner on commit drop as
select
    product_id,
    max(recency) as recency
from pg_temp.lines
group by product_id;

create temporary table supplier_winner on commit drop as
select
    supplier_id,
    max(recency) as recency
from pg_temp.lines
group by supplier_id;

create temporary table store_winner on commit drop as
select
    store_id,
    max(recency) as recency
from pg_temp.lines
group by store_id;

create temporary table customer_winner on commit drop as
select
    customer_id,
    max(recency) as recency
from pg_temp.lines
group by customer_id;

create temporary table stock_winner on commit drop as
select
    store_id,
    product_id,
    max(recency) as recency
from pg_temp.lines
group by store_id, product_id;

create temporary table demand_winner on commit drop as
select
    store_id,
    product_id,
    transaction_date::date as forecast_date,
    max(recency) as recency
from pg_temp.lines
group by store_id, product_id, transaction_date::date;
