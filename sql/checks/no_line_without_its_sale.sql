-- Purpose: a line has its sale, in the same store.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
select
    d.store_id,
    d.transaction_id,
    d.line_number
from retail.transaction_details as d
where not exists (
    select from retail.transactions as t
    where t.store_id = d.store_id and t.transaction_id = d.transaction_id
)
