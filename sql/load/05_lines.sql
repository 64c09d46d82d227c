-- Purpose: the rows that load, each with its line within the sale, in the order of the file, and its place in the order
--          of sales, which decides between contradicting values: the later row wins.
-- Caller:  warehouse.load, once the rows that do not load have left `incoming`.
-- Locks:   none but those of reading.

create temporary table lines on commit drop as
select
    numbered.*, -- noqa: AM04
    row_number() over (
        order by numbered.transaction_date, numbered.transaction_id, numbered.store_id, numbered.line_number
    ) as recency
from (
    select
        fresh.*,
        (coalesce(known.line_number, 0) + row_number() over (
            partition by fresh.store_id, fresh.transaction_id
            order by fresh.file_line
        ))::integer as line_number
    from pg_temp.incoming as fresh
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
        on fresh.store_id = known.store_id and fresh.transaction_id = known.transaction_id
) as numbered;

analyze pg_temp.lines;

-- Sales made from here on get numbers after those of the file. Never backwards.
select setval('retail.transaction_number', largest.transaction_id)
from (select max(transaction_id) as transaction_id from pg_temp.lines) as largest
cross join retail.transaction_number as numbers
where largest.transaction_id > numbers.last_value or (largest.transaction_id = 1 and not numbers.is_called);
