-- Purpose: rows that name a loaded sale (same store and number). Equal to a loaded row: a duplicate. A corrected copy
--          of a row that was set aside before: a further line of that sale, and the old row is released. Otherwise it
--          contradicts what is loaded and is set aside. Both kinds that do not load leave `incoming`.
-- Caller:  warehouse.load, after 02; `staging.file_rows` is file_rows.sql, `staging.this_load` names the columns.
-- Locks:   none but those of reading.

create unlogged table staging.known_sales as
select distinct
    fresh.store_id,
    fresh.transaction_id
from staging.incoming as fresh
inner join retail.transactions as sale
    on fresh.store_id = sale.store_id and fresh.transaction_id = sale.transaction_id;

analyze staging.known_sales;

create unlogged table staging.known_rows as
select loaded.* -- noqa: AM04
from staging.file_rows as loaded
inner join staging.known_sales as known
    on loaded.store_id = known.store_id and loaded.transaction_id = known.transaction_id;

analyze staging.known_rows;

with copies as (
    delete from staging.incoming as fresh
    using staging.known_rows as kept
    where
        exists (select from staging.known_rows)
        and fresh.store_id = kept.store_id
        and fresh.transaction_id = kept.transaction_id
        and (
            fresh.customer_id,
            fresh.product_id,
            fresh.product_name,
            fresh.category,
            fresh.quantity_sold,
            fresh.unit_price,
            fresh.transaction_date, fresh.store_location, fresh.inventory_level, fresh.reorder_point,
            fresh.reorder_quantity,
            fresh.supplier_id,
            fresh.supplier_lead_time,
            fresh.customer_age,
            fresh.customer_gender,
            fresh.customer_income, fresh.customer_loyalty_level, fresh.payment_method, fresh.promotion_applied,
            fresh.promotion_type, fresh.weather_conditions, fresh.holiday_indicator, fresh.weekday,
            fresh.stockout_indicator, fresh.forecasted_demand, fresh.actual_demand
        )
        = (
            kept.customer_id, kept.product_id, kept.product_name, kept.category, kept.quantity_sold, kept.unit_price,
            kept.transaction_date, kept.store_location, kept.inventory_level, kept.reorder_point,
            kept.reorder_quantity, kept.supplier_id, kept.supplier_lead_time, kept.customer_age, kept.customer_gender,
            kept.customer_income, kept.customer_loyalty_level, kept.payment_method, kept.promotion_applied,
            kept.promotion_type, kept.weather_conditions, kept.holiday_indicator, kept.weekday,
            kept.stockout_indicator, kept.forecasted_demand, kept.actual_demand
        )
    returning fresh.file_line
)

insert into staging.duplicates (file_line)
select file_line
from copies;

-- A row set aside, as a row of `incoming` in which each value that was to blame is NULL. A row that had too few or too
-- many values is known by its number alone; one that was cut in its first value, by its line and how that begins.
create unlogged table staging.waiting as
select
    aside.file_id as aside_file,
    aside.file_line as aside_line,
    aside.malformed,
    aside.contradicted,
    aside.transaction_id as aside_number,
    case
        when aside.cut and jsonb_array_length(aside.row_values) = 1 then nullif(aside.row_values ->> 0, '')
    end as begins_with,
    said.* -- noqa: AM04
from (
    select
        one.*,
        jsonb_array_length(one.row_values) <> cardinality(this_load.column_names) as malformed,
        one.reasons @> '[{"rule": "contradicts_loaded_transaction"}]' as contradicted,
        one.reasons @> '[{"rule": "cut_short"}]' as cut,
        this_load.column_names
    from retail.quarantine as one
    cross join staging.this_load as this_load
    where one.released_by is null
) as aside
cross join
    lateral (
        select jsonb_object_agg(field.column_name, aside.row_values -> (field.position_number::integer - 1)) as unblamed
        from unnest(aside.column_names) with ordinality as field (column_name, position_number)
        where
            not aside.malformed
            and not aside.reasons @> jsonb_build_array(jsonb_build_object('column', field.column_name))
    ) as kept
cross join lateral jsonb_populate_record(null::staging.incoming, kept.unblamed) as said;

analyze staging.waiting;

create unlogged table staging.corrected as
with alike as (
    select
        kept.aside_file,
        kept.aside_line,
        fresh.file_line
    from staging.waiting as kept
    inner join staging.incoming as fresh on kept.aside_number = fresh.transaction_id
    where kept.malformed
    union all
    select
        kept.aside_file,
        kept.aside_line,
        fresh.file_line
    from staging.waiting as kept
    inner join staging.incoming as fresh on kept.aside_line = fresh.file_line
    where kept.malformed and starts_with(fresh.transaction_id::text, kept.begins_with)
    union all
    select
        kept.aside_file,
        kept.aside_line,
        fresh.file_line
    from staging.waiting as kept
    inner join staging.incoming as fresh on kept.transaction_id = fresh.transaction_id
    union all
    select
        kept.aside_file,
        kept.aside_line,
        fresh.file_line
    from staging.waiting as kept
    inner join staging.incoming as fresh on kept.customer_id = fresh.customer_id
    where kept.transaction_id is null
    union all
    select
        kept.aside_file,
        kept.aside_line,
        fresh.file_line
    from staging.waiting as kept
    inner join staging.incoming as fresh on kept.product_id = fresh.product_id
    where kept.transaction_id is null and kept.customer_id is null
)

select
    paired.aside_file,
    paired.aside_line,
    paired.file_line
