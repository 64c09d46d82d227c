-- Purpose: refuse dates that the documents cannot show: their text has years of four digits, and a store could stop
--          every comparison and refresh of headquarters with one sale in the year 10000 or before year 1.
-- Caller:  warehouse.migrations.
-- Locks:   access exclusive on both tables, for one scan of each.

set local role retail_owner;

alter table retail.transactions
add constraint transactions_date_has_four_digits
check (transaction_date >= timestamp '0001-01-01' and transaction_date < timestamp '10000-01-01');

alter table retail.demand_forecast
add constraint demand_forecast_date_has_four_digits
check (forecast_date >= date '0001-01-01' and forecast_date < date '10000-01-01');
