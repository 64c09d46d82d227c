-- Purpose: row-level security: a store sees and changes its own rows, headquarters those of every store.
-- Caller:  PostgreSQL, for every statement of a role without BYPASSRLS; under FORCE that includes the owner.
-- Locks:   access exclusive on each table, for the moment that the policies are re-created.
--
-- Not under row-level security, because they say the same to every store: categories, suppliers, products,
-- promotions, payment_methods, weather. Not readable by a store at all: files, quarantine, conflicts, requests,
-- heartbeat, schema_migrations, tenant_acts, unsound_text; those with a store_id have the policies nevertheless.

-- A table is a tenant's if it has a store_id: none is left out by being forgotten here. Unless it is named below, a
-- store sees its own rows of it and changes none, once 50_grants.sql lets it read the table.

do $$
declare
    changed_by_stores constant text[] := array['transactions', 'transaction_details', 'inventory', 'demand_forecast'];
    -- The policies of the latter two are below.
    not_by_store_id constant text[] := array['quarantine', 'tenant_acts', 'customers', 'role_store'];
    tenant_table text;
begin
    for tenant_table in
        select c.relname
        from pg_catalog.pg_class as c
        where c.relnamespace = 'retail'::regnamespace
            and c.relkind in ('r', 'p')
            and (
                c.relname = 'customers'
                or exists (
                    select from pg_catalog.pg_attribute as a
                    where a.attrelid = c.oid and a.attname = 'store_id' and not a.attisdropped
                )
            )
        order by c.relname
    loop
        execute format('alter table retail.%I enable row level security', tenant_table);
        execute format('alter table retail.%I force row level security', tenant_table);
        execute format('drop policy if exists store on retail.%I', tenant_table);
        execute format('drop policy if exists headquarters on retail.%I', tenant_table);
        execute format(
            'create policy headquarters on retail.%I to retail_admin using (true) with check (true)', tenant_table
        );
        if tenant_table = any (changed_by_stores) then
            execute format(
                'create policy store on retail.%I to store_user '
                'using (store_id = (select retail.current_store_id())) '
                'with check (store_id = (select retail.current_store_id()))',
                tenant_table
            );
        elsif tenant_table <> all (not_by_store_id) then
            execute format(
                'create policy store on retail.%I for select to store_user '
                'using (store_id = (select retail.current_store_id()))',
                tenant_table
            );
        end if;
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
