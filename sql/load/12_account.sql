-- Purpose: the account of this load: contradicted dependencies, counted over its rows; rules that only warn; rows by
--          table. The names of the counts are those of source.dependencies.
-- Caller:  warehouse.load, last before COMMIT.
-- Locks:   row exclusive on the ledger; nothing else writes it.

-- The latest record of the stock: from this load, or from the loaded row that beat it.
create temporary table stock_records on commit drop as
select
    store_id,
    product_id,
    inventory_level
from pg_temp.stock_winner
union all
select * from (
    select distinct on (rival.store_id, rival.product_id)
        rival.store_id,
        rival.product_id,
        rival.inventory_level
    from pg_temp.rivals as rival
    where
        not exists (
            select from pg_temp.stock_winner as winner
            where winner.store_id = rival.store_id and winner.product_id = rival.product_id
        )
    order by
        rival.store_id asc, rival.product_id asc, rival.transaction_date desc, rival.transaction_id desc,
        rival.line_number desc
) as beaten;

create temporary table counted on commit drop as
with lost as (
    select lost.*
    from retail.conflicts as lost
    inner join pg_temp.lines as fresh
        on
            lost.store_id = fresh.store_id
            and lost.transaction_id = fresh.transaction_id
            and lost.line_number = fresh.line_number
),

lost_counts as (
    select
        count(transaction_date) as transaction_date,
        count(customer_id) as customer_id,
        count(payment_method) as payment_method,
        count(promotion_applied) as promotion_applied,
        count(promotion_type) as promotion_type,
        count(weather_conditions) as weather_conditions,
        count(stockout) as stockout,
        count(product_name) as product_name,
        count(category_name) as category_name,
        count(supplier_id) as supplier_id,
        count(reorder_point) as reorder_point,
        count(reorder_quantity) as reorder_quantity,
        count(lead_time_days) as lead_time_days,
        count(store_location) as store_location,
        count(age) as age,
        count(gender) as gender,
        count(income) as income,
        count(loyalty_level) as loyalty_level,
        count(forecasted_demand) as forecasted_demand,
        count(actual_demand) as actual_demand
    from lost
),

prices as (
    select count(*) as lost
    from pg_temp.lines as fresh
    inner join retail.products as product on fresh.product_id = product.product_id
    where fresh.unit_price <> product.unit_price
),

records as (
    select count(*) as lost
    from pg_temp.lines as fresh
    inner join pg_temp.stock_records as latest
        on fresh.store_id = latest.store_id and fresh.product_id = latest.product_id
    where fresh.inventory_level <> latest.inventory_level
),

warned as (
    select
        -- 2024-01-01 was a Monday.
        count(*) filter (
            where weekday <> (
                '{Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday}'::text[]
            )[1 + ((transaction_date::date - date '2024-01-01') % 7 + 7) % 7]
        ) as weekday, -- noqa: RF04
        count(*) filter (where promotion_applied <> (promotion_type <> 'None')) as promotion,
        count(*) filter (where stockout_indicator <> (inventory_level = 0)) as stockout
    from pg_temp.incoming
)

select
    (
        select count(*)
        from retail.observations as seen
        inner join pg_temp.this_load as this_load on seen.file_id = this_load.file_id
    ) as rows_in_tables,
    jsonb_build_object(
        'store_id, transaction_id -> transaction_date', lost_counts.transaction_date,
        'store_id, transaction_id -> customer_id', lost_counts.customer_id,
        'store_id, transaction_id -> promotion_applied', lost_counts.promotion_applied,
        'store_id, transaction_id -> payment_method', lost_counts.payment_method,
        'store_id, transaction_id -> promotion_type', lost_counts.promotion_type,
        'store_id, transaction_id -> weather_conditions', lost_counts.weather_conditions,
        'store_id, transaction_id -> stockout_indicator', lost_counts.stockout,
        'product_id -> product_name', lost_counts.product_name,
        'product_id -> category', lost_counts.category_name,
        'product_id -> supplier_id', lost_counts.supplier_id,
        'product_id -> reorder_point', lost_counts.reorder_point,
        'product_id -> reorder_quantity', lost_counts.reorder_quantity,
        'product_id -> unit_price', prices.lost,
        'store_id, product_id -> inventory_level', records.lost,
        'supplier_id -> supplier_lead_time', lost_counts.lead_time_days,
        'store_id -> store_location', lost_counts.store_location,
        'customer_id -> customer_age', lost_counts.age,
        'customer_id -> customer_gender', lost_counts.gender,
        'customer_id -> customer_income', lost_counts.income,
        'customer_id -> customer_loyalty_level', lost_counts.loyalty_level,
        'store_id, product_id, day -> forecasted_demand', lost_counts.forecasted_demand,
        'store_id, product_id, day -> actual_demand', lost_counts.actual_demand
    ) as conflicts,
    jsonb_build_object(
        'weekday is not that of the date', warned.weekday,
        'promotion mark and kind of promotion disagree', warned.promotion,
        'stockout mark and recorded stock disagree', warned.stockout,
        'stock would be below zero', (
            select count(*) from pg_temp.stock_levels
            where stock_levels.wanted < 0
        )
    ) as warnings
from lost_counts
cross join prices
cross join records
cross join warned;

update retail.files as ledger
set
    conflicts = counted.conflicts,
    warnings = counted.warnings
from pg_temp.counted as counted, pg_temp.this_load as this_load
where ledger.file_id = this_load.file_id;
