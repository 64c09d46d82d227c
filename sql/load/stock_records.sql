-- Purpose: the records that the stock of a file is still to be set to, found in the tables: of each store and product
--          the latest of all files, where that is of this file. Another file's is that file's to set.
-- Caller:  warehouse.load_stock, for a file whose load was cut short: that of the setting load.file_id;
--          `staging.file_rows` is file_rows.sql, made before this and dropped here.
-- Locks:   none but those of reading, of all tables that the view joins.

drop table if exists staging.stock_winner;

create unlogged table staging.stock_winner as
with this_file as (
    select current_setting('load.file_id')::bigint as file_id
),

latest as (
    select distinct on (seen.store_id, seen.product_id)
        seen.file_id,
        seen.store_id,
        seen.product_id,
        seen.transaction_date,
        seen.inventory_level
    from staging.file_rows as seen
    where
        seen.store_id in (
            select store.store_id::integer
            from retail.files as ledger
            inner join this_file on ledger.file_id = this_file.file_id
            cross join lateral jsonb_object_keys(ledger.stock_to_set) as store (store_id)
        )
    order by
        seen.store_id asc, seen.product_id asc, seen.transaction_date desc, seen.transaction_id desc,
        seen.line_number desc
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

drop view staging.file_rows;
