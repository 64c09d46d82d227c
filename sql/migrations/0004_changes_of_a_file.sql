-- Purpose: how many rows of streamed tables a file added or changed, so that the sensors know for how long the stream
--          is busy with it.
-- Caller:  warehouse.migrations.
-- Locks:   access exclusive on the ledger, for an instant.

set local role retail_owner;

alter table retail.files
add column streamed_changes bigint not null default 0
check (streamed_changes >= 0);
