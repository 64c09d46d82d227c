-- Purpose: what each role may do, and nothing beside it. Rows are narrowed further by 40_policies.sql.
-- Caller:  warehouse.migrations, again when tables.py declares other streamed tables: the setting retail.streamed names
--          them.
-- Locks:   none that a reader or writer would notice.

do $$
declare
    grantee text;
begin
    -- From nothing, so that what this file no longer grants is gone.
    foreach grantee in array array[
        'public', 'store_user', 'retail_admin', 'retail_loader', 'retail_reader', 'retail_cdc', 'retail_rules'
    ]
    loop
        execute format('revoke all on all tables in schema retail from %s', grantee);
        execute format('revoke all on all sequences in schema retail from %s', grantee);
        execute format('revoke all on schema retail from %s', grantee);
    end loop;
end
$$;

-- Where PostgreSQL itself is generous: locks that would hold up a migration or a load, a place to store files, and
-- messages of any content into the WAL, which Debezium would carry on.
do $$
declare
    builtin text;
begin
    for builtin in
        select p.oid::regprocedure::text
        from pg_catalog.pg_proc as p
        where p.pronamespace = 'pg_catalog'::regnamespace
            and (
                p.proname like 'pg_advisory%' or p.proname like 'pg_try_advisory%'
                or p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
            )
    loop
        execute format('revoke execute on function %s from public', builtin);
        if builtin like '%advisory%' then
            execute format('grant execute on function %s to retail_loader, retail_reader, retail_cdc, retail_admin', builtin);
        end if;
    end loop;
end
$$;

alter default privileges for role retail_owner revoke execute on functions from public;
alter default privileges for role retail_rules revoke execute on functions from public;

grant usage on schema retail
to store_user, retail_admin, retail_loader, retail_reader, retail_cdc, retail_rules;

-- Stores. Columns are listed for sales because a store cannot choose a sale's number: 30_stock.sql gives it one.
grant select on
retail.categories, retail.suppliers, retail.products, retail.promotions, retail.payment_methods, retail.weather,
retail.stores, retail.customers, retail.store_customers, retail.role_store,
retail.observations, retail.stock_movements, retail.returns
to store_user;

grant select, delete on retail.transactions to store_user, retail_admin;
grant
insert (
    transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id, weather_id,
    stockout
),
update (
    transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id, weather_id,
    stockout
)
on retail.transactions to store_user, retail_admin;
grant select, insert, update, delete on
retail.transaction_details, retail.inventory, retail.demand_forecast
to store_user, retail_admin;

-- Headquarters: the product list and who is whose customer besides; it reads the ledgers and cannot write them.
grant select on all tables in schema retail to retail_admin;
grant insert, update, delete on
retail.categories, retail.suppliers, retail.products, retail.promotions, retail.payment_methods, retail.weather,
retail.stores, retail.customers, retail.store_customers
to retail_admin;

-- The load writes every table but the ledger of migrations and the logins; movements of stock are only ever added.
grant select on all tables in schema retail to retail_loader;
grant insert, update, delete on
retail.categories, retail.suppliers, retail.stores, retail.customers, retail.products, retail.promotions,
retail.payment_methods, retail.weather, retail.transactions, retail.transaction_details, retail.inventory,
retail.demand_forecast, retail.files, retail.quarantine, retail.observations, retail.conflicts,
retail.store_customers
to retail_loader;
grant insert on retail.stock_movements to retail_loader;
-- UPDATE on a sequence is what moving it takes.
grant usage, select, update on retail.transaction_number to retail_loader;
grant usage, select on retail.movement_number, retail.file_number to retail_loader;

-- Batches and comparisons read everything.
grant select on all tables in schema retail to retail_reader;
grant select on all sequences in schema retail to retail_reader;

-- The stream reads what it streams, and touches its heartbeat.
do $$
declare
    streamed text;
begin
    foreach streamed in array string_to_array(current_setting('retail.streamed'), ',')
    loop
        execute format('grant select on retail.%I to retail_cdc', streamed);
    end loop;
end
$$;
grant select, insert, update on retail.heartbeat to retail_cdc;

-- The rules: what the security definer functions do, on behalf of callers who may not.
grant select on all tables in schema retail to retail_rules;
grant insert on
retail.transactions, retail.transaction_details, retail.stock_movements, retail.returns, retail.requests,
retail.customers, retail.store_customers, retail.inventory
to retail_rules;
grant update on retail.inventory to retail_rules;
grant update (unit_price) on retail.products to retail_rules;
-- Never changed: the right to lock a sale comes with the right to change a column of it.
grant update (stockout) on retail.transactions to retail_rules;
grant usage, select on all sequences in schema retail to retail_rules;
