-- Purpose: nothing of the staging is kept but the records that the stock is set to next.
-- Caller:  warehouse.load, last before COMMIT.
-- Locks:   none that anyone else would notice: nobody else sees these tables.

do $$
declare
    staged text;
begin
    drop view staging.file_rows;
    for staged in
        select c.oid::regclass::text
        from pg_catalog.pg_class as c
        where c.relnamespace = 'staging'::regnamespace and c.relkind = 'r' and c.relname <> 'stock_winner'
    loop
        execute format('drop table %s', staged);
    end loop;
end
$$;
