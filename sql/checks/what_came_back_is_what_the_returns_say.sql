-- Purpose: what movements put back for a sale is what its returns say, and no line got back more than it sold.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
with m as (
    select
        s.store_id,
        s.transaction_id,
        s.product_id,
        sum(s.quantity) as back
    from retail.stock_movements as s
    where s.reason in ('return', 'void')
    group by s.store_id, s.transaction_id, s.product_id
)

select
    m.back,
    r.quantity,
    coalesce(r.store_id, m.store_id) as store_id,
    coalesce(r.transaction_id, m.transaction_id) as transaction_id,
    coalesce(r.product_id, m.product_id) as product_id
from (
    select
        d.store_id,
        d.transaction_id,
        d.product_id,
        sum(b.quantity) as quantity,
        bool_or(b.quantity > d.quantity) as is_too_much
    from (
        select
            t.store_id,
            t.transaction_id,
            t.line_number,
            sum(t.quantity) as quantity
        from retail.returns as t
        group by t.store_id, t.transaction_id, t.line_number
    ) as b
    inner join retail.transaction_details as d
        on b.store_id = d.store_id and b.transaction_id = d.transaction_id and b.line_number = d.line_number
    group by d.store_id, d.transaction_id, d.product_id
) as r
full join m on r.store_id = m.store_id and r.transaction_id = m.transaction_id and r.product_id = m.product_id
where coalesce(r.quantity, 0) <> coalesce(m.back, 0) or r.is_too_much
