-- Purpose: name what stays however old it is: the latest observation of each asset and the latest result of each check.
-- Caller:  retention.purge, as Dagster's role, once a purge.
-- Locks:   none that a writer would notice.
select
    'event_logs' as table_name,
    (
        select max(e.id)
        from event_logs as e
        where e.asset_key = k.asset_key and e.dagster_event_type = 'ASSET_OBSERVATION'
    ) as id
from asset_keys as k
union all
select
    'asset_check_executions' as table_name,
    max(c.id) as id
from asset_check_executions as c
group by c.asset_key, c.check_name
union all
select
    'event_logs' as table_name,
    max(c.evaluation_event_storage_id) as id
from asset_check_executions as c
group by c.asset_key, c.check_name
