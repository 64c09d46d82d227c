-- Purpose: every loaded row of every file, rebuilt from the tables: what a row says otherwise than the tables do stands
--          in the conflicts, so a row's value is that one or, where there is none, the tables'.
-- Caller:  as a view in the staging warehouse.load, to compare new rows with loaded ones, and warehouse.load_stock, to
--          find the latest records of stock; the tests, to rebuild files.
-- Locks:   none but those of reading. Joins are left joins on keys, so that one whose columns are not asked for costs
--          nothing.

select
    seen.file_id,
    seen.file_line,
    seen.line_number,
    seen.transaction_id,
    detail.product_id,
    detail.quantity as quantity_sold,
    detail.unit_price,
    seen.store_id,
    seen.recorded_stock as inventory_level,
    seen.holiday as holiday_indicator,
    seen.weekday,
    coalesce(lost.customer_id, sale.customer_id) as customer_id,
    coalesce(lost.product_name, product.product_name) as product_name,
    coalesce(lost.category_name, category.category_name) as category,
    coalesce(lost.transaction_date, sale.transaction_date) as transaction_date,
    coalesce(lost.store_location, store.store_location) as store_location,
    coalesce(lost.reorder_point, product.reorder_point) as reorder_point,
    coalesce(lost.reorder_quantity, product.reorder_quantity) as reorder_quantity,
    coalesce(lost.supplier_id, product.supplier_id) as supplier_id,
    coalesce(lost.lead_time_days, supplier.lead_time_days) as supplier_lead_time,
    coalesce(lost.age, customer.age) as customer_age,
    coalesce(lost.gender, customer.gender) as customer_gender,
    coalesce(lost.income, customer.income) as customer_income,
    coalesce(lost.loyalty_level, customer.loyalty_level) as customer_loyalty_level,
    coalesce(lost.payment_method, payment.payment_method) as payment_method,
    coalesce(lost.promotion_applied, sale.promotion_applied) as promotion_applied,
    coalesce(lost.promotion_type, promotion.promotion_type, 'None') as promotion_type,
    coalesce(lost.weather_conditions, weather.weather_conditions) as weather_conditions,
    coalesce(lost.stockout, sale.stockout) as stockout_indicator,
    coalesce(lost.forecasted_demand, demand.forecasted_demand) as forecasted_demand,
    coalesce(lost.actual_demand, demand.actual_demand) as actual_demand
from retail.observations as seen
left join retail.transaction_details as detail
    on
        seen.store_id = detail.store_id
        and seen.transaction_id = detail.transaction_id
        and seen.line_number = detail.line_number
left join retail.transactions as sale
    on seen.store_id = sale.store_id and seen.transaction_id = sale.transaction_id
left join retail.conflicts as lost
    on
        seen.store_id = lost.store_id
        and seen.transaction_id = lost.transaction_id
        and seen.line_number = lost.line_number
left join retail.products as product on detail.product_id = product.product_id
left join retail.categories as category on product.category_id = category.category_id
left join retail.suppliers as supplier on supplier.supplier_id = coalesce(lost.supplier_id, product.supplier_id)
left join retail.stores as store on seen.store_id = store.store_id
left join retail.customers as customer on customer.customer_id = coalesce(lost.customer_id, sale.customer_id)
left join retail.payment_methods as payment on sale.payment_method_id = payment.payment_method_id
left join retail.promotions as promotion on sale.promotion_id = promotion.promotion_id
left join retail.weather as weather on sale.weather_id = weather.weather_id
left join retail.demand_forecast as demand
    on
        seen.store_id = demand.store_id
        and detail.product_id = demand.product_id
        and demand.forecast_date = coalesce(lost.transaction_date, sale.transaction_date)::date
