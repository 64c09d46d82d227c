-- Purpose: sales, units and revenue of the day so far, by payment method. Caller: bench.rls. Locks: none.
-- The block comment is what is added for a role that no policy narrows.
select
    t.payment_method_id,
    count(distinct t.transaction_id) as sales,
    sum(d.quantity) as units,
    sum(d.quantity * d.unit_price) as revenue
from retail.transactions as t
inner join retail.transaction_details as d on t.store_id = d.store_id and t.transaction_id = d.transaction_id
where t.transaction_date >= $1 /* and t.store_id = :store */
group by t.payment_method_id
order by t.payment_method_id
