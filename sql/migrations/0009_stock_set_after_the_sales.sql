-- Purpose: a load commits its sales first and sets the stock after them, a store at a time. The ledger says for which
--          stores that is still to do, and how far each is: what was cut short goes on there, and no stock is set
--          twice.
-- Caller:  warehouse.migrations.
-- Locks:   access exclusive on the ledger, for an instant.

set local role retail_owner;

alter table retail.files
add column stock_to_set jsonb not null default '{}'
check (jsonb_typeof(stock_to_set) = 'object');
