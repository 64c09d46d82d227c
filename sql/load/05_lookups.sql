-- Purpose: the lookup values that rows name by a word: categories, payment methods, promotions and weather, numbered
--          in the order of first appearance, after the largest number there. In the same look the rules that only warn
--          are counted.
-- Caller:  warehouse.load, once the rows that do not load have left `incoming`.
-- Locks:   row exclusive; no sale changes or locks one of these rows so that it would have to wait. What is there stays
--          there until the commit.

select kept.category_id
from retail.categories as kept
for key share;

select kept.payment_method_id
from retail.payment_methods as kept
for key share;

select kept.promotion_id
from retail.promotions as kept
for key share;

select kept.weather_id
from retail.weather as kept
for key share;

create unlogged table staging.lookups as
select
    category,
    payment_method,
    promotion_type,
    weather_conditions,
    min(file_line) as first_line,
    -- 2024-01-01 was a Monday.
    count(*) filter (
        where weekday <> (
            '{Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday}'::text[]
        )[1 + ((transaction_date::date - date '2024-01-01') % 7 + 7) % 7]
    ) as other_weekday,
    count(*) filter (where promotion_applied <> (promotion_type <> 'None')) as other_promotion,
    count(*) filter (where stockout_indicator <> (inventory_level = 0)) as other_stockout
from staging.incoming
group by category, payment_method, promotion_type, weather_conditions;

insert into retail.categories (category_id, category_name)
with there as (select coalesce(max(category_id), 0) as largest from retail.categories)

select
    there.largest + row_number() over (order by fresh.first_line) as category_id,
    fresh.category
from (
    select
        category,
        min(first_line) as first_line
    from staging.lookups
    group by category
) as fresh
cross join there
where not exists (
    select from retail.categories as kept
    where kept.category_name = fresh.category
);

insert into retail.payment_methods (payment_method_id, payment_method)
with there as (select coalesce(max(payment_method_id), 0) as largest from retail.payment_methods)

select
    there.largest + row_number() over (order by fresh.first_line) as payment_method_id,
    fresh.payment_method
from (
    select
        payment_method,
        min(first_line) as first_line
    from staging.lookups
    group by payment_method
) as fresh
cross join there
where not exists (
    select from retail.payment_methods as kept
    where kept.payment_method = fresh.payment_method
);

insert into retail.promotions (promotion_id, promotion_type)
with there as (select coalesce(max(promotion_id), 0) as largest from retail.promotions)

select
    there.largest + row_number() over (order by fresh.first_line) as promotion_id,
    fresh.promotion_type
from (
    select
        promotion_type,
        min(first_line) as first_line
    from staging.lookups
    where promotion_type <> 'None'
    group by promotion_type
) as fresh
cross join there
where not exists (
    select from retail.promotions as kept
    where kept.promotion_type = fresh.promotion_type
);

insert into retail.weather (weather_id, weather_conditions)
with there as (select coalesce(max(weather_id), 0) as largest from retail.weather)

select
    there.largest + row_number() over (order by fresh.first_line) as weather_id,
    fresh.weather_conditions
from (
    select
        weather_conditions,
        min(first_line) as first_line
    from staging.lookups
    group by weather_conditions
) as fresh
cross join there
where not exists (
    select from retail.weather as kept
    where kept.weather_conditions = fresh.weather_conditions
);
