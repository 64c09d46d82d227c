-- Purpose: the last product of the next batch of a store, where as many are left to set as a batch has.
-- Caller:  warehouse.load_stock, first of a batch of one store, with the store, the last product that is set, and how
--          many products of the batch come before its last.
-- Locks:   none but those of reading.

prepare stock_next (integer, integer, integer) as
select winner.product_id
from staging.stock_winner as winner
where winner.store_id = $1 and winner.product_id > $2
order by winner.product_id
limit 1 offset $3;
