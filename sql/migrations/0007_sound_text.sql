-- Purpose: text that anybody writes obeys the rules of a loaded file. A store could register a customer with a gender
--          of 17 MB, a formula or control characters: MongoDB refused the document, and the batch of all tables failed.
-- Caller:  warehouse.migrations, as a superuser.
-- Locks:   access exclusive on the eight tables for an instant, for no row is looked at: the rows that are there are
--          cleaned and proven by 0008_sound_text_of_old_rows.sql, a transaction of its own.

-- The first rule that a text breaks, by its name; NULL for a sound one, and for none at all. The rules are those of
-- Kind.TEXT in retail_pipeline/source/rules.py, in the same order, and a test holds one against the other. Whoever
-- writes a row executes it. It never changes: another rule is another function, and constraints that are proven anew.
create function retail.text_fault(p_text text) returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
return case
    when p_text is null then null
    -- What is blank to RE2, which reads a file, and to people; nothing else here depends on a locale either.
    when p_text !~ '[^ \t\n\f\r\u0085\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]' collate "C" then 'blank'
    when char_length(p_text) > 200 then 'too_long'
    when p_text ~ '[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff\ufffd]' collate "C" then 'unprintable'
    when
        p_text ~ '^[ \t\n\f\r\u0085\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]' collate "C"
        or p_text ~ '[ \t\n\f\r\u0085\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]$' collate "C"
        then 'padded'
    when p_text ~ '^[=+\-@]' collate "C" then 'formula'
end;

alter function retail.text_fault(text) owner to retail_owner;
revoke all on function retail.text_fault(text) from public;
grant execute on function retail.text_fault(text) to store_user, retail_admin, retail_loader, retail_rules;

set local role retail_owner;

create table retail.unsound_text (
    table_name text not null check (table_name <> ''),
    row_key jsonb not null check (jsonb_typeof(row_key) = 'object'),
    column_name text not null check (column_name <> ''), -- noqa: RF04
    value text not null, -- noqa: RF04
    reason text not null check (reason <> ''),
    set_aside_at timestamptz not null default now(),
    primary key (table_name, row_key, column_name)
);

alter table retail.categories
add constraint categories_name_is_sound check (retail.text_fault(category_name) is null) not valid;

alter table retail.stores
add constraint stores_location_is_sound check (retail.text_fault(store_location) is null) not valid;

alter table retail.customers
add constraint customers_gender_is_sound check (retail.text_fault(gender) is null) not valid,
add constraint customers_loyalty_level_is_sound check (retail.text_fault(loyalty_level) is null) not valid;

alter table retail.products
add constraint products_name_is_sound check (retail.text_fault(product_name) is null) not valid;

alter table retail.promotions
add constraint promotions_type_is_sound check (retail.text_fault(promotion_type) is null) not valid;

alter table retail.payment_methods
add constraint payment_methods_method_is_sound check (retail.text_fault(payment_method) is null) not valid;

alter table retail.weather
add constraint weather_conditions_is_sound check (retail.text_fault(weather_conditions) is null) not valid;
