-- Purpose: from this commit on the ledger says of which stores the stock is still to set: each with the last product
--          that is set, 0 as none is. The records are found by store and product then.
-- Caller:  warehouse.load, after 11.
-- Locks:   row exclusive on the ledger; nothing else writes it.

create unique index stock_winner_key on staging.stock_winner (store_id, product_id);

update retail.files as ledger
set stock_to_set = pending.stores
from (
    select coalesce(jsonb_object_agg(store.store_id, 0), '{}') as stores
    from (
        select distinct winner.store_id
        from staging.stock_winner as winner
    ) as store
) as pending, staging.this_load as this_load
where ledger.file_id = this_load.file_id;
