-- Purpose: row-level security: a store sees and changes its own rows, headquarters those of every store.
-- Caller:  PostgreSQL, for every statement of a role without BYPASSRLS; under FORCE that includes the owner.
-- Locks:   access exclusive on each table, for the moment that the policies are re-created.
--
-- Not under row-level security, because they say the same to every store: categories, suppliers, products,
-- promotions, payment_methods, weather. Not readable by a store at all: files, quarantine, conflicts, requests,
-- heartbeat, schema_migrations, tenant_acts, unsound_text; those with a store_id have the policies nevertheless.

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'stores', 'store_customers', 'transactions', 'transaction_details', 'inventory', 'demand_forecast',
        'observations', 'conflicts', 'role_store', 'stock_movements', 'returns', 'requests',
        'quarantine', 'customers', 'tenant_acts'
    ]
    loop
        execute format('alter table retail.%I enable row level security', tenant_table);
        execute format('alter table retail.%I force row level security', tenant_table);
        execute format('drop policy if exists store on retail.%I', tenant_table);
        execute format('drop policy if exists headquarters on retail.%I', tenant_table);
        execute format(
            'create policy headquarters on retail.%I to retail_admin using (true) with check (true)', tenant_table
        );
    end loop;

    foreach tenant_table in array array['transactions', 'transaction_details', 'inventory', 'demand_forecast']
    loop
        execute format(
            'create policy store on retail.%I to store_user '
            'using (store_id = (select retail.current_store_id())) '
            'with check (store_id = (select retail.current_store_id()))',
            tenant_table
        );
    end loop;

    foreach tenant_table in array array[
        'stores', 'store_customers', 'observations', 'conflicts', 'stock_movements', 'returns', 'requests'
    ]
    loop
        execute format(
            'create policy store on retail.%I for select to store_user '
            'using (store_id = (select retail.current_store_id()))',
            tenant_table
        );
    end loop;
end
$$;

create policy store on retail.customers for select to store_user
using (
    exists (
        select from retail.store_customers as sc
        where sc.store_id = (select retail.current_store_id()) and sc.customer_id = customers.customer_id
    )
);

-- What the tenant function itself reads: so it names the role, not the store.
create policy store on retail.role_store for select to store_user
using (role_name = current_user);
