-- Purpose: a point look-up: one sale of the store, by its number. Caller: bench.rls. Locks: none.
-- The block comment is what is added for a role that no policy narrows.
select
    t.transaction_id,
    t.transaction_date,
    t.customer_id,
    t.payment_method_id,
    t.promotion_id,
    t.stockout
from retail.transactions as t
where t.transaction_id = $1 /* and t.store_id = :store */
