-- Purpose: set aside the text of old rows that breaks the rules of 0007_sound_text.sql, and prove that none is left.
--          The old value goes to retail.unsound_text with the rule that it breaks; the row says "Set aside" and its id.
-- Caller:  warehouse.migrations, as a superuser: under row-level security the owner sees no customer and no store.
-- Locks:   the rows that are cleaned, and while a table is read share update exclusive on it: no sale waits for either.

do $$
declare
    place record;
    text_column text;
begin
    for place in
        select *
        from (values
            ('categories', 'category_id', array['category_name']),
            ('stores', 'store_id', array['store_location']),
            ('customers', 'customer_id', array['gender', 'loyalty_level']),
            ('products', 'product_id', array['product_name']),
            ('promotions', 'promotion_id', array['promotion_type']),
            ('payment_methods', 'payment_method_id', array['payment_method']),
            ('weather', 'weather_id', array['weather_conditions'])
        ) as p (table_name, key_column, text_columns)
    loop
        foreach text_column in array place.text_columns
        loop
            execute format(
                'insert into retail.unsound_text (table_name, row_key, column_name, value, reason) '
                'select %1$L, jsonb_build_object(%2$L, t.%2$I), %3$L, t.%3$I, retail.text_fault(t.%3$I) '
                'from retail.%1$I as t where retail.text_fault(t.%3$I) is not null',
                place.table_name, place.key_column, text_column
            );
        end loop;
        -- All columns of a row at once: with one of them left the row would be refused.
        execute (
            select format(
                'update retail.%I as t set %s where (%s) is not null',
                place.table_name,
                string_agg(
                    format(
                        '%1$I = case when retail.text_fault(t.%1$I) is null then t.%1$I else %2$L || t.%3$I end',
                        c.column_name, 'Set aside ', place.key_column
                    ),
                    ', '
                ),
                'coalesce(' || string_agg(format('retail.text_fault(t.%I)', c.column_name), ', ') || ')'
            )
            from unnest(place.text_columns) as c (column_name)
        );
    end loop;
end
$$;

alter table retail.categories validate constraint categories_name_is_sound;
alter table retail.stores validate constraint stores_location_is_sound;
alter table retail.customers validate constraint customers_gender_is_sound;
alter table retail.customers validate constraint customers_loyalty_level_is_sound;
alter table retail.products validate constraint products_name_is_sound;
alter table retail.promotions validate constraint promotions_type_is_sound;
alter table retail.payment_methods validate constraint payment_methods_method_is_sound;
alter table retail.weather validate constraint weather_conditions_is_sound;
