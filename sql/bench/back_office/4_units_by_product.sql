-- Purpose: units that the store ever sold of each product, most first. Caller: bench.rls. Locks: none.
-- The block comment is what is added for a role that no policy narrows.
select
    d.product_id,
    sum(d.quantity) as units
from retail.transaction_details as d
where true /* and d.store_id = :store */
group by d.product_id
order by units desc, d.product_id asc
