-- Purpose: what the store has to reorder. Caller: bench.rls. Locks: none.
-- The block comment is what is added for a role that no policy narrows.
select
    i.product_id,
    p.product_name,
    i.inventory_level,
    p.reorder_point,
    p.reorder_quantity
from retail.inventory as i
inner join retail.products as p on i.product_id = p.product_id
where i.inventory_level <= p.reorder_point /* and i.store_id = :store */
order by i.product_id
