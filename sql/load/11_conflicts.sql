-- Purpose: what each row says otherwise than the tables do now, once for each row, NULL where it agrees. Told for the
--          rows of this load, and again for loaded rows whose key has got another value.
-- Caller:  warehouse.load, after 10.
-- Locks:   row exclusive; nothing else writes the conflicts.

delete from retail.conflicts as kept
using staging.reevaluated as again
where
    kept.store_id = again.store_id
    and kept.transaction_id = again.transaction_id
    and kept.line_number = again.line_number;

create unlogged table staging.differing as
with told as (
    select
        given.store_id,
        given.transaction_id,
        given.line_number,
        given.fresh_line,
        nullif(given.transaction_date, sale.transaction_date) as transaction_date,
        nullif(given.customer_id, sale.customer_id) as customer_id,
        nullif(given.payment_method, payment.payment_method) as payment_method,
        nullif(given.promotion_applied, sale.promotion_applied) as promotion_applied,
        nullif(given.promotion_type, coalesce(promotion.promotion_type, 'None')) as promotion_type,
        nullif(given.weather_conditions, weather.weather_conditions) as weather_conditions,
        nullif(given.stockout_indicator, sale.stockout) as stockout,
        nullif(given.product_name, product.product_name) as product_name,
        nullif(given.category, category.category_name) as category_name,
        nullif(given.supplier_id, product.supplier_id) as supplier_id,
        nullif(given.reorder_point, product.reorder_point) as reorder_point,
        nullif(given.reorder_quantity, product.reorder_quantity) as reorder_quantity,
        nullif(given.supplier_lead_time, supplier.lead_time_days) as lead_time_days,
        nullif(given.store_location, store.store_location) as store_location,
        nullif(given.customer_age, customer.age) as age,
        nullif(given.customer_gender, customer.gender) as gender,
        nullif(given.customer_income, customer.income) as income,
        nullif(given.customer_loyalty_level, customer.loyalty_level) as loyalty_level,
        nullif(given.forecasted_demand, demand.forecasted_demand) as forecasted_demand,
        nullif(given.actual_demand, demand.actual_demand) as actual_demand,
        -- A row keeps its price and its record of the stock: these are counted only, and only once.
        given.fresh_line is not null and given.unit_price <> product.unit_price as is_other_price,
        given.fresh_line is not null and given.inventory_level <> stock.inventory_level as is_other_stock
    from (
        select
            store_id,
            transaction_id,
            null::integer as line_number,
            file_line as fresh_line,
            product_id,
            product_name,
            category,
            transaction_date,
            store_location,
            reorder_point,
            reorder_quantity,
            supplier_id,
            supplier_lead_time,
            customer_id,
            customer_age,
            customer_gender,
            customer_income,
            customer_loyalty_level,
            payment_method,
            promotion_applied,
            promotion_type,
            weather_conditions,
            stockout_indicator,
            forecasted_demand,
            actual_demand,
            unit_price,
            inventory_level
        from staging.incoming
        union all
        select
            store_id,
            transaction_id,
            line_number,
            null as fresh_line,
            product_id,
            product_name,
            category,
            transaction_date,
            store_location,
            reorder_point,
            reorder_quantity,
            supplier_id,
            supplier_lead_time,
            customer_id,
            customer_age,
            customer_gender,
            customer_income,
            customer_loyalty_level,
            payment_method,
            promotion_applied,
            promotion_type,
            weather_conditions,
            stockout_indicator,
            forecasted_demand,
            actual_demand,
            unit_price,
            inventory_level
        from staging.reevaluated
    ) as given
    inner join retail.transactions as sale
        on given.store_id = sale.store_id and given.transaction_id = sale.transaction_id
    inner join retail.payment_methods as payment on sale.payment_method_id = payment.payment_method_id
    left join retail.promotions as promotion on sale.promotion_id = promotion.promotion_id
    left join retail.weather as weather on sale.weather_id = weather.weather_id
    inner join retail.products as product on given.product_id = product.product_id
    inner join retail.categories as category on product.category_id = category.category_id
    inner join retail.suppliers as supplier on given.supplier_id = supplier.supplier_id
    inner join retail.stores as store on given.store_id = store.store_id
    inner join retail.customers as customer on given.customer_id = customer.customer_id
    left join staging.stock_records as stock
        on given.store_id = stock.store_id and given.product_id = stock.product_id
    left join retail.demand_forecast as demand
        on
            given.store_id = demand.store_id
            and given.product_id = demand.product_id
            and demand.forecast_date = given.transaction_date::date
),

said as (
    select
        told.*,
        num_nonnulls(
            told.transaction_date, told.customer_id, told.payment_method, told.promotion_applied, told.promotion_type,
            told.weather_conditions, told.stockout, told.product_name, told.category_name, told.supplier_id,
            told.reorder_point, told.reorder_quantity, told.lead_time_days, told.store_location, told.age, told.gender,
            told.income, told.loyalty_level, told.forecasted_demand, told.actual_demand
        ) > 0 as is_conflict
    from told
)

select said.* -- noqa: AM04
from said
where said.is_conflict or said.is_other_price or said.is_other_stock;

insert into retail.conflicts (
    store_id, transaction_id, line_number, transaction_date, customer_id, payment_method, promotion_applied,
    promotion_type, weather_conditions, stockout, product_name, category_name, supplier_id, reorder_point,
    reorder_quantity, lead_time_days, store_location, age, gender, income, loyalty_level, forecasted_demand,
    actual_demand
)
select
    lost.store_id,
    lost.transaction_id,
    coalesce(lost.line_number, fresh.line_number) as line_number,
    lost.transaction_date,
    lost.customer_id,
    lost.payment_method,
    lost.promotion_applied,
    lost.promotion_type,
    lost.weather_conditions,
    lost.stockout,
    lost.product_name,
    lost.category_name,
    lost.supplier_id,
    lost.reorder_point,
    lost.reorder_quantity,
    lost.lead_time_days,
    lost.store_location,
    lost.age,
    lost.gender,
    lost.income,
    lost.loyalty_level,
    lost.forecasted_demand,
    lost.actual_demand
from staging.differing as lost
left join staging.lines as fresh on lost.fresh_line = fresh.file_line
where lost.is_conflict;
