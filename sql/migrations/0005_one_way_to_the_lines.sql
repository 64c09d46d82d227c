-- Purpose: the lines of a store are found by their key alone. A second index, by product within the store, cost a load
--          of a million lines more than a second, and units by product reads every line of the store anyway.
-- Caller:  warehouse.migrations.
-- Locks:   access exclusive on the lines, for an instant.

set local role retail_owner;

drop index retail.transaction_details_store_product;
