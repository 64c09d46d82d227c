-- Purpose: how many of these products the stores stock already. Locked before anything is read that sales change.
-- Caller:  warehouse.load_stock, with the stores, the last product that is set, and the last of the batch.
-- Locks:   the stock of these products until the commit, in the order of product within a store, in which sales take
--          them too: a sale of one of them waits for this batch.

prepare stock_lock (integer[], integer, integer) as
select count(*)
from (
    select stock.product_id
    from staging.stock_winner as winner
    inner join retail.inventory as stock
        on winner.store_id = stock.store_id and winner.product_id = stock.product_id
    where
        winner.store_id = any($1)
        and winner.product_id > $2
        and winner.product_id <= $3
        and stock.store_id = any($1)
    order by stock.store_id, stock.product_id
    for no key update of stock
) as kept;
