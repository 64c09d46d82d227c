-- Purpose: do all rows refer to rows that are there? Asked of whole tables at once, for a load that was too large
--          to have it asked row by row. Names each reference and how many rows break it: none may. Those of the stock
--          and its movements are asked for where they are written, by stock_set.sql.
-- Caller:  warehouse.load, after 13, where the row triggers of its transaction are off.
-- Locks:   none but those of reading. What is referred to was locked against deletion by 05 and 09, so that it still is
--          there when this transaction commits; what is deleted later asks these rows, in the ordinary way.

select
    'products -> categories' as reference,
    count(*) as broken
from retail.products as child
where
    not exists (
        select from retail.categories as parent
        where parent.category_id = child.category_id
    )
union all
select
    'products -> suppliers' as reference,
    count(*) as broken
from retail.products as child
where
    not exists (
        select from retail.suppliers as parent
        where parent.supplier_id = child.supplier_id
    )
union all
select
    'store_customers -> stores' as reference,
    count(*) as broken
from retail.store_customers as child
where
    not exists (
        select from retail.stores as parent
        where parent.store_id = child.store_id
    )
union all
select
    'store_customers -> customers' as reference,
    count(*) as broken
from retail.store_customers as child
where
    not exists (
        select from retail.customers as parent
        where parent.customer_id = child.customer_id
    )
union all
select
    'transactions -> store_customers' as reference,
    count(*) as broken
from retail.transactions as child
where
    not exists (
        select from retail.store_customers as parent
        where
            parent.store_id = child.store_id
            and parent.customer_id = child.customer_id
    )
union all
select
    'transactions -> payment_methods' as reference,
    count(*) as broken
from retail.transactions as child
where
    not exists (
        select from retail.payment_methods as parent
        where parent.payment_method_id = child.payment_method_id
    )
union all
select
    'transactions -> promotions' as reference,
    count(*) as broken
from retail.transactions as child
where
    child.promotion_id is not null
    and not exists (
        select from retail.promotions as parent
        where parent.promotion_id = child.promotion_id
    )
union all
select
    'transactions -> weather' as reference,
    count(*) as broken
from retail.transactions as child
where
    child.weather_id is not null
    and not exists (
        select from retail.weather as parent
        where parent.weather_id = child.weather_id
    )
union all
select
    'transaction_details -> transactions' as reference,
    count(*) as broken
from retail.transaction_details as child
where
    not exists (
        select from retail.transactions as parent
        where
            parent.store_id = child.store_id
            and parent.transaction_id = child.transaction_id
    )
union all
select
    'transaction_details -> products' as reference,
    count(*) as broken
from retail.transaction_details as child
where
    not exists (
        select from retail.products as parent
        where parent.product_id = child.product_id
    )
union all
select
    'demand_forecast -> stores' as reference,
    count(*) as broken
from retail.demand_forecast as child
where
    not exists (
        select from retail.stores as parent
        where parent.store_id = child.store_id
    )
union all
select
    'demand_forecast -> products' as reference,
    count(*) as broken
from retail.demand_forecast as child
where
    not exists (
        select from retail.products as parent
        where parent.product_id = child.product_id
    )
union all
select
    'observations -> files' as reference,
    count(*) as broken
from retail.observations as child
where
    not exists (
        select from retail.files as parent
        where parent.file_id = child.file_id
    )
union all
select
    'observations -> transaction_details' as reference,
    count(*) as broken
from retail.observations as child
where
    not exists (
        select from retail.transaction_details as parent
        where
            parent.store_id = child.store_id
            and parent.transaction_id = child.transaction_id
            and parent.line_number = child.line_number
    )
union all
select
    'conflicts -> observations' as reference,
    count(*) as broken
from retail.conflicts as child
where
    not exists (
        select from retail.observations as parent
        where
            parent.store_id = child.store_id
            and parent.transaction_id = child.transaction_id
            and parent.line_number = child.line_number
    );
