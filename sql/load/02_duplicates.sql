-- Purpose: which rows are equal in all columns to one above them in the file? They leave `incoming`. A look at four
--          columns tells which can be; only those are compared in full.
-- Caller:  warehouse.load, after the rows were copied.
-- Locks:   none that anyone else would notice.

create unlogged table staging.duplicates as
with twins as (
    select
        store_id,
        transaction_id,
        product_id,
        quantity_sold
    from staging.incoming
    group by store_id, transaction_id, product_id, quantity_sold
    having count(*) > 1
)

select ranked.file_line
from (
    select
        one.file_line,
        row_number() over (
            partition by
                one.transaction_id, one.customer_id, one.product_id, one.product_name, one.category,
                one.quantity_sold, one.unit_price, one.transaction_date, one.store_id, one.store_location,
                one.inventory_level, one.reorder_point, one.reorder_quantity, one.supplier_id,
                one.supplier_lead_time, one.customer_age, one.customer_gender, one.customer_income,
                one.customer_loyalty_level, one.payment_method, one.promotion_applied, one.promotion_type,
                one.weather_conditions, one.holiday_indicator, one.weekday, one.stockout_indicator,
                one.forecasted_demand, one.actual_demand
            order by one.file_line
        ) as copy_number
    from staging.incoming as one
    inner join twins
        on
            one.store_id = twins.store_id
            and one.transaction_id = twins.transaction_id
            and one.product_id = twins.product_id
            and one.quantity_sold = twins.quantity_sold
) as ranked
where ranked.copy_number > 1;

delete from staging.incoming
where file_line in (select file_line from staging.duplicates);
