-- Purpose: rows for a stream that is stopped: bench.sales sales of three lines each, so four rows a sale, in
--          transactions of a hundred sales, as a busy shop's tills would leave them while MongoDB is away.
-- Caller:  bench.cdc_drain, as a superuser, outside a transaction, for it commits; bench.sales is a session setting.
-- Locks:   none that matters: nobody else is in that database.
--
-- No trigger and no reference is checked: what a sale costs is measured elsewhere, what its rows cost the stream here.

do $$
declare
    batch constant integer := 100;
    wanted constant integer := current_setting('bench.sales')::integer;
    stores constant integer := (select count(*) from retail.stores);
    products constant integer := (select count(*) from retail.products);
    first_sale bigint := (select max(t.transaction_id) from retail.transactions as t);
    done integer := 0;
begin
    while done < wanted loop
        set local session_replication_role = replica;
        insert into retail.transactions (
            transaction_id, transaction_date, customer_id, store_id, payment_method_id, promotion_applied,
            promotion_id, weather_id, stockout
        )
        select
            first_sale + n,
            timestamp '2024-02-01' + n * interval '1 second',
            1 + n % 20,
            1 + n % stores,
            1 + n % 3,
            n % 3 = 0,
            case when n % 3 = 0 then 1 end,
            1 + n % 3,
            false
        from generate_series(done + 1, least(done + batch, wanted)) as n;
        insert into retail.transaction_details (
            transaction_id, line_number, store_id, product_id, quantity, unit_price
        )
        select
            first_sale + n,
            l,
            1 + n % stores,
            1 + (n * 7 + l) % products,
            1 + n % 5,
            1 + n % 100 + 0.50
        from generate_series(done + 1, least(done + batch, wanted)) as n, generate_series(1, 3) as l;
        done := done + batch;
        commit;
    end loop;
    perform setval('retail.transaction_number', first_sale + wanted);
end
$$;
