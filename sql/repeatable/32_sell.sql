-- Purpose: the one call that makes a sale: checked, numbered, priced and taken out of the stock, or refused whole.
-- Caller:  stores and headquarters.
-- Locks:   the inventory rows of the basket in product order, until the transaction ends; two baskets that share
--          products therefore wait for each other and never for ever.
--
-- It runs as retail_rules, not as its caller: it writes what no store may (the ledger of calls, the number of a sale),
-- and needs no policy evaluated for each of its statements. What a policy would do is done once, by
-- retail.authorize, and each statement names the store.

create or replace procedure retail.insert_transaction(
    p_store_id integer,
    p_customer_id integer,
    p_payment_method_id integer,
    p_product_ids bigint[],
    p_quantities bigint[],
    p_promotion_id integer default null,
    p_weather_id integer default null,
    p_transaction_date timestamp default null,
    p_idempotency_key uuid default null,
    inout p_transaction_id bigint default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    utc_now constant timestamp := now() at time zone 'utc';
    item record;
    known record;
    first_result bigint;
    is_stockout boolean := false;
begin
    perform retail.authorize(p_store_id);
    if p_transaction_id is not null then
        raise exception using errcode = 'RT011', message = 'The number of a sale is given, not chosen.';
    end if;
    perform retail.check_lists('products', p_product_ids, p_quantities);
    if not isfinite(p_transaction_date) or p_transaction_date > utc_now + interval '1 day' then
        raise exception using
            errcode = 'RT009',
            message = format('A sale at %s cannot be: it is now %s UTC.', p_transaction_date, utc_now::timestamp(0));
    end if;

    if p_idempotency_key is not null then
        p_transaction_id := nextval('retail.transaction_number');
        first_result := retail.remember_request(
            p_store_id, p_idempotency_key, 'insert_transaction',
            jsonb_build_array(
                p_customer_id, p_payment_method_id, p_product_ids, p_quantities, p_promotion_id, p_weather_id,
                p_transaction_date
            ),
            p_transaction_id
        );
        if first_result is not null then
            p_transaction_id := first_result;
            return;
        end if;
    end if;

    select
        exists (
            select from retail.store_customers as sc
            where sc.store_id = p_store_id and sc.customer_id = p_customer_id
        ) as customer,
        exists (
            select from retail.payment_methods as p where p.payment_method_id = p_payment_method_id
        ) as payment_method,
        p_promotion_id is null
        or exists (select from retail.promotions as p where p.promotion_id = p_promotion_id) as promotion,
        p_weather_id is null
        or exists (select from retail.weather as w where w.weather_id = p_weather_id) as weather
    into known;
    if not known.customer then
        raise exception using
            errcode = 'RT003',
            message = format('Customer %s is not a customer of store %s.', p_customer_id, p_store_id),
            hint = 'Register a new customer with retail.register_customer.';
    end if;
    if not (known.payment_method and known.promotion and known.weather) then
        raise exception using
            errcode = 'RT008',
            message = case
                when not known.payment_method then format('There is no payment method %s.', p_payment_method_id)
                when not known.promotion then format('There is no promotion %s.', p_promotion_id)
                else format('There is no weather %s.', p_weather_id)
            end;
    end if;

    perform from retail.inventory as i
    where i.store_id = p_store_id and i.product_id = any(p_product_ids)
    order by i.product_id
    for no key update;

    for item in
        select w.product_id, w.quantity, p.product_id is not null as is_product, i.inventory_level
        from (
            select l.product_id, sum(l.quantity)::bigint as quantity
            from unnest(p_product_ids, p_quantities) as l (product_id, quantity)
            group by l.product_id
        ) as w
        left join retail.products as p on w.product_id = p.product_id
        left join retail.inventory as i on i.store_id = p_store_id and w.product_id = i.product_id
        order by w.product_id
    loop
        if not item.is_product then
            raise exception using
                errcode = 'RT002',
                message = format('There is no product %s.', item.product_id);
        end if;
        -- Called only to refuse.
        if item.inventory_level is null or item.inventory_level < item.quantity then
            perform retail.check_stock(p_store_id, item.product_id, item.quantity, item.inventory_level);
        end if;
        is_stockout := is_stockout or item.inventory_level = item.quantity;
    end loop;

    -- As late as can be, so that a refused sale leaves no gap in the numbers.
    p_transaction_id := coalesce(p_transaction_id, nextval('retail.transaction_number'));

    insert into retail.transactions (
        transaction_id, transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id,
        weather_id, stockout
    )
    values (
        p_transaction_id, date_trunc('second', coalesce(p_transaction_date, utc_now)), p_customer_id, p_store_id,
        p_payment_method_id, p_promotion_id is not null, p_promotion_id, p_weather_id, is_stockout
    );

    -- The trigger on these lines takes them out of the stock.
    insert into retail.transaction_details (
        transaction_id, line_number, store_id, product_id, quantity, unit_price
    )
    select p_transaction_id, l.line_number, p_store_id, l.product_id, l.quantity, p.unit_price
    from unnest(p_product_ids, p_quantities) with ordinality as l (product_id, quantity, line_number)
    inner join retail.products as p on l.product_id = p.product_id;
end
$$;

alter procedure retail.insert_transaction(
    integer, integer, integer, bigint[], bigint[], integer, integer, timestamp, uuid, bigint
) owner to retail_rules;
revoke all on procedure retail.insert_transaction(
    integer, integer, integer, bigint[], bigint[], integer, integer, timestamp, uuid, bigint
) from public;
grant execute on procedure retail.insert_transaction(
    integer, integer, integer, bigint[], bigint[], integer, integer, timestamp, uuid, bigint
) to store_user, retail_admin;
