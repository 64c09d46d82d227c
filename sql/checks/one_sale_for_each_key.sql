-- Purpose: a call of insert_transaction with an idempotency key made one sale, and no sale answers to two keys. A sale
--          that its store deleted afterwards has left its movements.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
select
    r.store_id,
    r.result_id,
    count(*) as calls
from retail.requests as r
where r.procedure_name = 'insert_transaction'
group by r.store_id, r.result_id
having
    count(*) > 1
    or not exists (
        select from retail.stock_movements as m
        where m.store_id = r.store_id and m.transaction_id = r.result_id and m.reason = 'sale'
    )
