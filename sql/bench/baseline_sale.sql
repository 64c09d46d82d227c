-- Purpose: what a sale costs without tenants: the baseline that bench sale holds retail.insert_transaction against.
-- Caller:  bench.sale, as a superuser, in a database of its own that is migrated and filled like the measured one.
-- Locks:   those of insert_transaction.
--
-- Why it is a fair baseline. It works on the same tables, with the same keys, indexes, checks and references:
-- the same checks of the lists, the date, the customer, the promotion, the weather, the payment method, the products
-- and the stock, with refusals as full; the same lock in product order; the same rows written, movements of stock and
-- the name of their role included; the same ledger of calls where a key is given. It has what a careful author without
-- tenants would take: one function, nothing called, no definer's rights, no search path to set, the movement and the
-- stock written from the arguments instead of by a trigger from the lines. It leaves out what tenants alone need: the
-- question whether the caller may act for the store. Its caller is a role that no policy narrows.

do $$
declare
    item record;
begin
    for item in
        select g.tgname, g.tgrelid::regclass as relation
        from pg_catalog.pg_trigger as g
        inner join pg_catalog.pg_class as c on g.tgrelid = c.oid
        where c.relnamespace = 'retail'::regnamespace and not g.tgisinternal
    loop
        execute format('drop trigger %I on %s', item.tgname, item.relation);
    end loop;
    for item in
        select c.oid::regclass as relation
        from pg_catalog.pg_class as c
        where c.relnamespace = 'retail'::regnamespace and c.relrowsecurity
    loop
        execute format('alter table %s disable row level security', item.relation);
        execute format('alter table %s no force row level security', item.relation);
    end loop;
end
$$;

create function retail.baseline_sale(
    p_store_id integer,
    p_customer_id integer,
    p_payment_method_id integer,
    p_product_ids bigint[],
    p_quantities bigint[],
    p_promotion_id integer default null,
    p_weather_id integer default null,
    p_transaction_date timestamp default null,
    p_idempotency_key uuid default null,
    p_transaction_id bigint default null
) returns bigint
language plpgsql
as $$
declare
    utc_now constant timestamp := now() at time zone 'utc';
    problem text;
    quantity bigint;
    item record;
    known record;
    first_call retail.requests;
    payload_sha256 text;
    is_stockout boolean := false;
    groups bigint;
    taken bigint;
begin
    if p_store_id is null then
        raise exception using errcode = 'RT011', message = 'The store is missing.';
    end if;
    if p_transaction_id is not null then
        raise exception using errcode = 'RT011', message = 'The number of a sale is given, not chosen.';
    end if;
    problem := case
        when p_product_ids is null or p_quantities is null
            or cardinality(p_product_ids) = 0 or cardinality(p_quantities) = 0
            then 'are empty'
        when array_ndims(p_product_ids) > 1 or array_ndims(p_quantities) > 1
            then 'have more than one dimension'
        when cardinality(p_product_ids) <> cardinality(p_quantities)
            then format(
                'are of unequal length, %s and %s', cardinality(p_product_ids), cardinality(p_quantities)
            )
        when array_position(p_product_ids, null) is not null or array_position(p_quantities, null) is not null
            then 'hold a NULL'
    end;
    if problem is not null then
        raise exception using
            errcode = 'RT006',
            message = format('The lists of products and quantities %s.', problem);
    end if;
    foreach quantity in array p_quantities
    loop
        if quantity not between 1 and 1000000 then
            raise exception using
                errcode = 'RT007',
                message = format('A quantity of %s is not between 1 and 1000000.', quantity);
        end if;
    end loop;
    if not isfinite(p_transaction_date) or p_transaction_date > utc_now + interval '1 day' then
        raise exception using
            errcode = 'RT009',
            message = format('A sale at %s cannot be: it is now %s UTC.', p_transaction_date, utc_now::timestamp(0));
    end if;

    if p_idempotency_key is not null then
        p_transaction_id := nextval('retail.transaction_number');
        payload_sha256 := encode(sha256(convert_to(jsonb_build_array(
            p_customer_id, p_payment_method_id, p_product_ids, p_quantities, p_promotion_id, p_weather_id,
            p_transaction_date
        )::text, 'UTF8')), 'hex');
        insert into retail.requests (store_id, idempotency_key, procedure_name, payload_sha256, result_id)
        values (p_store_id, p_idempotency_key, 'insert_transaction', payload_sha256, p_transaction_id)
        on conflict do nothing;
        if not found then
            select * into strict first_call
            from retail.requests as r
            where r.store_id = p_store_id and r.idempotency_key = p_idempotency_key;
            if first_call.payload_sha256 <> payload_sha256 then
                raise exception using
                    errcode = 'RT010',
                    message = format(
                        'The idempotency key %s was used for another call of this store.', p_idempotency_key
                    );
            end if;
            return first_call.result_id;
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
            message = format('Customer %s is not a customer of store %s.', p_customer_id, p_store_id);
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
        if item.inventory_level is null then
            raise exception using
                errcode = 'RT004',
                message = format('Store %s does not stock product %s.', p_store_id, item.product_id);
        end if;
        if item.inventory_level < item.quantity then
            raise exception using
                errcode = 'RT005',
                message = format(
                    'Not enough stock of product %s in store %s: wanted %s, available %s.',
                    item.product_id, p_store_id, item.quantity, item.inventory_level
                );
        end if;
        is_stockout := is_stockout or item.inventory_level = item.quantity;
    end loop;

    p_transaction_id := coalesce(p_transaction_id, nextval('retail.transaction_number'));

    insert into retail.transactions (
        transaction_id, transaction_date, customer_id, store_id, payment_method_id, promotion_applied, promotion_id,
        weather_id, stockout
    )
    values (
        p_transaction_id, date_trunc('second', coalesce(p_transaction_date, utc_now)), p_customer_id, p_store_id,
        p_payment_method_id, p_promotion_id is not null, p_promotion_id, p_weather_id, is_stockout
    );

    insert into retail.transaction_details (
        transaction_id, line_number, store_id, product_id, quantity, unit_price
    )
    select p_transaction_id, l.line_number, p_store_id, l.product_id, l.quantity, p.unit_price
    from unnest(p_product_ids, p_quantities) with ordinality as l (product_id, quantity, line_number)
    inner join retail.products as p on l.product_id = p.product_id;

    with
    sold as (
        select l.product_id, sum(l.quantity)::integer as quantity
        from unnest(p_product_ids, p_quantities) as l (product_id, quantity)
        group by l.product_id
    ),
    noted as (
        insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name, transaction_id)
        select p_store_id, s.product_id, -s.quantity, 'sale', current_user, p_transaction_id
        from sold as s
        order by s.product_id
    ),
    changed as (
        update retail.inventory as i
        set inventory_level = i.inventory_level - s.quantity
        from sold as s
        where i.store_id = p_store_id and i.product_id = s.product_id
        returning 1
    )
    select (select count(*) from sold), (select count(*) from changed) into groups, taken;
    if taken <> groups then
        raise exception using
            errcode = 'RT004',
            message = 'A product of the sale is not stocked by the store.';
    end if;
    return p_transaction_id;
end
$$;
