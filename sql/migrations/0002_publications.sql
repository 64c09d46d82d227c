-- Purpose: what other systems subscribe to: every table, as promised to them; and for the stream the streamed tables
--          and its heartbeat alone, because a bulk change of any other published table would delay every sale.
-- Caller:  warehouse.migrations, as a superuser: only one can publish all tables.
-- Locks:   share update exclusive on the published tables.

create publication walmart_publication for all tables;

create publication walmart_stream_publication for table
retail.transactions,
retail.transaction_details,
retail.inventory,
retail.heartbeat;
