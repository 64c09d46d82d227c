-- Purpose: remove one piece of observations or check results that belong to no run, the oldest first.
-- Caller:  retention.purge, as Dagster's role, a transaction a piece; what is asked for are the settings retention.*.
-- Locks:   the rows that it removes.
with piece as materialized (
    select
        e.id,
        e.run_id,
        e.timestamp < current_setting('retention.before')::timestamp as is_old
    from event_logs as e
    where
        e.dagster_event_type = current_setting('retention.event_type')
        and e.id > current_setting('retention.after')::bigint
    order by e.id
    limit current_setting('retention.rows')::bigint
),

removed as (
    delete from event_logs as e
    using piece as p
    where
        e.id = p.id
        and p.run_id = ''
        and p.is_old
        and e.id <> all(string_to_array(current_setting('retention.kept'), ',')::bigint[])
    returning e.id
)

select
    (
        select max(p.id) from piece as p
        where p.is_old
    ) as reached,
    (select count(*) from removed) as removed
