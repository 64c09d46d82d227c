-- Purpose: how many of these records are of a product or a store that is not there: none may. Those that are there stay
--          there until the commit.
-- Caller:  warehouse.load_stock, with the stores, the last product that is set, and the last of the batch.
-- Locks:   the products and the stores against deletion; no sale waits for that.

prepare stock_parents (integer[], integer, integer) as
with batch as materialized (
    select
        winner.store_id,
        winner.product_id
    from staging.stock_winner as winner
    where winner.store_id = any($1) and winner.product_id > $2 and winner.product_id <= $3
),

stores as materialized (
    select kept.store_id
    from retail.stores as kept
    where kept.store_id = any($1)
    order by kept.store_id
    for key share
),

products as materialized (
    select kept.product_id
    from retail.products as kept
    where
        kept.product_id in (
            select batch.product_id
            from batch
        )
    order by kept.product_id
    for key share
)

select count(*)
from batch
left join stores on batch.store_id = stores.store_id
left join products on batch.product_id = products.product_id
where stores.store_id is null or products.product_id is null;
