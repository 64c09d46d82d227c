-- Purpose: the stock of each store and product whose latest record this load brought: that record, less what happened
--          here after its time (sales, returns, receipts), never below zero; the difference to before is a movement.
-- Caller:  warehouse.load, after 11.
-- Locks:   the stock of these products until the commit, in the order of product within a store, in which sales take
--          them too: a sale of one of them waits. Locked first, so that the sum that follows sees every sale.

select stock.inventory_level
from retail.inventory as stock
inner join staging.stock_winner as winner
    on stock.store_id = winner.store_id and stock.product_id = winner.product_id
order by stock.store_id, stock.product_id
for no key update of stock;

create unlogged table staging.stock_levels as
with since as (
    -- A sale may have been given a date: that decides, not when it was entered.
    select
        moved.store_id,
        moved.product_id,
        sum(moved.quantity) as quantity
    from retail.stock_movements as moved
    inner join staging.stock_winner as winner
        on moved.store_id = winner.store_id and moved.product_id = winner.product_id
    left join retail.transactions as sale
        on
            moved.reason = 'sale'
            and moved.store_id = sale.store_id
            and moved.transaction_id = sale.transaction_id
    where
        moved.reason <> 'load'
        and coalesce(sale.transaction_date, moved.moved_at at time zone 'UTC') > winner.transaction_date
    group by moved.store_id, moved.product_id
)

select
    winner.store_id,
    winner.product_id,
    winner.inventory_level + coalesce(since.quantity, 0) as wanted,
    greatest(winner.inventory_level + coalesce(since.quantity, 0), 0)::integer as inventory_level,
    coalesce(stock.inventory_level, 0) as inventory_level_before,
    stock.store_id is null as is_new
from staging.stock_winner as winner
left join since on winner.store_id = since.store_id and winner.product_id = since.product_id
left join retail.inventory as stock
    on winner.store_id = stock.store_id and winner.product_id = stock.product_id;

update retail.inventory as kept
set inventory_level = levels.inventory_level
from staging.stock_levels as levels
where
    kept.store_id = levels.store_id
    and kept.product_id = levels.product_id
    and kept.inventory_level <> levels.inventory_level;

insert into retail.inventory (store_id, product_id, inventory_level)
select
    store_id,
    product_id,
    inventory_level
from staging.stock_levels
where is_new
order by store_id, product_id;

insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
select
    store_id,
    product_id,
    inventory_level - inventory_level_before as quantity,
    'load' as reason,
    current_user as role_name
from staging.stock_levels
where inventory_level <> inventory_level_before
order by store_id, product_id;
