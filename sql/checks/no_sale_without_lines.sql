-- Purpose: a sale has lines.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
select
    t.store_id,
    t.transaction_id
from retail.transactions as t
where not exists (
    select from retail.transaction_details as d
    where d.store_id = t.store_id and d.transaction_id = t.transaction_id
)
