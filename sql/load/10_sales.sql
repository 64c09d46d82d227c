-- Purpose: the sales themselves: which customers a store has sold to, headers as the latest row of a sale has them,
--          lines, and what was observed with each.
-- Caller:  warehouse.load, after 09.
-- Locks:   row exclusive; no sale that is being made touches the rows.

select kept.customer_id
from retail.store_customers as kept
inner join staging.sale_winner as fresh on kept.store_id = fresh.store_id and kept.customer_id = fresh.customer_id
order by kept.store_id, kept.customer_id
for key share of kept;

insert into retail.store_customers (store_id, customer_id)
select
    fresh.store_id,
    fresh.customer_id
from (
    select distinct
        store_id,
        customer_id
    from staging.sale_winner
) as fresh
where
    not exists (
        select from retail.store_customers as kept
        where kept.store_id = fresh.store_id and kept.customer_id = fresh.customer_id
    )
order by fresh.store_id, fresh.customer_id;

update retail.transactions as kept
set
    transaction_date = fresh.transaction_date,
    customer_id = fresh.customer_id,
    payment_method_id = fresh.payment_method_id,
    promotion_applied = fresh.promotion_applied,
    promotion_id = fresh.promotion_id,
    weather_id = fresh.weather_id,
    stockout = fresh.stockout
from staging.sale_winner as fresh
inner join staging.known_sales as known
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
from staging.sale_winner as fresh
where
    not exists (
        select from staging.known_sales as known
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
from staging.lines;

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
from staging.lines as fresh
cross join staging.this_load as this_load;
