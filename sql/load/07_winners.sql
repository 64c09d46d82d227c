-- Purpose: for each key that decides a value, the latest row of this load: the candidate for its value. Of two rows the
--          later is that of the later sale; then of the larger transaction_id, the larger store_id, the later line.
-- Caller:  warehouse.load, after 06.
-- Locks:   none that anyone else would notice.

-- The last row of a sale that none above it is later than: as a rule its last row.
create unlogged table staging.sale_winner as
with latest_last as (
    select
        store_id,
        transaction_id,
        line_number,
        transaction_date,
        customer_id,
        payment_method_id,
        promotion_applied,
        promotion_id,
        weather_id,
        stockout
    from staging.lines
    where is_last and is_latest_so_far
),

latest_before as (
    select distinct on (line.store_id, line.transaction_id)
        line.store_id,
        line.transaction_id,
        line.line_number,
        line.transaction_date,
        line.customer_id,
        line.payment_method_id,
        line.promotion_applied,
        line.promotion_id,
        line.weather_id,
        line.stockout
    from staging.lines as line -- noqa: RF04
    inner join staging.lines as last_line
        on line.store_id = last_line.store_id and line.transaction_id = last_line.transaction_id
    where line.is_latest_so_far and last_line.is_last and not last_line.is_latest_so_far
    order by line.store_id asc, line.transaction_id asc, line.line_number desc
)

select * from latest_last
union all
select * from latest_before;

analyze staging.sale_winner;

-- One look at the lines tells the latest date of each of four keys; then few rows can be the latest.
create unlogged table staging.latest as
select
    product_id,
    supplier_id,
    store_id,
    customer_id,
    max(transaction_date) as transaction_date
from staging.lines
group by grouping sets ((product_id), (supplier_id), (store_id), (customer_id));

analyze staging.latest;

create unlogged table staging.product_winner as
select distinct on (line.product_id)
    line.product_id,
    line.transaction_date,
    line.transaction_id,
    line.store_id,
    line.line_number,
    line.file_line
from staging.lines as line -- noqa: RF04
inner join staging.latest
    on line.product_id = latest.product_id and line.transaction_date = latest.transaction_date
order by
    line.product_id asc, line.transaction_date desc, line.transaction_id desc, line.store_id desc, line.file_line desc;

create unlogged table staging.supplier_winner as
select distinct on (line.supplier_id)
    line.supplier_id,
    line.transaction_date,
    line.transaction_id,
    line.store_id,
    line.line_number,
    line.file_line
from staging.lines as line -- noqa: RF04
inner join staging.latest
    on line.supplier_id = latest.supplier_id and line.transaction_date = latest.transaction_date
order by
    line.supplier_id asc, line.transaction_date desc, line.transaction_id desc, line.store_id desc,
    line.file_line desc;

create unlogged table staging.store_winner as
select distinct on (line.store_id)
    line.store_id,
    line.transaction_date,
    line.transaction_id,
    line.line_number,
    line.file_line
from staging.lines as line -- noqa: RF04
inner join staging.latest
    on line.store_id = latest.store_id and line.transaction_date = latest.transaction_date
order by line.store_id asc, line.transaction_date desc, line.transaction_id desc, line.file_line desc;

create unlogged table staging.customer_winner as
select distinct on (line.customer_id)
    line.customer_id,
    line.transaction_date,
    line.transaction_id,
    line.store_id,
    line.line_number,
    line.file_line
from staging.lines as line -- noqa: RF04
inner join staging.latest
    on line.customer_id = latest.customer_id and line.transaction_date = latest.transaction_date
order by
    line.customer_id asc, line.transaction_date desc, line.transaction_id desc, line.store_id desc,
    line.file_line desc;

create unlogged table staging.latest_rows as
select fresh.* -- noqa: AM04
from staging.incoming as fresh
where
    fresh.file_line in (
        select winner.file_line
        from staging.product_winner as winner
        union all
        select winner.file_line
        from staging.supplier_winner as winner
        union all
        select winner.file_line
        from staging.store_winner as winner
        union all
        select winner.file_line
        from staging.customer_winner as winner
    );

analyze staging.latest_rows;

-- The last of its store, product and day; and the last of its store and product, whose stock is the latest record.
create unlogged table staging.demand_winner as
select
    placed.store_id,
    placed.product_id,
    placed.forecast_date,
    placed.transaction_date,
    placed.transaction_id,
    placed.line_number,
    placed.forecasted_demand,
    placed.actual_demand,
    placed.inventory_level,
    placed.following_date is null as is_latest_record
from (
    select
        store_id,
        product_id,
        transaction_date::date as forecast_date,
        transaction_date,
        transaction_id,
        line_number,
        forecasted_demand,
        actual_demand,
        inventory_level,
        lead(transaction_date::date) over (
            partition by store_id, product_id order by transaction_date, transaction_id, file_line
        ) as following_date
    from staging.lines
) as placed
where placed.following_date is null or placed.following_date <> placed.forecast_date;

create unlogged table staging.stock_winner as
select
    store_id,
    product_id,
    transaction_date,
    transaction_id,
    line_number,
    inventory_level
from staging.demand_winner
where is_latest_record;

analyze staging.demand_winner;

analyze staging.stock_winner;