from (
    select
        alike.aside_file,
        alike.aside_line,
        alike.file_line,
        row_number() over (partition by alike.aside_file, alike.aside_line order by alike.file_line) as fresh_place,
        row_number() over (partition by alike.aside_file, alike.file_line order by alike.aside_line) as kept_place
    from alike
    inner join staging.waiting as kept
        on alike.aside_file = kept.aside_file and alike.aside_line = kept.aside_line
    inner join staging.incoming as fresh on alike.file_line = fresh.file_line
    left join staging.known_sales as known
        on fresh.store_id = known.store_id and fresh.transaction_id = known.transaction_id
    where
        -- What contradicted a loaded sale still does.
        not (kept.contradicted and known.store_id is not null)
        and (
            kept.malformed
            or (
                coalesce(kept.transaction_id, fresh.transaction_id) = fresh.transaction_id
                and coalesce(kept.customer_id, fresh.customer_id) = fresh.customer_id
                and coalesce(kept.product_id, fresh.product_id) = fresh.product_id
                and coalesce(kept.product_name, fresh.product_name) = fresh.product_name
                and coalesce(kept.category, fresh.category) = fresh.category
                and coalesce(kept.quantity_sold, fresh.quantity_sold) = fresh.quantity_sold
                and coalesce(kept.unit_price, fresh.unit_price) = fresh.unit_price
                and coalesce(kept.transaction_date, fresh.transaction_date) = fresh.transaction_date
                and coalesce(kept.store_id, fresh.store_id) = fresh.store_id
                and coalesce(kept.store_location, fresh.store_location) = fresh.store_location
                and coalesce(kept.inventory_level, fresh.inventory_level) = fresh.inventory_level
                and coalesce(kept.reorder_point, fresh.reorder_point) = fresh.reorder_point
                and coalesce(kept.reorder_quantity, fresh.reorder_quantity) = fresh.reorder_quantity
                and coalesce(kept.supplier_id, fresh.supplier_id) = fresh.supplier_id
                and coalesce(kept.supplier_lead_time, fresh.supplier_lead_time) = fresh.supplier_lead_time
                and coalesce(kept.customer_age, fresh.customer_age) = fresh.customer_age
                and coalesce(kept.customer_gender, fresh.customer_gender) = fresh.customer_gender
                and coalesce(kept.customer_income, fresh.customer_income) = fresh.customer_income
                and coalesce(kept.customer_loyalty_level, fresh.customer_loyalty_level) = fresh.customer_loyalty_level
                and coalesce(kept.payment_method, fresh.payment_method) = fresh.payment_method
                and coalesce(kept.promotion_applied, fresh.promotion_applied) = fresh.promotion_applied
                and coalesce(kept.promotion_type, fresh.promotion_type) = fresh.promotion_type
                and coalesce(kept.weather_conditions, fresh.weather_conditions) = fresh.weather_conditions
                and coalesce(kept.holiday_indicator, fresh.holiday_indicator) = fresh.holiday_indicator
                and coalesce(kept.weekday, fresh.weekday) = fresh.weekday
                and coalesce(kept.stockout_indicator, fresh.stockout_indicator) = fresh.stockout_indicator
                and coalesce(kept.forecasted_demand, fresh.forecasted_demand) = fresh.forecasted_demand
                and coalesce(kept.actual_demand, fresh.actual_demand) = fresh.actual_demand
            )
        )
) as paired
-- One for one: of rows that could each be the corrected version of several, the first is that of the first.
where paired.fresh_place = paired.kept_place;

-- A sale that no file brought was sold here: no row of a file is a line of it.
with contradicting as (
    delete from staging.incoming as fresh
    using staging.known_sales as known
    where
        fresh.store_id = known.store_id
        and fresh.transaction_id = known.transaction_id
        and not (
            fresh.file_line in (select corrected.file_line from staging.corrected)
            and exists (
                select from staging.known_rows as loaded
                where loaded.store_id = fresh.store_id and loaded.transaction_id = fresh.transaction_id
            )
        )
    returning fresh.*
)

insert into staging.rejected (file_line, store_id, transaction_id, reasons, row_values)
select
    file_line,
    store_id,
    transaction_id,
    jsonb_build_array(jsonb_build_object(
        'rule', 'contradicts_loaded_transaction',
        'column', 'transaction_id',
        'value', transaction_id::text,
        'sentence', format(
            'Sale %s of store %s is already loaded with other values; a loaded sale is never overwritten.',
            transaction_id, store_id
        )
    )) as reasons,
    jsonb_build_array(
        transaction_id::text,
        customer_id::text,
        product_id::text,
        product_name,
        category,
        quantity_sold::text,
        unit_price::text,
        to_char(transaction_date, 'FMMM/FMDD/YYYY FMHH24:MI'),
        store_id::text,
        store_location,
        inventory_level::text,
        reorder_point::text,
        reorder_quantity::text,
        supplier_id::text,
        supplier_lead_time::text,
        customer_age::text,
        customer_gender,
        customer_income::text,
        customer_loyalty_level,
        payment_method,
        upper(promotion_applied::text),
        promotion_type,
        weather_conditions,
        upper(holiday_indicator::text),
        weekday,
        upper(stockout_indicator::text),
        forecasted_demand::text,
        actual_demand::text
    ) as row_values
from contradicting;

delete from staging.corrected
where not exists (
    select from staging.incoming as fresh
    where fresh.file_line = corrected.file_line
);
