-- Purpose: a large load may check its references as sets, at its end, instead of row by row: for that it turns the row
--          triggers of its own transaction off, which is a right of its own. sql/load/14_references.sql is the check.
-- Caller:  warehouse.migrations.
-- Locks:   none. The right belongs to the whole cluster, so it is only given where it is missing.

do $$
begin
    if not has_parameter_privilege('retail_loader', 'session_replication_role', 'set') then
        grant set on parameter session_replication_role to retail_loader;
    end if;
end
$$;
