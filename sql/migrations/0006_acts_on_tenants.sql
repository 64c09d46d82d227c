-- Purpose: what the watch did to stores: whose session it ended and why, and who cannot log in because of it. A restart
--          of the watch forgets nothing, because it counts here.
-- Caller:  warehouse.migrations.
-- Locks:   none that a reader or writer would notice.

set local role retail_owner;

create sequence retail.act_number as bigint;

-- It refers to no store: the watch writes while others hold what they should not, and must wait for nobody's row.
create table retail.tenant_acts (
    store_id integer not null,
    act_id bigint not null default nextval('retail.act_number'),
    acted_at timestamptz not null default now(),
    kind text not null check (
        kind in (
            'statement', 'transaction', 'blocking', 'notifications', 'stream', 'vacuum', 'operation', 'memory',
            'shut_out'
        )
    ),
    harmed_others boolean not null,
    since timestamptz not null,
    what text not null check (what <> ''),
    lifted_at timestamptz,
    primary key (store_id, act_id)
);

alter sequence retail.act_number owned by retail.tenant_acts.act_id;

create index tenant_acts_acted_at on retail.tenant_acts (acted_at);
