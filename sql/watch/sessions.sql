-- Purpose: the sessions that the watch has to judge: those of stores whose transaction is older than a bound, and all
--          that wait for a lock, each with those it waits for.
-- Caller:  warehouse.watch, every two seconds, as a superuser; the bound in seconds is the setting retail.watch_wait.
-- Locks:   none. Without a waiting session neither pg_locks is read nor pg_blocking_pids() called.

with
bound as materialized (
    select current_setting('retail.watch_wait')::double precision as seconds
),

store_roles as (
    select
        m.member,
        rs.store_id
    from pg_catalog.pg_auth_members as m
    inner join pg_catalog.pg_roles as r on m.member = r.oid
    inner join retail.role_store as rs on r.rolname = rs.role_name
    where m.roleid = 'store_user'::regrole
),

sessions as materialized (
    select
        a.pid,
        s.store_id,
        a.backend_start as began,
        a.usename::text as role_name,
        host(a.client_addr) as place,
        a.xact_start is not null as in_transaction,
        a.backend_xid is not null as wrote,
        coalesce(age(a.backend_xmin), 0) as horizon,
        coalesce(a.wait_event_type = 'Lock', false) as waits,
        extract(epoch from clock_timestamp() - a.xact_start)::double precision as transaction_age,
        case
            when a.state in ('active', 'fastpath function call')
                then extract(epoch from clock_timestamp() - a.query_start)::double precision
        end as statement_age
    from pg_catalog.pg_stat_activity as a
    left join store_roles as s on a.usesysid = s.member and a.datname = current_database()
),

locks as materialized (
    select
        l.pid,
        l.granted,
        l.waitstart,
        -- Nobody has a lock of these modes but who asks for it: no store has to.
        l.locktype = 'relation'
        and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') as whole_table
    from pg_catalog.pg_locks as l
    where (select bool_or(s.waits) from sessions as s)
),

holding as (
    select distinct l.pid
    from locks as l
    where l.granted and l.whole_table
),

waiting as materialized (
    select
        l.pid,
        extract(epoch from clock_timestamp() - min(l.waitstart))::double precision as waited,
        bool_or(l.whole_table) as whole_table,
        -- The longest waiting are enough to find who is at the end of the chain, however many stand behind them.
        row_number() over (order by min(l.waitstart)) <= 64 as is_early,
        max(extract(epoch from clock_timestamp() - min(l.waitstart))) over () > (select b.seconds from bound as b)
            as is_late
    from locks as l
    where not l.granted
    group by l.pid
)

select
    s.pid,
    s.store_id,
    s.role_name,
    s.place,
    s.began,
    s.transaction_age,
    s.statement_age,
    s.wrote,
    s.horizon,
    -- The locks are looked at an instant later than the sessions.
    case when s.waits then coalesce(w.waited, 0) end as waited,
    s.waits and (coalesce(w.whole_table, false) or h.pid is not null) as whole_table,
    case when w.is_early and w.is_late then pg_blocking_pids(s.pid) else '{}' end as blockers
from sessions as s
cross join bound as b
left join waiting as w on s.pid = w.pid
left join holding as h on s.pid = h.pid
where
    s.waits
    -- A procedure that commits begins new transactions within one statement.
    or (s.store_id is not null and s.in_transaction and greatest(s.transaction_age, s.statement_age) > b.seconds);
