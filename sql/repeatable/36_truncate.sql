-- Purpose: refuse TRUNCATE of a table that streams. It sends no event for a row, so MongoDB would keep every document;
--          DELETE sends them.
-- Caller:  warehouse.migrations; the triggers concern the owner and superusers, who alone may TRUNCATE.
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

create or replace trigger refuse_truncate
before truncate on retail.transactions
for each statement
execute function retail.refuse_truncate();

create or replace trigger refuse_truncate
before truncate on retail.transaction_details
for each statement
execute function retail.refuse_truncate();

create or replace trigger refuse_truncate
before truncate on retail.inventory
for each statement
execute function retail.refuse_truncate();
