-- Purpose: stock is the sum of its movements, for each store and product; also where one of the two is missing.
-- Caller:  warehouse.consistency, as a role that sees every store.
-- Locks:   none that a writer would notice.
with m as (
    select
        s.store_id,
        s.product_id,
        sum(s.quantity) as moved
    from retail.stock_movements as s
    group by s.store_id, s.product_id
)

select
    m.moved,
    i.inventory_level,
    coalesce(i.store_id, m.store_id) as store_id,
    coalesce(i.product_id, m.product_id) as product_id
from retail.inventory as i
full join m on i.store_id = m.store_id and i.product_id = m.product_id
where coalesce(i.inventory_level, 0) <> coalesce(m.moved, 0)
