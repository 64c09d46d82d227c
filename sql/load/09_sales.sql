-- Purpose: the sales themselves: which customers a store has sold to, headers as the latest row of a sale has them,
--          lines, and what was observed with each.
-- Caller:  warehouse.load, after 08.
-- Locks:   row exclusive; no sale that is being made touches the rows.

create temporary table headers on commit drop as
select
    fresh.transaction_id,
    fresh.transaction_date,
    fresh.customer_id,
    fresh.store_id,
    payment.payment_method_id,
    fresh.promotion_applied,
    promotion.promotion_id,
    weather.weather_id,
    fresh.stockout_indicator as stockout
from pg_temp.sale_winner as winner
inner join pg_temp.incoming as fresh on winner.file_line = fresh.file_line
inner join retail.payment_methods as payment on fresh.payment_method = payment.payment_method
inner join retail.weather as weather on fresh.weather_conditions = weather.weather_conditions
left join retail.promotions as promotion on fresh.promotion_type = promotion.promotion_type;

analyze pg_temp.headers;

select kept.customer_id
from retail.store_customers as kept
inner join pg_temp.headers as fresh on kept.store_id = fresh.store_id and kept.customer_id = fresh.customer_id
order by kept.store_id, kept.customer_id
for key share of kept;

insert into retail.store_customers (store_id, customer_id)
select distinct
    store_id,
    customer_id
from pg_temp.headers
order by store_id, customer_id
on conflict (store_id, customer_id) do nothing;

update retail.transactions as kept
set
    transaction_date = fresh.transaction_date,
    customer_id = fresh.customer_id,
    payment_method_id = fresh.payment_method_id,
    promotion_applied = fresh.promotion_applied,
    promotion_id = fresh.promotion_id,
    weather_id = fresh.weather_id,
    stockout = fresh.stockout
from pg_temp.headers as fresh
inner join pg_temp.known_sales as known
    on fresh.store_id = known.store_id and fresh.transaction_id = known.transaction_id
where
    kept.store_id = fresh.store_id
    and kept.transaction_id = fresh.transaction_id
    and (
        kept.transaction_date, kept.customer_id, kept.payment_method_id, kept.promotion_applied, kept.promotion_id,
        kept.weather_id, kept.stockout
    ) is distinct from (
        fresh.transaction_date, fresh.customer_id, fresh.payment_method_id, fresh.promotion_applied, fresh.promotion_id,
        fresh.weather_id, fresh.stockout
    );

insert into retail.transactions (
    transaction_id, transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id,
    weather_id, stockout
)
select
    fresh.transaction_id,
    fresh.transaction_date,
    fresh.customer_id,
    fresh.store_id,
    fresh.payment_method_id,
    fresh.promotion_applied,
    fresh.promotion_id,
    fresh.weather_id,
    fresh.stockout
from pg_temp.headers as fresh
where
    not exists (
        select from pg_temp.known_sales as known
        where known.store_id = fresh.store_id and known.transaction_id = fresh.transaction_id
    )
order by fresh.store_id, fresh.transaction_id;

insert into retail.transaction_details (transaction_id, line_number, store_id, product_id, quantity, unit_price)
select
    transaction_id,
    line_number,
    store_id,
    product_id,
    quantity_sold,
    unit_price
from pg_temp.lines;

insert into retail.observations (
    store_id, transaction_id, line_number, file_id, file_line, recorded_stock, weekday, holiday
)
select
    fresh.store_id,
    fresh.transaction_id,
    fresh.line_number,
    this_load.file_id,
    fresh.file_line,
    fresh.inventory_level,
    fresh.weekday,
    fresh.holiday_indicator
from pg_temp.lines as fresh
cross join pg_temp.this_load as this_load;
