-- Purpose: a company to measure with: stores, products that every store stocks, customers of one store each, and a
--          month of sales that came with a file. Sizes are the settings bench.stores, bench.products,
--          bench.customers (of a store) and bench.lines, of the transaction.
-- Caller:  bench.company, as a superuser, in a database of the bench's own that was just migrated.
-- Locks:   none that matters: nobody else is in that database.
--
-- No trigger and no reference is checked while it runs: the rows are right by how they are made, and what a sale leaves
-- is measured elsewhere. The stores take turns, so the rows of one lie scattered as they do where stores sell at once.
-- A sale has one to five lines, three on average.

-- noqa: disable=AL03
-- Each select fills the columns that its insert names.

set local session_replication_role = replica;

insert into retail.categories (category_id, category_name)
select
    c,
    'Category ' || c
from generate_series(1, 10) as c;

insert into retail.suppliers (supplier_id, lead_time_days)
select
    s,
    1 + s % 10
from generate_series(1, 20) as s;

insert into retail.promotions (promotion_id, promotion_type)
values (1, 'BOGO'), (2, 'Percentage Discount');

insert into retail.payment_methods (payment_method_id, payment_method)
values (1, 'Cash'), (2, 'Credit Card'), (3, 'Debit Card');

insert into retail.weather (weather_id, weather_conditions)
values (1, 'Sunny'), (2, 'Rainy'), (3, 'Stormy');

insert into retail.products (
    product_id, product_name, category_id, supplier_id, unit_price, reorder_point, reorder_quantity
)
select
    p,
    'Product ' || p,
    1 + p % 10,
    1 + p % 20,
    1 + p % 100 + 0.50,
    50,
    100
from generate_series(1, current_setting('bench.products')::integer) as p;

insert into retail.stores (store_id, store_location)
select
    s,
    'Place ' || s
from generate_series(1, current_setting('bench.stores')::integer) as s;

insert into retail.customers (customer_id, age, gender, income, loyalty_level)
select
    c,
    18 + c % 60,
    'Other',
    20000 + c % 1000,
    'Gold'
from generate_series(
    1, current_setting('bench.stores')::integer * current_setting('bench.customers')::integer
) as c;

insert into retail.store_customers (store_id, customer_id)
select
    1 + (c.customer_id - 1) / current_setting('bench.customers')::integer,
    c.customer_id
from retail.customers as c;

-- One product in forty is at or below its reorder point; the others have more than any bench sells.
insert into retail.inventory (store_id, product_id, inventory_level)
select
    s.store_id,
    p.product_id,
    case when (p.product_id + s.store_id) % 40 = 0 then 40 else 1000000000 end
from retail.stores as s
cross join retail.products as p
order by p.product_id, s.store_id;

insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
select
    i.store_id,
    i.product_id,
    i.inventory_level,
    'load',
    'retail_loader'
from retail.inventory as i;

insert into retail.transactions (
    transaction_id, transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id,
    weather_id, stockout
)
select
    n.sale,
    timestamp '2024-01-01' + (n.sale - 1) * interval '30 days' / n.sales,
    (n.sale % n.stores) * n.customers + 1 + (n.sale / n.stores) % n.customers,
    1 + n.sale % n.stores,
    1 + n.sale % 3,
    n.sale % 3 = 0,
    case when n.sale % 3 = 0 then 1 end,
    1 + n.sale % 3,
    false
from (
    select
        s as sale,
        current_setting('bench.lines')::integer / 3 as sales,
        current_setting('bench.stores')::integer as stores,
        current_setting('bench.customers')::integer as customers
    from generate_series(1, current_setting('bench.lines')::integer / 3) as s
) as n;

insert into retail.transaction_details (transaction_id, line_number, store_id, product_id, quantity, unit_price)
select
    t.transaction_id,
    l.line_number,
    t.store_id,
    1 + (t.transaction_id * 7919 + l.line_number * 104729) % current_setting('bench.products')::integer,
    1 + t.transaction_id % 5,
    1 + t.transaction_id % 100 + 0.50
from retail.transactions as t
cross join
    lateral generate_series(
        1, 1 + (t.transaction_id / current_setting('bench.stores')::integer) % 5
    ) as l (line_number)
order by t.transaction_id, l.line_number;

insert into retail.files (
    sha256, accepted, name, bytes, rows_read, rows_loaded, rows_quarantined, rows_duplicate, conflicts, warnings,
    loaded_at, seconds
)
select
    repeat('0', 64),
    true,
    'bench.csv',
    0,
    count(*),
    count(*),
    0,
    0,
    '{}',
    '{}',
    now(),
    0
from retail.transaction_details;

insert into retail.observations (
    store_id, transaction_id, line_number, file_id, file_line, recorded_stock, weekday, holiday
)
select
    d.store_id,
    d.transaction_id,
    d.line_number,
    f.file_id,
    row_number() over (),
    100,
    'Monday',
    false
from retail.transaction_details as d
cross join retail.files as f;

select setval('retail.transaction_number', max(t.transaction_id)) from retail.transactions as t;
