-- Purpose: the rows that load, each with its line within the sale, in the order of the file, and its place in the order
--          of sales, which decides between contradicting values: the later row wins. Only what most steps need; the
--          rest of a row stays in `incoming`. They lie in the order of sale and line, in which they are inserted.
-- Caller:  warehouse.load, once the rows that do not load have left `incoming`.
-- Locks:   none but those of reading.

create temporary table lines on commit drop as
select
    ranked.file_line,
    ranked.store_id,
    ranked.transaction_id,
    (coalesce(known.line_number, 0) + row_number() over sale)::integer as line_number,
    ranked.recency,
    max(ranked.recency) over (partition by ranked.store_id, ranked.transaction_id) as sale_recency,
    ranked.transaction_date,
    ranked.customer_id,
    ranked.product_id,
    ranked.supplier_id,
    ranked.quantity_sold,
    ranked.unit_price,
    ranked.inventory_level,
    ranked.weekday, -- noqa: RF04
    ranked.holiday_indicator,
    ranked.forecasted_demand,
    ranked.actual_demand
from (
    select
        fresh.file_line,
        fresh.store_id,
        fresh.transaction_id,
        fresh.transaction_date,
        fresh.customer_id,
        fresh.product_id,
        fresh.supplier_id,
        fresh.quantity_sold,
        fresh.unit_price,
        fresh.inventory_level,
        fresh.weekday, -- noqa: RF04
        fresh.holiday_indicator,
        fresh.forecasted_demand,
        fresh.actual_demand,
        row_number() over (
            order by fresh.transaction_date, fresh.transaction_id, fresh.store_id, fresh.file_line
        ) as recency
    from pg_temp.incoming as fresh
) as ranked
left join (
    select
        detail.store_id,
        detail.transaction_id,
        max(detail.line_number) as line_number
    from retail.transaction_details as detail
    inner join pg_temp.known_sales as known
        on detail.store_id = known.store_id and detail.transaction_id = known.transaction_id
    group by detail.store_id, detail.transaction_id
) as known
    on ranked.store_id = known.store_id and ranked.transaction_id = known.transaction_id
window sale as (partition by ranked.store_id, ranked.transaction_id order by ranked.file_line);

analyze pg_temp.lines;

-- Sales made from here on get numbers after those of the file. Never backwards.
select setval('retail.transaction_number', largest.transaction_id)
from (select max(transaction_id) as transaction_id from pg_temp.lines) as largest
cross join retail.transaction_number as numbers
where largest.transaction_id > numbers.last_value or (largest.transaction_id = 1 and not numbers.is_called);
