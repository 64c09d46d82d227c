-- Purpose: a point look-up: what the store has of a product. Caller: bench.rls. Locks: none.
-- The block comment is what is added for a role that no policy narrows.
select i.inventory_level
from retail.inventory as i
where i.product_id = $1 /* and i.store_id = :store */
