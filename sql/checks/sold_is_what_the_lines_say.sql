-- Purpose: what movements took for a sale is what its lines say; lines that came with a file have no movement.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
with m as (
    select
        s.store_id,
        s.transaction_id,
        s.product_id,
        -sum(s.quantity) as sold
    from retail.stock_movements as s
    where s.transaction_id is not null and s.reason in ('sale', 'correction')
    group by s.store_id, s.transaction_id, s.product_id
)

select
    m.sold,
    l.quantity,
    coalesce(l.store_id, m.store_id) as store_id,
    coalesce(l.transaction_id, m.transaction_id) as transaction_id,
    coalesce(l.product_id, m.product_id) as product_id
from (
    select
        d.store_id,
        d.transaction_id,
        d.product_id,
        sum(d.quantity) as quantity
    from retail.transaction_details as d
    where
        not exists (
            select from retail.observations as o
            where o.store_id = d.store_id and o.transaction_id = d.transaction_id and o.line_number = d.line_number
        )
    group by d.store_id, d.transaction_id, d.product_id
) as l
full join m on l.store_id = m.store_id and l.transaction_id = m.transaction_id and l.product_id = m.product_id
where coalesce(l.quantity, 0) <> coalesce(m.sold, 0)
