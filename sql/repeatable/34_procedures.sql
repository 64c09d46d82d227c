-- Purpose: what else a store does with goods and customers, and headquarters with prices.
-- Caller:  stores and headquarters; set_price headquarters alone.
-- Locks:   the sale, for what comes back; then the inventory rows in product order, until the transaction ends.
--
-- Like insert_transaction these run as retail_rules and ask retail.authorize first.

-- Note that units of a sale's lines came back, and put them into the stock.
create or replace function retail.take_back(
    p_store_id integer, p_transaction_id bigint, p_line_numbers bigint[], p_quantities bigint[], p_reason text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    item record;
begin
    for item in
        select w.line_number, w.quantity, coalesce(l.quantity, 0) - coalesce(b.quantity, 0) as possible
        from (
            select u.line_number, sum(u.quantity)::bigint as quantity
            from unnest(p_line_numbers, p_quantities) as u (line_number, quantity)
            group by u.line_number
        ) as w
        left join retail.transaction_details as l
            on l.store_id = p_store_id and l.transaction_id = p_transaction_id and w.line_number = l.line_number
        left join lateral (
            select sum(r.quantity) as quantity
            from retail.returns as r
            where r.store_id = p_store_id and r.transaction_id = p_transaction_id and r.line_number = w.line_number
        ) as b on true
        order by w.line_number
    loop
        if item.quantity > item.possible then
            raise exception using
                errcode = 'RT013',
                message = format(
                    'Not that much of line %s of sale %s can come back: wanted %s, possible %s.',
                    item.line_number, p_transaction_id, item.quantity, item.possible
                );
        end if;
    end loop;

    insert into retail.returns (store_id, transaction_id, line_number, quantity)
    select p_store_id, p_transaction_id, u.line_number, sum(u.quantity)
    from unnest(p_line_numbers, p_quantities) as u (line_number, quantity)
    group by u.line_number
    order by u.line_number;

    perform from retail.inventory as i
    where i.store_id = p_store_id
        and i.product_id in (
            select l.product_id
            from retail.transaction_details as l
            where l.store_id = p_store_id
                and l.transaction_id = p_transaction_id
                and l.line_number = any(p_line_numbers)
        )
    order by i.product_id
    for no key update;

    for item in
        select l.product_id, sum(u.quantity)::bigint as quantity
        from unnest(p_line_numbers, p_quantities) as u (line_number, quantity)
        inner join retail.transaction_details as l
            on l.store_id = p_store_id and l.transaction_id = p_transaction_id and u.line_number = l.line_number
        group by l.product_id
        order by l.product_id
    loop
        perform retail.move_stock(p_store_id, item.product_id, item.quantity, p_reason, p_transaction_id);
    end loop;
end
$$;

-- Refuse a sale that the store does not have; otherwise let nobody else take it back before this transaction ends.
create or replace function retail.lock_sale(p_store_id integer, p_transaction_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from retail.transactions as t
    where t.store_id = p_store_id and t.transaction_id = p_transaction_id
    for no key update;
    if not found then
        raise exception using
            errcode = 'RT012',
            message = format('Store %s has no sale %s.', p_store_id, p_transaction_id);
    end if;
end
$$;

create or replace procedure retail.return_items(
    p_store_id integer,
    p_transaction_id bigint,
    p_line_numbers bigint[],
    p_quantities bigint[],
    p_idempotency_key uuid default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform retail.authorize(p_store_id);
    perform retail.check_lists('lines', p_line_numbers, p_quantities);
    if retail.remember_request(
        p_store_id, p_idempotency_key, 'return_items',
        jsonb_build_array(p_transaction_id, p_line_numbers, p_quantities), p_transaction_id
    ) is not null then
        return;
    end if;
    perform retail.lock_sale(p_store_id, p_transaction_id);
    perform retail.take_back(p_store_id, p_transaction_id, p_line_numbers, p_quantities, 'return');
end
$$;

-- Everything of a sale that has not come back yet comes back. The sale stays readable, with its returns.
create or replace procedure retail.void_transaction(
    p_store_id integer,
    p_transaction_id bigint,
    p_idempotency_key uuid default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    line_numbers bigint [];
    quantities bigint [];
begin
    perform retail.authorize(p_store_id);
    if retail.remember_request(
        p_store_id, p_idempotency_key, 'void_transaction', jsonb_build_array(p_transaction_id), p_transaction_id
    ) is not null then
        return;
    end if;
    perform retail.lock_sale(p_store_id, p_transaction_id);

    select array_agg(rest.line_number), array_agg(rest.quantity) into line_numbers, quantities
    from (
        select l.line_number, l.quantity - coalesce(sum(r.quantity), 0) as quantity
        from retail.transaction_details as l
        left join retail.returns as r using (store_id, transaction_id, line_number)
        where l.store_id = p_store_id and l.transaction_id = p_transaction_id
        group by l.line_number, l.quantity
    ) as rest
    where rest.quantity > 0;
    if line_numbers is null then
        raise exception using
            errcode = 'RT013',
            message = format('Everything of sale %s of store %s has come back already.', p_transaction_id, p_store_id);
    end if;
    perform retail.take_back(p_store_id, p_transaction_id, line_numbers, quantities, 'void');
end
$$;

-- Goods arrive; a product that the store did not stock is stocked from now on.
create or replace procedure retail.receive_stock(
    p_store_id integer,
    p_product_ids bigint[],
    p_quantities bigint[],
    p_idempotency_key uuid default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    item record;
begin
    perform retail.authorize(p_store_id);
    perform retail.check_lists('products', p_product_ids, p_quantities);
    if retail.remember_request(
        p_store_id, p_idempotency_key, 'receive_stock', jsonb_build_array(p_product_ids, p_quantities), p_store_id
    ) is not null then
        return;
    end if;
    for item in
        select w.product_id, w.quantity, p.product_id is not null as is_product
        from (
            select l.product_id, sum(l.quantity)::bigint as quantity
            from unnest(p_product_ids, p_quantities) as l (product_id, quantity)
            group by l.product_id
        ) as w
        left join retail.products as p on w.product_id = p.product_id
        order by w.product_id
    loop
        if not item.is_product then
            raise exception using
                errcode = 'RT002',
                message = format('There is no product %s.', item.product_id);
        end if;
        insert into retail.inventory (store_id, product_id, inventory_level)
        values (p_store_id, item.product_id, 0)
        on conflict do nothing;
        perform retail.move_stock(p_store_id, item.product_id, item.quantity, 'receipt', null);
    end loop;
end
$$;

-- A store makes a new customer, and so the relation; it cannot relate to one who exists.
create or replace procedure retail.register_customer(
    p_store_id integer,
    p_age integer,
    p_gender text,
    p_income numeric,
    p_loyalty_level text,
    inout p_customer_id integer default null,
    p_idempotency_key uuid default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    first_result bigint;
begin
    perform retail.authorize(p_store_id);
    if p_customer_id is not null then
        raise exception using errcode = 'RT011', message = 'The id of a new customer is given, not chosen.';
    end if;
    if p_age is null or p_age not between 0 and 150 or p_income is null or p_income not between 0 and 9999999999 then
        raise exception using
            errcode = 'RT011',
            message = 'A customer has an age of 0 to 150, a gender, an income of 0 or more and a loyalty level.';
    end if;
    perform retail.require_sound_text('gender', p_gender);
    perform retail.require_sound_text('loyalty level', p_loyalty_level);

    p_customer_id := nextval('retail.customer_number');
    first_result := retail.remember_request(
        p_store_id, p_idempotency_key, 'register_customer',
        jsonb_build_array(p_age, p_gender, p_income, p_loyalty_level), p_customer_id
    );
    if first_result is not null then
        p_customer_id := first_result;
        return;
    end if;
    insert into retail.customers (customer_id, age, gender, income, loyalty_level)
    values (p_customer_id, p_age, p_gender, p_income, p_loyalty_level);
    insert into retail.store_customers (store_id, customer_id)
    values (p_store_id, p_customer_id);
end
$$;

-- The list price of a product, for all stores; sales that were made keep theirs.
create or replace procedure retail.set_price(p_product_id integer, p_unit_price numeric)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_unit_price is null or p_unit_price not between 0 and 9999999999 then
        raise exception using
            errcode = 'RT011',
            message = format('A price of %s cannot be.', coalesce(p_unit_price::text, 'NULL'));
    end if;
    update retail.products as p
    set unit_price = p_unit_price
    where p.product_id = p_product_id;
    if not found then
        raise exception using
            errcode = 'RT002',
            message = format('There is no product %s.', p_product_id);
    end if;
end
$$;

do $$
declare
    routine text;
begin
    foreach routine in array array[
        'take_back(integer, bigint, bigint[], bigint[], text)', 'lock_sale(integer, bigint)',
        'return_items(integer, bigint, bigint[], bigint[], uuid)', 'void_transaction(integer, bigint, uuid)',
        'receive_stock(integer, bigint[], bigint[], uuid)',
        'register_customer(integer, integer, text, numeric, text, integer, uuid)', 'set_price(integer, numeric)'
    ]
    loop
        execute format('alter routine retail.%s owner to retail_rules', routine);
        execute format('revoke all on routine retail.%s from public', routine);
    end loop;

    foreach routine in array array[
        'return_items(integer, bigint, bigint[], bigint[], uuid)', 'void_transaction(integer, bigint, uuid)',
        'receive_stock(integer, bigint[], bigint[], uuid)',
        'register_customer(integer, integer, text, numeric, text, integer, uuid)'
    ]
    loop
        execute format('grant execute on procedure retail.%s to store_user, retail_admin', routine);
    end loop;
    grant execute on procedure retail.set_price(integer, numeric) to retail_admin;
end
$$;
