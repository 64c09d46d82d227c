-- Purpose: the stock of these products of these stores: the latest record, less what happened here after its time
--          (sales, returns, receipts), never below zero and never above the largest number, for a store may correct its
--          stock to any; the difference to before is a movement. The ledger follows.
--          Tells how many were stocked, which must be those that were locked; and how many rows were written beside
--          the records: none may, for of these it is known that their products and stores are there.
-- Caller:  warehouse.load_stock, last of a batch, with the stores, the last product that is set, and the last of the
--          batch; with the file, and whether more of the one store follows.
-- Locks:   none that the batch does not hold. It is one statement, and begins after the locks: so it sees every sale.

prepare stock_set (integer[], integer, integer, bigint, boolean) as
with winner as materialized (
    select
        record.store_id,
        record.product_id,
        record.transaction_date,
        record.inventory_level
    from staging.stock_winner as record
    where record.store_id = any($1) and record.product_id > $2 and record.product_id <= $3
),

since as (
    -- A sale may have been given a date: that decides, not when it was entered.
    select
        moved.store_id,
        moved.product_id,
        sum(moved.quantity) as quantity
    from winner
    inner join retail.stock_movements as moved
        on winner.store_id = moved.store_id and winner.product_id = moved.product_id
    left join retail.transactions as sale
        on
            moved.reason = 'sale'
            and moved.store_id = sale.store_id
            and moved.transaction_id = sale.transaction_id
    where
        moved.store_id = any($1)
        and moved.reason <> 'load'
        and coalesce(sale.transaction_date, moved.moved_at at time zone 'UTC') > winner.transaction_date
    group by moved.store_id, moved.product_id
),

levels as materialized (
    select
        winner.store_id,
        winner.product_id,
        winner.inventory_level + coalesce(since.quantity, 0) as wanted,
        least(greatest(winner.inventory_level + coalesce(since.quantity, 0), 0), 2147483647)::integer
            as inventory_level,
        coalesce(stock.inventory_level, 0) as inventory_level_before,
        stock.store_id is null as is_new
    from winner
    left join since on winner.store_id = since.store_id and winner.product_id = since.product_id
    left join retail.inventory as stock
        on winner.store_id = stock.store_id and winner.product_id = stock.product_id and stock.store_id = any($1)
),

changed as (
    update retail.inventory as kept
    set inventory_level = levels.inventory_level
    from levels
    where
        kept.store_id = levels.store_id
        and kept.product_id = levels.product_id
        and not levels.is_new
        and levels.inventory_level <> levels.inventory_level_before
    returning kept.product_id
),

added as (
    insert into retail.inventory (store_id, product_id, inventory_level)
    select
        levels.store_id,
        levels.product_id,
        levels.inventory_level
    from levels
    where levels.is_new
    order by levels.store_id, levels.product_id
    returning inventory.store_id, inventory.product_id
),

moved as (
    insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
    select
        levels.store_id,
        levels.product_id,
        levels.inventory_level - levels.inventory_level_before as quantity,
        'load' as reason,
        current_user as role_name
    from levels
    where levels.inventory_level <> levels.inventory_level_before
    order by levels.store_id, levels.product_id
    returning stock_movements.store_id, stock_movements.product_id
),

done as (
    select
        (select count(*) from changed) + (select count(*) from added) as changes,
        count(*) filter (where levels.wanted < 0) as below_zero,
        count(*) filter (where levels.wanted > 2147483647) as above_all
    from levels
),

noted as (
    update retail.files as ledger
    set
        streamed_changes = ledger.streamed_changes + done.changes,
        warnings = ledger.warnings || jsonb_build_object(
            'stock would be below zero',
            coalesce((ledger.warnings ->> 'stock would be below zero')::bigint, 0) + done.below_zero
        ) || case
            when done.above_all > 0
                then jsonb_build_object(
                    'stock would be above the largest number',
                    coalesce((ledger.warnings ->> 'stock would be above the largest number')::bigint, 0)
                    + done.above_all
                )
            else '{}'::jsonb
        end,
        stock_to_set = case
            when $5 then ledger.stock_to_set || jsonb_build_object($1[1], $3)
            else ledger.stock_to_set - $1::text[]
        end
    from done
    where ledger.file_id = $4
    returning ledger.file_id
)

select
    (
        select count(*)
        from levels
        where not levels.is_new
    ) as stocked,
    (
        select count(*)
        from (
            select
                added.store_id,
                added.product_id
            from added
            union all
            select
                moved.store_id,
                moved.product_id
            from moved
        ) as written
        where
            not exists (
                select from winner
                where winner.store_id = written.store_id and winner.product_id = written.product_id
            )
    ) as broken,
    (select count(*) from noted) as noted;
