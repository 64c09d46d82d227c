-- Purpose: the sessions of this database that have waited for a lock for over a second, and for whom each waits.
-- Caller:  status.stores, as a superuser.
-- Locks:   none. pg_blocking_pids() is called for sessions that wait alone.

with waits as (
    select
        l.pid,
        min(l.waitstart) as since
    from pg_catalog.pg_locks as l
    where not l.granted
    group by l.pid
)

select
    waiter.usename::text as role_name,
    waiter.pid,
    extract(epoch from clock_timestamp() - w.since)::double precision as seconds,
    coalesce(
        string_agg(distinct holder.usename || ' (pid ' || holder.pid || ')', ', '), 'a session that has gone'
    ) as holders
from pg_catalog.pg_stat_activity as waiter
inner join waits as w on waiter.pid = w.pid
left join pg_catalog.pg_stat_activity as holder on holder.pid = any(pg_blocking_pids(waiter.pid))
where
    waiter.datname = current_database()
    and waiter.wait_event_type = 'Lock'
    and w.since < clock_timestamp() - interval '1 second'
group by waiter.usename, waiter.pid, w.since
order by w.since;
