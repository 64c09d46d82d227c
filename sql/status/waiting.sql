-- Purpose: the sessions of this database that have waited for a lock for over a second, and for whom each waits. An
--          advisory lock is a service's turn, which a store cannot take: loads, for one, come one after the other.
-- Caller:  status.stores, as a superuser.
-- Locks:   none. pg_blocking_pids(), which holds all locks up, is called once for each session that waits.

with waits as (
    select
        l.pid,
        min(l.waitstart) as since
    from pg_catalog.pg_locks as l
    where not l.granted and l.locktype <> 'advisory'
    group by l.pid
),

waiters as materialized (
    select
        a.usename,
        a.pid,
        w.since,
        pg_blocking_pids(a.pid) as blockers
    from pg_catalog.pg_stat_activity as a
    inner join waits as w on a.pid = w.pid
    where
        a.datname = current_database()
        and a.wait_event_type = 'Lock'
        and w.since < clock_timestamp() - interval '1 second'
)

select
    waiter.usename::text as role_name,
    waiter.pid,
    extract(epoch from clock_timestamp() - waiter.since)::double precision as seconds,
    coalesce(
        string_agg(distinct holder.usename || ' (pid ' || holder.pid || ')', ', '), 'a session that has gone'
    ) as holders
from waiters as waiter
left join pg_catalog.pg_stat_activity as holder on holder.pid = any(waiter.blockers)
group by waiter.usename, waiter.pid, waiter.since
order by waiter.since;
