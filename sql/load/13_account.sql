-- Purpose: the account of this load: contradicted dependencies, counted over its rows; rules that only warn; rows by
--          table. What setting the stock adds to it is added then, by stock_set.sql.
-- Caller:  warehouse.load, after 12.
-- Locks:   row exclusive on the ledger; nothing else writes it.

create unlogged table staging.counted as
with lost_counts as (
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
        count(actual_demand) as actual_demand,
        count(*) filter (where is_other_price) as unit_price,
        count(*) filter (where is_other_stock) as inventory_level
    from staging.differing
    where fresh_line is not null
),

warned as (
    select
        coalesce(sum(other_weekday), 0) as weekday, -- noqa: RF04
        coalesce(sum(other_promotion), 0) as promotion,
        coalesce(sum(other_stockout), 0) as stockout
    from staging.lookups
)

select
    (
        select count(*)
        from retail.observations as seen
        inner join staging.this_load as this_load on seen.file_id = this_load.file_id
    ) as rows_in_tables,
    (
        (select count(*) from staging.sale_winner)
        + (select count(*) from staging.lines)
    ) as streamed_changes,
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
        'product_id -> unit_price', lost_counts.unit_price,
        'store_id, product_id -> inventory_level', lost_counts.inventory_level,
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
        'stock would be below zero', 0
    ) as warnings
from lost_counts
cross join warned;

update retail.files as ledger
set
    streamed_changes = counted.streamed_changes,
    conflicts = counted.conflicts,
    warnings = counted.warnings
from staging.counted as counted, staging.this_load as this_load
where ledger.file_id = this_load.file_id;
