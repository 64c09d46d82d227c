-- Purpose: no stock is below zero.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
select
    i.store_id,
    i.product_id,
    i.inventory_level
from retail.inventory as i
where i.inventory_level < 0
