-- Purpose: the records that the stock of a file is still to be set to, found in the tables: of each store and product
--          the latest of all files, where that is of this file. Another file's is that file's to set.
-- Caller:  warehouse.load_stock, for a file whose load was cut short: that of the setting load.file_id.
-- Locks:   none but those of reading.

drop table if exists staging.stock_winner;

create unlogged table staging.stock_winner as
with this_file as (
    select current_setting('load.file_id')::bigint as file_id
),

latest as (
    select distinct on (seen.store_id, detail.product_id)
        seen.file_id,
        seen.store_id,
        detail.product_id,
        coalesce(lost.transaction_date, sale.transaction_date) as transaction_date,
        seen.recorded_stock as inventory_level
    from retail.observations as seen
    inner join retail.transaction_details as detail
        on
            seen.store_id = detail.store_id
            and seen.transaction_id = detail.transaction_id
            and seen.line_number = detail.line_number
    inner join retail.transactions as sale
        on seen.store_id = sale.store_id and seen.transaction_id = sale.transaction_id
    left join retail.conflicts as lost
        on
            seen.store_id = lost.store_id
            and seen.transaction_id = lost.transaction_id
            and seen.line_number = lost.line_number
    where
        seen.store_id in (
            select store.store_id::integer
            from retail.files as ledger
            inner join this_file on ledger.file_id = this_file.file_id
            cross join lateral jsonb_object_keys(ledger.stock_to_set) as store (store_id)
        )
    order by
        seen.store_id asc, detail.product_id asc, coalesce(lost.transaction_date, sale.transaction_date) desc,
        seen.transaction_id desc, seen.line_number desc
)

select
    latest.store_id,
    latest.product_id,
    latest.transaction_date,
    latest.inventory_level
from latest
inner join this_file on latest.file_id = this_file.file_id;

create unique index stock_winner_key on staging.stock_winner (store_id, product_id);

analyze staging.stock_winner;
