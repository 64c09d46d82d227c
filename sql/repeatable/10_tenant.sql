-- Purpose: who is asking? The two functions that every policy and every procedure rests on.
-- Caller:  the policies in 40_policies.sql; the functions that run with more rights than their caller has.
-- Locks:   none.

-- The store of the role that runs the statement; NULL, and so no row at all, for a role that is not mapped.
-- It runs with the rights of the caller, who sees their own line of role_store and no other: as a security definer
-- it would ask who the definer is. Policies call it as (select retail.current_store_id()): once, not for each row.
create or replace function retail.current_store_id() returns integer
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
return (
    select rs.store_id
    from retail.role_store as rs
    where rs.role_name = current_user
);

alter function retail.current_store_id() owner to retail_owner;
revoke all on function retail.current_store_id() from public;
grant execute on function retail.current_store_id() to store_user, retail_admin, retail_reader;

-- The role behind a call of a security definer function: whoever logged in, or whom they became by SET ROLE. Neither
-- can be claimed: a login asks for a password, and SET ROLE for membership; no other setting is looked at.
create or replace function retail.caller() returns name
language sql
stable
set search_path = pg_catalog, pg_temp
return coalesce(nullif(current_setting('role'), 'none'), session_user)::name;

alter function retail.caller() owner to retail_rules;
revoke all on function retail.caller() from public;
