-- Purpose: the roles, the schema and the ledger of migrations, without which no migration can run; and who may connect
--          to this database, which a copy of a database does not inherit.
-- Caller:  warehouse.migrations, as a superuser, at every run and before anything else; changes only what differs.
-- Locks:   none that a reader or writer of business tables would notice.

do $$
declare
    wanted record;
    present pg_catalog.pg_roles;
begin
    for wanted in
        select *
        from (values
            -- Owns everything; nobody can be it, and under FORCE ROW LEVEL SECURITY it sees no tenant's row.
            ('retail_owner', false, false, false),
            -- Owns the functions that keep the stock and its ledger; nobody can be it.
            ('retail_rules', false, true, false),
            ('retail_loader', true, true, false),
            ('retail_reader', true, true, false),
            ('retail_cdc', true, false, true),
            ('retail_admin', true, false, false),
            -- The group of all store logins: what policies and grants of stores name.
            ('store_user', false, false, false)
        ) as r (name, login, bypass, replicates)
    loop
        begin
            -- Roles belong to the whole cluster, so another database may be making the same one now.
            if to_regrole(wanted.name) is null then
                execute format('create role %I', wanted.name);
            end if;
        exception
            when duplicate_object or unique_violation then null;
        end;
        select * into present from pg_catalog.pg_roles where rolname = wanted.name;
        if (present.rolcanlogin, present.rolbypassrls, present.rolreplication, present.rolsuper, present.rolcreaterole)
            is distinct from (wanted.login, wanted.bypass, wanted.replicates, false, false)
        then
            execute format(
                'alter role %I %s %s %s nosuperuser nocreaterole nocreatedb',
                wanted.name,
                case when wanted.login then 'login' else 'nologin' end,
                case when wanted.bypass then 'bypassrls' else 'nobypassrls' end,
                case when wanted.replicates then 'replication' else 'noreplication' end
            );
        end if;
    end loop;

    -- Whatever the stores have open, connections are left to the services. A second grant would be a notice.
    for wanted in
        select r.name
        from unnest(array['retail_loader', 'retail_reader', 'retail_cdc', 'retail_admin']) as r (name)
        where not pg_catalog.pg_has_role(r.name, 'pg_use_reserved_connections', 'member')
    loop
        execute format('grant pg_use_reserved_connections to %I', wanted.name);
    end loop;

    execute format('revoke all on database %I from public', current_database());
    execute format(
        'grant connect on database %I to retail_loader, retail_reader, retail_cdc, retail_admin, store_user',
        current_database()
    );
end
$$;

revoke all on schema public from public;

create schema if not exists retail authorization retail_owner;

-- Where a load keeps its rows until it commits; empty for everybody else.
create schema if not exists staging authorization retail_loader;

create table if not exists retail.schema_migrations (
    name text not null primary key check (name <> ''), -- noqa: RF04
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz not null
);

alter table retail.schema_migrations owner to retail_owner;
