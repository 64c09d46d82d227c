-- Purpose: remove one piece of check results, the oldest first.
-- Caller:  retention.purge, as Dagster's role, a transaction a piece; what is asked for are the settings retention.*.
-- Locks:   the rows that it removes.
with piece as materialized (
    select
        c.id,
        c.create_timestamp < current_setting('retention.before')::timestamp as is_old
    from asset_check_executions as c
    where c.id > current_setting('retention.after')::bigint
    order by c.id
    limit current_setting('retention.rows')::bigint
),

removed as (
    delete from asset_check_executions as c
    using piece as p
    where
        c.id = p.id
        and p.is_old
        and c.id <> all(string_to_array(current_setting('retention.kept'), ',')::bigint[])
    returning c.id
)

select
    (
        select max(p.id) from piece as p
        where p.is_old
    ) as reached,
    (select count(*) from removed) as removed
