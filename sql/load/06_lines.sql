-- Purpose: the rows that load, each with its line within the sale, in the order of the file, and whether none above it
--          in its sale is of a later date. Only what most steps need; the rest of a row stays in `incoming`. They lie
--          in the order of sale and line, in which they are inserted.
-- Caller:  warehouse.load, after 05.
-- Locks:   the headers of sales that are loaded already, until the commit: no line is added to one of them meanwhile.

select kept.transaction_id
from retail.transactions as kept
inner join staging.known_sales as known
    on kept.store_id = known.store_id and kept.transaction_id = known.transaction_id
order by kept.store_id, kept.transaction_id
for update of kept;

create unlogged table staging.lines as
select
    fresh.file_line,
    fresh.store_id,
    fresh.transaction_id,
    (coalesce(known.line_number, 0) + row_number() over sale)::integer as line_number,
    fresh.transaction_date = max(fresh.transaction_date) over sale as is_latest_so_far,
    lead(fresh.file_line) over sale is null as is_last,
    fresh.transaction_date,
    fresh.customer_id,
    payment.payment_method_id,
    fresh.promotion_applied,
    promotion.promotion_id,
    weather.weather_id,
    fresh.stockout_indicator as stockout,
    fresh.product_id,
    fresh.supplier_id,
    fresh.quantity_sold,
    fresh.unit_price,
    fresh.inventory_level,
    fresh.weekday, -- noqa: RF04
    fresh.holiday_indicator,
    fresh.forecasted_demand,
    fresh.actual_demand
from staging.incoming as fresh
inner join retail.payment_methods as payment on fresh.payment_method = payment.payment_method
inner join retail.weather as weather on fresh.weather_conditions = weather.weather_conditions
left join retail.promotions as promotion on fresh.promotion_type = promotion.promotion_type
left join (
    select
        detail.store_id,
        detail.transaction_id,
        max(detail.line_number) as line_number
    from retail.transaction_details as detail
    inner join staging.known_sales as known
        on detail.store_id = known.store_id and detail.transaction_id = known.transaction_id
    group by detail.store_id, detail.transaction_id
) as known
    on fresh.store_id = known.store_id and fresh.transaction_id = known.transaction_id
window sale as (partition by fresh.store_id, fresh.transaction_id order by fresh.file_line);

analyze staging.lines;

-- Sales made from here on get numbers after those of the file. Never backwards.
select setval('retail.transaction_number', largest.transaction_id)
from (select max(transaction_id) as transaction_id from staging.lines) as largest
cross join retail.transaction_number as numbers
where largest.transaction_id > numbers.last_value or (largest.transaction_id = 1 and not numbers.is_called);
