-- Purpose: refuse TRUNCATE of a table that streams. It sends no event for a row, so MongoDB would keep every document;
--          DELETE sends them.
-- Caller:  warehouse.migrations, again when tables.py declares other streamed tables: the setting retail.streamed names
--          them. The triggers concern the owner and superusers, who alone may TRUNCATE.
-- Locks:   making a trigger waits for those who write the table at the moment.

create or replace function retail.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = 'RT016',
        message = format('Table %s streams to MongoDB, and TRUNCATE would leave its documents there.', tg_table_name),
        hint = 'Use DELETE.';
end
$$;

alter function retail.refuse_truncate() owner to retail_rules;
revoke execute on function retail.refuse_truncate() from public;

do $$
declare
    streamed constant text[] := string_to_array(current_setting('retail.streamed'), ',');
    guarded text;
begin
    for guarded in
        select c.relname
        from pg_catalog.pg_trigger as t
        inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
        where t.tgfoid = 'retail.refuse_truncate'::regproc and c.relname <> all (streamed)
    loop
        execute format('drop trigger refuse_truncate on retail.%I', guarded);
    end loop;

    foreach guarded in array streamed
    loop
        execute format(
            'create or replace trigger refuse_truncate before truncate on retail.%I '
            'for each statement execute function retail.refuse_truncate()',
            guarded
        );
    end loop;
end
$$;
