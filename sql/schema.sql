--
-- PostgreSQL database dump
--

--
-- Name: retail; Type: SCHEMA; Schema: -; Owner: retail_owner
--

CREATE SCHEMA retail;

ALTER SCHEMA retail OWNER TO retail_owner;

--
-- Name: staging; Type: SCHEMA; Schema: -; Owner: retail_loader
--

CREATE SCHEMA staging;

ALTER SCHEMA staging OWNER TO retail_loader;

--
-- Name: authorize(integer); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.authorize(p_store_id integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    caller constant name := retail.caller();
begin
    if p_store_id is null then
        raise exception using errcode = 'RT011', message = 'The store is missing.';
    end if;
    if exists (select from retail.role_store as rs where rs.role_name = caller and rs.store_id = p_store_id) then
        return;
    end if;
    -- A superuser counts as a member of every role.
    if pg_has_role(caller, 'retail_admin', 'usage')
        and exists (select from retail.stores as s where s.store_id = p_store_id)
    then
        return;
    end if;
    raise exception using
        errcode = 'RT001',
        message = format('Role %s cannot act for store %s.', caller, p_store_id);
end
$$;

ALTER FUNCTION retail.authorize(p_store_id integer) OWNER TO retail_rules;

--
-- Name: caller(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.caller() RETURNS name
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN (COALESCE(NULLIF(current_setting('role'::text), 'none'::text), (SESSION_USER)::text))::name;

ALTER FUNCTION retail.caller() OWNER TO retail_rules;

--
-- Name: check_lists(text, bigint[], bigint[]); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.check_lists(p_what text, p_ids bigint[], p_quantities bigint[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    problem text;
    quantity bigint;
begin
    problem := case
        when p_ids is null or p_quantities is null or cardinality(p_ids) = 0 or cardinality(p_quantities) = 0
            then 'are empty'
        when array_ndims(p_ids) > 1 or array_ndims(p_quantities) > 1
            then 'have more than one dimension'
        when cardinality(p_ids) <> cardinality(p_quantities)
            then format('are of unequal length, %s and %s', cardinality(p_ids), cardinality(p_quantities))
        when array_position(p_ids, null) is not null or array_position(p_quantities, null) is not null
            then 'hold a NULL'
    end;
    if problem is not null then
        raise exception using
            errcode = 'RT006',
            message = format('The lists of %s and quantities %s.', p_what, problem);
    end if;
    foreach quantity in array p_quantities
    loop
        if quantity not between 1 and 1000000 then
            raise exception using
                errcode = 'RT007',
                message = format('A quantity of %s is not between 1 and 1000000.', quantity);
        end if;
    end loop;
end
$$;

ALTER FUNCTION retail.check_lists(p_what text, p_ids bigint[], p_quantities bigint[]) OWNER TO retail_rules;

--
-- Name: check_stock(integer, bigint, bigint, integer); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.check_stock(p_store_id integer, p_product_id bigint, p_wanted bigint, p_available integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if p_available is null then
        raise exception using
            errcode = 'RT004',
            message = format('Store %s does not stock product %s.', p_store_id, p_product_id),
            hint = 'Receive the product with retail.receive_stock first.';
    end if;
    if p_available < p_wanted then
        raise exception using
            errcode = 'RT005',
            message = format(
                'Not enough stock of product %s in store %s: wanted %s, available %s.',
                p_product_id, p_store_id, p_wanted, p_available
            );
    end if;
end
$$;

ALTER FUNCTION retail.check_stock(p_store_id integer, p_product_id bigint, p_wanted bigint, p_available integer) OWNER TO retail_rules;

--
-- Name: check_stock_of_lines(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.check_stock_of_lines() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    item record;
begin
    perform from retail.inventory as i
    where (i.store_id, i.product_id) in (select l.store_id, l.product_id from new_lines as l)
    order by i.store_id, i.product_id
    for no key update;

    for item in
        select l.store_id, l.product_id, sum(l.quantity)::bigint as wanted, min(i.inventory_level) as available
        from new_lines as l
        left join retail.inventory as i on l.store_id = i.store_id and l.product_id = i.product_id
        group by l.store_id, l.product_id
        order by l.store_id, l.product_id
    loop
        perform retail.check_stock(item.store_id, item.product_id, item.wanted, item.available);
    end loop;
    return null;
end
$$;

ALTER FUNCTION retail.check_stock_of_lines() OWNER TO retail_rules;

--
-- Name: role_store; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.role_store (
    role_name name NOT NULL,
    store_id integer NOT NULL
);

ALTER TABLE ONLY retail.role_store FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.role_store OWNER TO retail_owner;

--
-- Name: current_store_id(); Type: FUNCTION; Schema: retail; Owner: retail_owner
--

CREATE FUNCTION retail.current_store_id() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN (SELECT rs.store_id FROM retail.role_store rs WHERE (rs.role_name = CURRENT_USER));

ALTER FUNCTION retail.current_store_id() OWNER TO retail_owner;

--
-- Name: follow_changed_lines(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.follow_changed_lines() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    changes refcursor;
    change record;
    named bigint;
begin
    if tg_op = 'UPDATE' then
        if exists (
            select
            from old_lines as o
            inner join new_lines as n using (store_id, transaction_id, line_number)
            cross join lateral (
                select coalesce(sum(r.quantity), 0) as quantity
                from retail.returns as r
                where r.store_id = o.store_id
                    and r.transaction_id = o.transaction_id
                    and r.line_number = o.line_number
            ) as back
            where n.quantity < back.quantity or (n.product_id <> o.product_id and back.quantity > 0)
        ) then
            raise exception using
                errcode = 'RT013',
                message = 'A line cannot become another product or fewer units than came back of it.';
        end if;
        open changes for
            select
                l.store_id, l.transaction_id, l.product_id, sum(l.quantity) as back,
                exists (
                    select from retail.observations as o
                    where o.store_id = l.store_id
                        and o.transaction_id = l.transaction_id
                        and o.line_number = l.line_number
                ) as is_history
            from (
                select o.store_id, o.transaction_id, o.line_number, o.product_id, o.quantity
                from old_lines as o
                union all
                select n.store_id, n.transaction_id, n.line_number, n.product_id, -n.quantity
                from new_lines as n
            ) as l
            group by l.store_id, l.transaction_id, l.product_id, is_history
            having sum(l.quantity) <> 0
            order by l.store_id, l.product_id, back desc;
    else
        open changes for
            select o.store_id, o.transaction_id, o.product_id, sum(o.quantity) as back, false as is_history
            from old_lines as o
            group by o.store_id, o.transaction_id, o.product_id
            order by o.store_id, o.product_id;
    end if;

    loop
        fetch changes into change;
        exit when not found;
        if change.back < 0 and not change.is_history then
            perform retail.move_stock(
                change.store_id, change.product_id, change.back, 'sale', change.transaction_id
            );
            continue;
        end if;
        named := 0;
        if not change.is_history then
            select least(change.back, greatest(-coalesce(sum(m.quantity), 0), 0)) into named
            from retail.stock_movements as m
            where m.store_id = change.store_id
                and m.product_id = change.product_id
                and m.transaction_id = change.transaction_id
                and m.reason in ('sale', 'correction');
        end if;
        perform retail.move_stock(
            change.store_id, change.product_id, named, 'correction', change.transaction_id
        );
        perform retail.move_stock(change.store_id, change.product_id, change.back - named, 'correction', null);
    end loop;
    close changes;
    return null;
end
$$;

ALTER FUNCTION retail.follow_changed_lines() OWNER TO retail_rules;

--
-- Name: insert_transaction(integer, integer, integer, bigint[], bigint[], integer, integer, timestamp without time zone, uuid, bigint); Type: PROCEDURE; Schema: retail; Owner: retail_rules
--

CREATE PROCEDURE retail.insert_transaction(IN p_store_id integer, IN p_customer_id integer, IN p_payment_method_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_promotion_id integer DEFAULT NULL::integer, IN p_weather_id integer DEFAULT NULL::integer, IN p_transaction_date timestamp without time zone DEFAULT NULL::timestamp without time zone, IN p_idempotency_key uuid DEFAULT NULL::uuid, INOUT p_transaction_id bigint DEFAULT NULL::bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER PROCEDURE retail.insert_transaction(IN p_store_id integer, IN p_customer_id integer, IN p_payment_method_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_promotion_id integer, IN p_weather_id integer, IN p_transaction_date timestamp without time zone, IN p_idempotency_key uuid, INOUT p_transaction_id bigint) OWNER TO retail_rules;

--
-- Name: lock_sale(integer, bigint); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.lock_sale(p_store_id integer, p_transaction_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION retail.lock_sale(p_store_id integer, p_transaction_id bigint) OWNER TO retail_rules;

--
-- Name: move_stock(integer, bigint, bigint, text, bigint); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.move_stock(p_store_id integer, p_product_id bigint, p_quantity bigint, p_reason text, p_transaction_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    available integer;
begin
    if p_quantity = 0 then
        return;
    end if;
    select i.inventory_level into available
    from retail.inventory as i
    where i.store_id = p_store_id and i.product_id = p_product_id
    for no key update;
    perform retail.check_stock(p_store_id, p_product_id, -p_quantity, available);
    if available + p_quantity > 2147483647 then
        raise exception using
            errcode = 'RT015',
            message = format('Store %s cannot count %s more of product %s.', p_store_id, p_quantity, p_product_id);
    end if;

    update retail.inventory as i
    set inventory_level = i.inventory_level + p_quantity
    where i.store_id = p_store_id and i.product_id = p_product_id;

    insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name, transaction_id)
    values (p_store_id, p_product_id, p_quantity, p_reason, retail.caller(), p_transaction_id);
end
$$;

ALTER FUNCTION retail.move_stock(p_store_id integer, p_product_id bigint, p_quantity bigint, p_reason text, p_transaction_id bigint) OWNER TO retail_rules;

--
-- Name: note_correction(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.note_correction() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if tg_op = 'INSERT' then
        insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
        select n.store_id, n.product_id, n.inventory_level, 'correction', retail.caller()
        from new_stock as n
        where n.inventory_level <> 0;
    elsif tg_op = 'DELETE' then
        insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
        select o.store_id, o.product_id, -o.inventory_level, 'correction', retail.caller()
        from old_stock as o
        where o.inventory_level <> 0;
    else
        insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name)
        select s.store_id, s.product_id, sum(s.quantity), 'correction', retail.caller()
        from (
            select n.store_id, n.product_id, n.inventory_level as quantity
            from new_stock as n
            union all
            select o.store_id, o.product_id, -o.inventory_level
            from old_stock as o
        ) as s
        group by s.store_id, s.product_id
        having sum(s.quantity) <> 0;
    end if;
    return null;
end
$$;

ALTER FUNCTION retail.note_correction() OWNER TO retail_rules;

--
-- Name: number_sale(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.number_sale() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.transaction_id := nextval('retail.transaction_number');
    return new;
end
$$;

ALTER FUNCTION retail.number_sale() OWNER TO retail_rules;

--
-- Name: receive_stock(integer, bigint[], bigint[], uuid); Type: PROCEDURE; Schema: retail; Owner: retail_rules
--

CREATE PROCEDURE retail.receive_stock(IN p_store_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid DEFAULT NULL::uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER PROCEDURE retail.receive_stock(IN p_store_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) OWNER TO retail_rules;

--
-- Name: refuse_truncate(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    raise exception using
        errcode = 'RT016',
        message = format('Table %s streams to MongoDB, and TRUNCATE would leave its documents there.', tg_table_name),
        hint = 'Use DELETE.';
end
$$;

ALTER FUNCTION retail.refuse_truncate() OWNER TO retail_rules;

--
-- Name: register_customer(integer, integer, text, numeric, text, integer, uuid); Type: PROCEDURE; Schema: retail; Owner: retail_rules
--

CREATE PROCEDURE retail.register_customer(IN p_store_id integer, IN p_age integer, IN p_gender text, IN p_income numeric, IN p_loyalty_level text, INOUT p_customer_id integer DEFAULT NULL::integer, IN p_idempotency_key uuid DEFAULT NULL::uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER PROCEDURE retail.register_customer(IN p_store_id integer, IN p_age integer, IN p_gender text, IN p_income numeric, IN p_loyalty_level text, INOUT p_customer_id integer, IN p_idempotency_key uuid) OWNER TO retail_rules;

--
-- Name: remember_request(integer, uuid, text, jsonb, bigint); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.remember_request(p_store_id integer, p_idempotency_key uuid, p_procedure_name text, p_payload jsonb, p_result_id bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    payload_sha256 constant text := encode(sha256(convert_to(p_payload::text, 'UTF8')), 'hex');
    first_call retail.requests;
begin
    if p_idempotency_key is null then
        return null;
    end if;
    insert into retail.requests (store_id, idempotency_key, procedure_name, payload_sha256, result_id)
    values (p_store_id, p_idempotency_key, p_procedure_name, payload_sha256, p_result_id)
    on conflict do nothing;
    if found then
        return null;
    end if;
    select * into strict first_call
    from retail.requests as r
    where r.store_id = p_store_id and r.idempotency_key = p_idempotency_key;
    if first_call.procedure_name <> p_procedure_name or first_call.payload_sha256 <> payload_sha256 then
        raise exception using
            errcode = 'RT010',
            message = format('The idempotency key %s was used for another call of this store.', p_idempotency_key),
            hint = 'Use a key once, and again only to repeat the same call.';
    end if;
    return first_call.result_id;
end
$$;

ALTER FUNCTION retail.remember_request(p_store_id integer, p_idempotency_key uuid, p_procedure_name text, p_payload jsonb, p_result_id bigint) OWNER TO retail_rules;

--
-- Name: require_lines(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.require_lines() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    sale record;
begin
    sale := old;
    if tg_table_name = 'transactions' then
        sale := new;
    end if;
    if not exists (
        select from retail.transaction_details as l
        where l.store_id = sale.store_id and l.transaction_id = sale.transaction_id
    )
    and exists (
        select from retail.transactions as t
        where t.store_id = sale.store_id and t.transaction_id = sale.transaction_id
    ) then
        raise exception using
            errcode = 'RT014',
            message = format('Sale %s of store %s has no lines.', sale.transaction_id, sale.store_id);
    end if;
    return null;
end
$$;

ALTER FUNCTION retail.require_lines() OWNER TO retail_rules;

--
-- Name: require_sound_text(text, text); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.require_sound_text(p_what text, p_text text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    fault constant text := case when p_text is null then 'blank' else retail.text_fault(p_text) end;
begin
    if fault is not null then
        raise exception using
            errcode = 'RT011',
            message = format(
                'The %s %s.',
                p_what,
                case fault
                    when 'blank' then 'must not be blank'
                    when 'too_long' then 'must have no more than 200 characters'
                    when 'unprintable' then 'must be on one line and have no control characters'
                    when 'padded' then 'must not begin or end with a space'
                    when 'formula' then 'must not begin like a formula of a spreadsheet (=, +, - or @)'
                end
            );
    end if;
end
$$;

ALTER FUNCTION retail.require_sound_text(p_what text, p_text text) OWNER TO retail_rules;

--
-- Name: return_items(integer, bigint, bigint[], bigint[], uuid); Type: PROCEDURE; Schema: retail; Owner: retail_rules
--

CREATE PROCEDURE retail.return_items(IN p_store_id integer, IN p_transaction_id bigint, IN p_line_numbers bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid DEFAULT NULL::uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER PROCEDURE retail.return_items(IN p_store_id integer, IN p_transaction_id bigint, IN p_line_numbers bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) OWNER TO retail_rules;

--
-- Name: set_price(integer, numeric); Type: PROCEDURE; Schema: retail; Owner: retail_rules
--

CREATE PROCEDURE retail.set_price(IN p_product_id integer, IN p_unit_price numeric)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER PROCEDURE retail.set_price(IN p_product_id integer, IN p_unit_price numeric) OWNER TO retail_rules;

--
-- Name: take_back(integer, bigint, bigint[], bigint[], text); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.take_back(p_store_id integer, p_transaction_id bigint, p_line_numbers bigint[], p_quantities bigint[], p_reason text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER FUNCTION retail.take_back(p_store_id integer, p_transaction_id bigint, p_line_numbers bigint[], p_quantities bigint[], p_reason text) OWNER TO retail_rules;

--
-- Name: take_stock_of_lines(); Type: FUNCTION; Schema: retail; Owner: retail_rules
--

CREATE FUNCTION retail.take_stock_of_lines() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    caller constant name := retail.caller();
    groups bigint;
    taken bigint;
begin
    with
    sold as (
        select l.store_id, l.transaction_id, l.product_id, sum(l.quantity)::integer as quantity
        from new_lines as l
        group by l.store_id, l.transaction_id, l.product_id
    ),
    noted as (
        insert into retail.stock_movements (store_id, product_id, quantity, reason, role_name, transaction_id)
        select s.store_id, s.product_id, -s.quantity, 'sale', caller, s.transaction_id
        from sold as s
        order by s.store_id, s.transaction_id, s.product_id
    ),
    wanted as (
        select s.store_id, s.product_id, sum(s.quantity)::integer as quantity
        from sold as s
        group by s.store_id, s.product_id
    ),
    changed as (
        update retail.inventory as i
        set inventory_level = i.inventory_level - w.quantity
        from wanted as w
        where i.store_id = w.store_id and i.product_id = w.product_id
        returning 1
    )
    select (select count(*) from wanted), (select count(*) from changed) into groups, taken;

    if taken <> groups then
        raise exception using
            errcode = 'RT004',
            message = 'A product of the sale is not stocked by the store.';
    end if;
    return null;
end
$$;

ALTER FUNCTION retail.take_stock_of_lines() OWNER TO retail_rules;

--
-- Name: text_fault(text); Type: FUNCTION; Schema: retail; Owner: retail_owner
--

CREATE FUNCTION retail.text_fault(p_text text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN CASE WHEN (p_text IS NULL) THEN NULL::text WHEN (p_text !~ ('[^ \t\n\f\r\u0085\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]'::text COLLATE "C")) THEN 'blank'::text WHEN (char_length(p_text) > 200) THEN 'too_long'::text WHEN (p_text ~ ('[\u0001-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff\ufffd]'::text COLLATE "C")) THEN 'unprintable'::text WHEN ((p_text ~ ('^[ \t\n\f\r\u0085\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]'::text COLLATE "C")) OR (p_text ~ ('[ \t\n\f\r\u0085\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]$'::text COLLATE "C"))) THEN 'padded'::text WHEN (p_text ~ ('^[=+\-@]'::text COLLATE "C")) THEN 'formula'::text ELSE NULL::text END;

ALTER FUNCTION retail.text_fault(p_text text) OWNER TO retail_owner;

--
-- Name: void_transaction(integer, bigint, uuid); Type: PROCEDURE; Schema: retail; Owner: retail_rules
--

CREATE PROCEDURE retail.void_transaction(IN p_store_id integer, IN p_transaction_id bigint, IN p_idempotency_key uuid DEFAULT NULL::uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

ALTER PROCEDURE retail.void_transaction(IN p_store_id integer, IN p_transaction_id bigint, IN p_idempotency_key uuid) OWNER TO retail_rules;

--
-- Name: tenant_acts; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.tenant_acts (
    store_id integer NOT NULL,
    act_id bigint NOT NULL,
    acted_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    harmed_others boolean NOT NULL,
    since timestamp with time zone NOT NULL,
    what text NOT NULL,
    lifted_at timestamp with time zone,
    CONSTRAINT tenant_acts_kind_check CHECK ((kind = ANY (ARRAY['statement'::text, 'transaction'::text, 'blocking'::text, 'notifications'::text, 'stream'::text, 'vacuum'::text, 'operation'::text, 'memory'::text, 'shut_out'::text]))),
    CONSTRAINT tenant_acts_what_check CHECK ((what <> ''::text))
);

ALTER TABLE ONLY retail.tenant_acts FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.tenant_acts OWNER TO retail_owner;

--
-- Name: act_number; Type: SEQUENCE; Schema: retail; Owner: retail_owner
--

CREATE SEQUENCE retail.act_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE retail.act_number OWNER TO retail_owner;

--
-- Name: act_number; Type: SEQUENCE OWNED BY; Schema: retail; Owner: retail_owner
--

ALTER SEQUENCE retail.act_number OWNED BY retail.tenant_acts.act_id;

--
-- Name: categories; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.categories (
    category_id integer NOT NULL,
    category_name text NOT NULL,
    CONSTRAINT categories_category_name_check CHECK ((category_name <> ''::text)),
    CONSTRAINT categories_name_is_sound CHECK ((retail.text_fault(category_name) IS NULL))
);

ALTER TABLE retail.categories OWNER TO retail_owner;

--
-- Name: conflicts; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.conflicts (
    store_id integer NOT NULL,
    transaction_id bigint NOT NULL,
    line_number integer NOT NULL,
    transaction_date timestamp(0) without time zone,
    customer_id integer,
    payment_method text,
    promotion_applied boolean,
    promotion_type text,
    weather_conditions text,
    stockout boolean,
    product_name text,
    category_name text,
    supplier_id integer,
    reorder_point integer,
    reorder_quantity integer,
    lead_time_days integer,
    store_location text,
    age integer,
    gender text,
    income numeric(12,2),
    loyalty_level text,
    forecasted_demand integer,
    actual_demand integer
);

ALTER TABLE ONLY retail.conflicts FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.conflicts OWNER TO retail_owner;

--
-- Name: customer_number; Type: SEQUENCE; Schema: retail; Owner: retail_owner
--

CREATE SEQUENCE retail.customer_number
    AS integer
    START WITH 1000000001
    INCREMENT BY 1
    MINVALUE 1000000001
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE retail.customer_number OWNER TO retail_owner;

--
-- Name: customers; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.customers (
    customer_id integer NOT NULL,
    age integer NOT NULL,
    gender text NOT NULL,
    income numeric(12,2) NOT NULL,
    loyalty_level text NOT NULL,
    CONSTRAINT customers_age_check CHECK (((age >= 0) AND (age <= 150))),
    CONSTRAINT customers_gender_check CHECK ((gender <> ''::text)),
    CONSTRAINT customers_gender_is_sound CHECK ((retail.text_fault(gender) IS NULL)),
    CONSTRAINT customers_income_check CHECK (((income >= (0)::numeric) AND (income < 'Infinity'::numeric))),
    CONSTRAINT customers_loyalty_level_check CHECK ((loyalty_level <> ''::text)),
    CONSTRAINT customers_loyalty_level_is_sound CHECK ((retail.text_fault(loyalty_level) IS NULL))
);

ALTER TABLE ONLY retail.customers FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.customers OWNER TO retail_owner;

--
-- Name: demand_forecast; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.demand_forecast (
    store_id integer NOT NULL,
    product_id integer NOT NULL,
    forecast_date date NOT NULL,
    forecasted_demand integer NOT NULL,
    actual_demand integer NOT NULL,
    CONSTRAINT demand_forecast_actual_demand_check CHECK ((actual_demand >= 0)),
    CONSTRAINT demand_forecast_date_has_four_digits CHECK (((forecast_date >= '0001-01-01'::date) AND (forecast_date < '10000-01-01'::date))),
    CONSTRAINT demand_forecast_forecast_date_check CHECK (isfinite(forecast_date)),
    CONSTRAINT demand_forecast_forecasted_demand_check CHECK ((forecasted_demand >= 0))
);

ALTER TABLE ONLY retail.demand_forecast FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.demand_forecast OWNER TO retail_owner;

--
-- Name: files; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.files (
    file_id bigint NOT NULL,
    sha256 text NOT NULL,
    accepted boolean NOT NULL,
    name text NOT NULL,
    bytes bigint NOT NULL,
    rows_read bigint NOT NULL,
    rows_loaded bigint NOT NULL,
    rows_quarantined bigint NOT NULL,
    rows_duplicate bigint NOT NULL,
    conflicts jsonb NOT NULL,
    warnings jsonb NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    seconds double precision NOT NULL,
    streamed_changes bigint DEFAULT 0 NOT NULL,
    stock_to_set jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT files_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT files_conflicts_check CHECK ((jsonb_typeof(conflicts) = 'object'::text)),
    CONSTRAINT files_name_check CHECK ((name <> ''::text)),
    CONSTRAINT files_refused_loads_nothing CHECK ((accepted OR (rows_loaded = 0))),
    CONSTRAINT files_rows_add_up CHECK (((NOT accepted) OR (rows_read = ((rows_loaded + rows_quarantined) + rows_duplicate)))),
    CONSTRAINT files_rows_duplicate_check CHECK ((rows_duplicate >= 0)),
    CONSTRAINT files_rows_loaded_check CHECK ((rows_loaded >= 0)),
    CONSTRAINT files_rows_quarantined_check CHECK ((rows_quarantined >= 0)),
    CONSTRAINT files_rows_read_check CHECK ((rows_read >= 0)),
    CONSTRAINT files_seconds_check CHECK ((seconds >= (0)::double precision)),
    CONSTRAINT files_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT files_stock_to_set_check CHECK ((jsonb_typeof(stock_to_set) = 'object'::text)),
    CONSTRAINT files_streamed_changes_check CHECK ((streamed_changes >= 0)),
    CONSTRAINT files_warnings_check CHECK ((jsonb_typeof(warnings) = 'object'::text))
);

ALTER TABLE retail.files OWNER TO retail_owner;

--
-- Name: file_number; Type: SEQUENCE; Schema: retail; Owner: retail_owner
--

CREATE SEQUENCE retail.file_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE retail.file_number OWNER TO retail_owner;

--
-- Name: file_number; Type: SEQUENCE OWNED BY; Schema: retail; Owner: retail_owner
--

ALTER SEQUENCE retail.file_number OWNED BY retail.files.file_id;

--
-- Name: heartbeat; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.heartbeat (
    heartbeat_id integer NOT NULL,
    beat_at timestamp with time zone NOT NULL,
    CONSTRAINT heartbeat_heartbeat_id_check CHECK ((heartbeat_id = 1))
);

ALTER TABLE retail.heartbeat OWNER TO retail_owner;

--
-- Name: inventory; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.inventory (
    store_id integer NOT NULL,
    product_id integer NOT NULL,
    inventory_level integer NOT NULL,
    CONSTRAINT inventory_inventory_level_check CHECK ((inventory_level >= 0))
)
WITH (fillfactor='70');

ALTER TABLE ONLY retail.inventory FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.inventory OWNER TO retail_owner;

--
-- Name: stock_movements; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.stock_movements (
    store_id integer NOT NULL,
    movement_id bigint NOT NULL,
    product_id integer NOT NULL,
    quantity integer NOT NULL,
    reason text NOT NULL,
    role_name name NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    transaction_id bigint,
    CONSTRAINT stock_movements_of_a_sale CHECK (((reason <> ALL (ARRAY['sale'::text, 'return'::text, 'void'::text])) OR (transaction_id IS NOT NULL))),
    CONSTRAINT stock_movements_quantity_check CHECK ((quantity <> 0)),
    CONSTRAINT stock_movements_reason_check CHECK ((reason = ANY (ARRAY['load'::text, 'sale'::text, 'return'::text, 'void'::text, 'receipt'::text, 'correction'::text]))),
    CONSTRAINT stock_movements_role_name_check CHECK ((role_name <> ''::name))
);

ALTER TABLE ONLY retail.stock_movements FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.stock_movements OWNER TO retail_owner;

--
-- Name: movement_number; Type: SEQUENCE; Schema: retail; Owner: retail_owner
--

CREATE SEQUENCE retail.movement_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE retail.movement_number OWNER TO retail_owner;

--
-- Name: movement_number; Type: SEQUENCE OWNED BY; Schema: retail; Owner: retail_owner
--

ALTER SEQUENCE retail.movement_number OWNED BY retail.stock_movements.movement_id;

--
-- Name: observations; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.observations (
    store_id integer NOT NULL,
    transaction_id bigint NOT NULL,
    line_number integer NOT NULL,
    file_id bigint NOT NULL,
    file_line bigint NOT NULL,
    recorded_stock integer NOT NULL,
    weekday text NOT NULL,
    holiday boolean NOT NULL,
    CONSTRAINT observations_file_line_check CHECK ((file_line > 0)),
    CONSTRAINT observations_recorded_stock_check CHECK ((recorded_stock >= 0)),
    CONSTRAINT observations_weekday_check CHECK ((weekday <> ''::text))
);

ALTER TABLE ONLY retail.observations FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.observations OWNER TO retail_owner;

--
-- Name: payment_methods; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.payment_methods (
    payment_method_id integer NOT NULL,
    payment_method text NOT NULL,
    CONSTRAINT payment_methods_method_is_sound CHECK ((retail.text_fault(payment_method) IS NULL)),
    CONSTRAINT payment_methods_payment_method_check CHECK ((payment_method <> ''::text))
);

ALTER TABLE retail.payment_methods OWNER TO retail_owner;

--
-- Name: products; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.products (
    product_id integer NOT NULL,
    product_name text NOT NULL,
    category_id integer NOT NULL,
    supplier_id integer NOT NULL,
    unit_price numeric(12,2) NOT NULL,
    reorder_point integer NOT NULL,
    reorder_quantity integer NOT NULL,
    CONSTRAINT products_name_is_sound CHECK ((retail.text_fault(product_name) IS NULL)),
    CONSTRAINT products_product_name_check CHECK ((product_name <> ''::text)),
    CONSTRAINT products_reorder_point_check CHECK ((reorder_point >= 0)),
    CONSTRAINT products_reorder_quantity_check CHECK ((reorder_quantity >= 0)),
    CONSTRAINT products_unit_price_check CHECK (((unit_price >= (0)::numeric) AND (unit_price < 'Infinity'::numeric)))
);

ALTER TABLE retail.products OWNER TO retail_owner;

--
-- Name: promotions; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.promotions (
    promotion_id integer NOT NULL,
    promotion_type text NOT NULL,
    CONSTRAINT promotions_promotion_type_check CHECK ((promotion_type <> ''::text)),
    CONSTRAINT promotions_type_is_sound CHECK ((retail.text_fault(promotion_type) IS NULL))
);

ALTER TABLE retail.promotions OWNER TO retail_owner;

--
-- Name: quarantine; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.quarantine (
    file_id bigint NOT NULL,
    file_line bigint NOT NULL,
    store_id integer,
    transaction_id bigint,
    reasons jsonb NOT NULL,
    row_values jsonb NOT NULL,
    released_by bigint,
    CONSTRAINT quarantine_file_line_check CHECK ((file_line > 0)),
    CONSTRAINT quarantine_reasons_check CHECK (((jsonb_typeof(reasons) = 'array'::text) AND (reasons <> '[]'::jsonb)))
);

ALTER TABLE ONLY retail.quarantine FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.quarantine OWNER TO retail_owner;

--
-- Name: requests; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.requests (
    store_id integer NOT NULL,
    idempotency_key uuid NOT NULL,
    procedure_name text NOT NULL,
    payload_sha256 text NOT NULL,
    result_id bigint,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT requests_payload_sha256_check CHECK ((payload_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT requests_procedure_name_check CHECK ((procedure_name <> ''::text))
);

ALTER TABLE ONLY retail.requests FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.requests OWNER TO retail_owner;

--
-- Name: returns; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.returns (
    store_id integer NOT NULL,
    return_id bigint NOT NULL,
    transaction_id bigint NOT NULL,
    line_number integer NOT NULL,
    quantity integer NOT NULL,
    returned_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT returns_quantity_check CHECK ((quantity > 0))
);

ALTER TABLE ONLY retail.returns FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.returns OWNER TO retail_owner;

--
-- Name: return_number; Type: SEQUENCE; Schema: retail; Owner: retail_owner
--

CREATE SEQUENCE retail.return_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE retail.return_number OWNER TO retail_owner;

--
-- Name: return_number; Type: SEQUENCE OWNED BY; Schema: retail; Owner: retail_owner
--

ALTER SEQUENCE retail.return_number OWNED BY retail.returns.return_id;

--
-- Name: schema_migrations; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.schema_migrations (
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    CONSTRAINT schema_migrations_name_check CHECK ((name <> ''::text)),
    CONSTRAINT schema_migrations_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

ALTER TABLE retail.schema_migrations OWNER TO retail_owner;

--
-- Name: store_customers; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.store_customers (
    store_id integer NOT NULL,
    customer_id integer NOT NULL
);

ALTER TABLE ONLY retail.store_customers FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.store_customers OWNER TO retail_owner;

--
-- Name: stores; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.stores (
    store_id integer NOT NULL,
    store_location text NOT NULL,
    CONSTRAINT stores_location_is_sound CHECK ((retail.text_fault(store_location) IS NULL)),
    CONSTRAINT stores_store_location_check CHECK ((store_location <> ''::text))
);

ALTER TABLE ONLY retail.stores FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.stores OWNER TO retail_owner;

--
-- Name: suppliers; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.suppliers (
    supplier_id integer NOT NULL,
    lead_time_days integer NOT NULL,
    CONSTRAINT suppliers_lead_time_days_check CHECK ((lead_time_days >= 0))
);

ALTER TABLE retail.suppliers OWNER TO retail_owner;

--
-- Name: transaction_details; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.transaction_details (
    transaction_id bigint NOT NULL,
    line_number integer NOT NULL,
    store_id integer NOT NULL,
    product_id integer NOT NULL,
    quantity integer NOT NULL,
    unit_price numeric(12,2) NOT NULL,
    CONSTRAINT transaction_details_line_number_check CHECK ((line_number > 0)),
    CONSTRAINT transaction_details_quantity_check CHECK (((quantity >= 1) AND (quantity <= 1000000))),
    CONSTRAINT transaction_details_unit_price_check CHECK (((unit_price >= (0)::numeric) AND (unit_price < 'Infinity'::numeric)))
);

ALTER TABLE ONLY retail.transaction_details FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.transaction_details OWNER TO retail_owner;

--
-- Name: transaction_number; Type: SEQUENCE; Schema: retail; Owner: retail_owner
--

CREATE SEQUENCE retail.transaction_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE retail.transaction_number OWNER TO retail_owner;

--
-- Name: transactions; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.transactions (
    transaction_id bigint NOT NULL,
    transaction_date timestamp(0) without time zone NOT NULL,
    customer_id integer NOT NULL,
    store_id integer NOT NULL,
    payment_method_id integer NOT NULL,
    promotion_applied boolean NOT NULL,
    promotion_id integer,
    weather_id integer,
    stockout boolean NOT NULL,
    CONSTRAINT transactions_date_has_four_digits CHECK (((transaction_date >= '0001-01-01 00:00:00'::timestamp without time zone) AND (transaction_date < '10000-01-01 00:00:00'::timestamp without time zone))),
    CONSTRAINT transactions_transaction_date_check CHECK (isfinite(transaction_date)),
    CONSTRAINT transactions_transaction_id_check CHECK ((transaction_id > 0))
);

ALTER TABLE ONLY retail.transactions FORCE ROW LEVEL SECURITY;

ALTER TABLE retail.transactions OWNER TO retail_owner;

--
-- Name: unsound_text; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.unsound_text (
    table_name text NOT NULL,
    row_key jsonb NOT NULL,
    column_name text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    set_aside_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT unsound_text_column_name_check CHECK ((column_name <> ''::text)),
    CONSTRAINT unsound_text_reason_check CHECK ((reason <> ''::text)),
    CONSTRAINT unsound_text_row_key_check CHECK ((jsonb_typeof(row_key) = 'object'::text)),
    CONSTRAINT unsound_text_table_name_check CHECK ((table_name <> ''::text))
);

ALTER TABLE retail.unsound_text OWNER TO retail_owner;

--
-- Name: weather; Type: TABLE; Schema: retail; Owner: retail_owner
--

CREATE TABLE retail.weather (
    weather_id integer NOT NULL,
    weather_conditions text NOT NULL,
    CONSTRAINT weather_conditions_is_sound CHECK ((retail.text_fault(weather_conditions) IS NULL)),
    CONSTRAINT weather_weather_conditions_check CHECK ((weather_conditions <> ''::text))
);

ALTER TABLE retail.weather OWNER TO retail_owner;

--
-- Name: files file_id; Type: DEFAULT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.files ALTER COLUMN file_id SET DEFAULT nextval('retail.file_number'::regclass);

--
-- Name: returns return_id; Type: DEFAULT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.returns ALTER COLUMN return_id SET DEFAULT nextval('retail.return_number'::regclass);

--
-- Name: stock_movements movement_id; Type: DEFAULT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.stock_movements ALTER COLUMN movement_id SET DEFAULT nextval('retail.movement_number'::regclass);

--
-- Name: tenant_acts act_id; Type: DEFAULT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.tenant_acts ALTER COLUMN act_id SET DEFAULT nextval('retail.act_number'::regclass);

--
-- Name: categories categories_category_name_key; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.categories
    ADD CONSTRAINT categories_category_name_key UNIQUE (category_name);

--
-- Name: categories categories_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (category_id);

--
-- Name: conflicts conflicts_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.conflicts
    ADD CONSTRAINT conflicts_pkey PRIMARY KEY (store_id, transaction_id, line_number);

--
-- Name: customers customers_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (customer_id);

--
-- Name: demand_forecast demand_forecast_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.demand_forecast
    ADD CONSTRAINT demand_forecast_pkey PRIMARY KEY (store_id, product_id, forecast_date);

--
-- Name: files files_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (file_id);

--
-- Name: heartbeat heartbeat_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.heartbeat
    ADD CONSTRAINT heartbeat_pkey PRIMARY KEY (heartbeat_id);

--
-- Name: inventory inventory_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.inventory
    ADD CONSTRAINT inventory_pkey PRIMARY KEY (store_id, product_id);

--
-- Name: observations observations_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (store_id, transaction_id, line_number);

--
-- Name: payment_methods payment_methods_payment_method_key; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.payment_methods
    ADD CONSTRAINT payment_methods_payment_method_key UNIQUE (payment_method);

--
-- Name: payment_methods payment_methods_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.payment_methods
    ADD CONSTRAINT payment_methods_pkey PRIMARY KEY (payment_method_id);

--
-- Name: products products_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (product_id);

--
-- Name: promotions promotions_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.promotions
    ADD CONSTRAINT promotions_pkey PRIMARY KEY (promotion_id);

--
-- Name: promotions promotions_promotion_type_key; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.promotions
    ADD CONSTRAINT promotions_promotion_type_key UNIQUE (promotion_type);

--
-- Name: quarantine quarantine_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (file_id, file_line);

--
-- Name: requests requests_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (store_id, idempotency_key);

--
-- Name: returns returns_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.returns
    ADD CONSTRAINT returns_pkey PRIMARY KEY (store_id, return_id);

--
-- Name: role_store role_store_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.role_store
    ADD CONSTRAINT role_store_pkey PRIMARY KEY (role_name);

--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

--
-- Name: stock_movements stock_movements_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.stock_movements
    ADD CONSTRAINT stock_movements_pkey PRIMARY KEY (store_id, movement_id);

--
-- Name: store_customers store_customers_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.store_customers
    ADD CONSTRAINT store_customers_pkey PRIMARY KEY (store_id, customer_id);

--
-- Name: stores stores_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.stores
    ADD CONSTRAINT stores_pkey PRIMARY KEY (store_id);

--
-- Name: suppliers suppliers_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.suppliers
    ADD CONSTRAINT suppliers_pkey PRIMARY KEY (supplier_id);

--
-- Name: tenant_acts tenant_acts_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.tenant_acts
    ADD CONSTRAINT tenant_acts_pkey PRIMARY KEY (store_id, act_id);

--
-- Name: transaction_details transaction_details_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transaction_details
    ADD CONSTRAINT transaction_details_pkey PRIMARY KEY (store_id, transaction_id, line_number);

--
-- Name: transactions transactions_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transactions
    ADD CONSTRAINT transactions_pkey PRIMARY KEY (store_id, transaction_id);

--
-- Name: unsound_text unsound_text_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.unsound_text
    ADD CONSTRAINT unsound_text_pkey PRIMARY KEY (table_name, row_key, column_name);

--
-- Name: weather weather_pkey; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.weather
    ADD CONSTRAINT weather_pkey PRIMARY KEY (weather_id);

--
-- Name: weather weather_weather_conditions_key; Type: CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.weather
    ADD CONSTRAINT weather_weather_conditions_key UNIQUE (weather_conditions);

--
-- Name: files_accepted_once; Type: INDEX; Schema: retail; Owner: retail_owner
--

CREATE UNIQUE INDEX files_accepted_once ON retail.files USING btree (sha256) WHERE accepted;

--
-- Name: returns_line; Type: INDEX; Schema: retail; Owner: retail_owner
--

CREATE INDEX returns_line ON retail.returns USING btree (store_id, transaction_id, line_number);

--
-- Name: stock_movements_store_product; Type: INDEX; Schema: retail; Owner: retail_owner
--

CREATE INDEX stock_movements_store_product ON retail.stock_movements USING btree (store_id, product_id, transaction_id);

--
-- Name: tenant_acts_acted_at; Type: INDEX; Schema: retail; Owner: retail_owner
--

CREATE INDEX tenant_acts_acted_at ON retail.tenant_acts USING btree (acted_at);

--
-- Name: transactions_store_date; Type: INDEX; Schema: retail; Owner: retail_owner
--

CREATE INDEX transactions_store_date ON retail.transactions USING btree (store_id, transaction_date);

--
-- Name: inventory note_deleted_stock; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER note_deleted_stock AFTER DELETE ON retail.inventory REFERENCING OLD TABLE AS old_stock FOR EACH STATEMENT WHEN ((CURRENT_USER <> ALL (ARRAY['retail_loader'::name, 'retail_rules'::name]))) EXECUTE FUNCTION retail.note_correction();

--
-- Name: inventory note_inserted_stock; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER note_inserted_stock AFTER INSERT ON retail.inventory REFERENCING NEW TABLE AS new_stock FOR EACH STATEMENT WHEN ((CURRENT_USER <> ALL (ARRAY['retail_loader'::name, 'retail_rules'::name]))) EXECUTE FUNCTION retail.note_correction();

--
-- Name: inventory note_updated_stock; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER note_updated_stock AFTER UPDATE ON retail.inventory REFERENCING OLD TABLE AS old_stock NEW TABLE AS new_stock FOR EACH STATEMENT WHEN ((CURRENT_USER <> ALL (ARRAY['retail_loader'::name, 'retail_rules'::name]))) EXECUTE FUNCTION retail.note_correction();

--
-- Name: transactions number_sale; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER number_sale BEFORE INSERT ON retail.transactions FOR EACH ROW WHEN ((new.transaction_id IS NULL)) EXECUTE FUNCTION retail.number_sale();

--
-- Name: inventory refuse_truncate; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON retail.inventory FOR EACH STATEMENT EXECUTE FUNCTION retail.refuse_truncate();

--
-- Name: transaction_details refuse_truncate; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON retail.transaction_details FOR EACH STATEMENT EXECUTE FUNCTION retail.refuse_truncate();

--
-- Name: transactions refuse_truncate; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON retail.transactions FOR EACH STATEMENT EXECUTE FUNCTION retail.refuse_truncate();

--
-- Name: transaction_details require_lines; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE CONSTRAINT TRIGGER require_lines AFTER DELETE OR UPDATE OF store_id, transaction_id ON retail.transaction_details DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((CURRENT_USER <> 'retail_loader'::name)) EXECUTE FUNCTION retail.require_lines();

--
-- Name: transactions require_lines; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE CONSTRAINT TRIGGER require_lines AFTER INSERT OR UPDATE OF store_id, transaction_id ON retail.transactions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((CURRENT_USER <> ALL (ARRAY['retail_loader'::name, 'retail_rules'::name]))) EXECUTE FUNCTION retail.require_lines();

--
-- Name: transaction_details stock_1_check_new_lines; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER stock_1_check_new_lines AFTER INSERT ON retail.transaction_details REFERENCING NEW TABLE AS new_lines FOR EACH STATEMENT WHEN ((CURRENT_USER <> ALL (ARRAY['retail_loader'::name, 'retail_rules'::name]))) EXECUTE FUNCTION retail.check_stock_of_lines();

--
-- Name: transaction_details stock_2_take_new_lines; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER stock_2_take_new_lines AFTER INSERT ON retail.transaction_details REFERENCING NEW TABLE AS new_lines FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'retail_loader'::name)) EXECUTE FUNCTION retail.take_stock_of_lines();

--
-- Name: transaction_details stock_follows_changed_lines; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER stock_follows_changed_lines AFTER UPDATE ON retail.transaction_details REFERENCING OLD TABLE AS old_lines NEW TABLE AS new_lines FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'retail_loader'::name)) EXECUTE FUNCTION retail.follow_changed_lines();

--
-- Name: transaction_details stock_follows_deleted_lines; Type: TRIGGER; Schema: retail; Owner: retail_owner
--

CREATE TRIGGER stock_follows_deleted_lines AFTER DELETE ON retail.transaction_details REFERENCING OLD TABLE AS old_lines FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'retail_loader'::name)) EXECUTE FUNCTION retail.follow_changed_lines();

--
-- Name: conflicts conflicts_store_id_transaction_id_line_number_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.conflicts
    ADD CONSTRAINT conflicts_store_id_transaction_id_line_number_fkey FOREIGN KEY (store_id, transaction_id, line_number) REFERENCES retail.observations(store_id, transaction_id, line_number) ON DELETE CASCADE;

--
-- Name: demand_forecast demand_forecast_product_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.demand_forecast
    ADD CONSTRAINT demand_forecast_product_id_fkey FOREIGN KEY (product_id) REFERENCES retail.products(product_id);

--
-- Name: demand_forecast demand_forecast_store_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.demand_forecast
    ADD CONSTRAINT demand_forecast_store_id_fkey FOREIGN KEY (store_id) REFERENCES retail.stores(store_id);

--
-- Name: inventory inventory_product_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.inventory
    ADD CONSTRAINT inventory_product_id_fkey FOREIGN KEY (product_id) REFERENCES retail.products(product_id);

--
-- Name: inventory inventory_store_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.inventory
    ADD CONSTRAINT inventory_store_id_fkey FOREIGN KEY (store_id) REFERENCES retail.stores(store_id);

--
-- Name: observations observations_file_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.observations
    ADD CONSTRAINT observations_file_id_fkey FOREIGN KEY (file_id) REFERENCES retail.files(file_id);

--
-- Name: observations observations_store_id_transaction_id_line_number_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.observations
    ADD CONSTRAINT observations_store_id_transaction_id_line_number_fkey FOREIGN KEY (store_id, transaction_id, line_number) REFERENCES retail.transaction_details(store_id, transaction_id, line_number) ON DELETE CASCADE;

--
-- Name: products products_category_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.products
    ADD CONSTRAINT products_category_id_fkey FOREIGN KEY (category_id) REFERENCES retail.categories(category_id);

--
-- Name: products products_supplier_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.products
    ADD CONSTRAINT products_supplier_id_fkey FOREIGN KEY (supplier_id) REFERENCES retail.suppliers(supplier_id);

--
-- Name: quarantine quarantine_file_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.quarantine
    ADD CONSTRAINT quarantine_file_id_fkey FOREIGN KEY (file_id) REFERENCES retail.files(file_id);

--
-- Name: quarantine quarantine_released_by_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.quarantine
    ADD CONSTRAINT quarantine_released_by_fkey FOREIGN KEY (released_by) REFERENCES retail.files(file_id);

--
-- Name: requests requests_store_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.requests
    ADD CONSTRAINT requests_store_id_fkey FOREIGN KEY (store_id) REFERENCES retail.stores(store_id);

--
-- Name: returns returns_store_id_transaction_id_line_number_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.returns
    ADD CONSTRAINT returns_store_id_transaction_id_line_number_fkey FOREIGN KEY (store_id, transaction_id, line_number) REFERENCES retail.transaction_details(store_id, transaction_id, line_number);

--
-- Name: role_store role_store_store_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.role_store
    ADD CONSTRAINT role_store_store_id_fkey FOREIGN KEY (store_id) REFERENCES retail.stores(store_id);

--
-- Name: stock_movements stock_movements_product_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.stock_movements
    ADD CONSTRAINT stock_movements_product_id_fkey FOREIGN KEY (product_id) REFERENCES retail.products(product_id);

--
-- Name: stock_movements stock_movements_store_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.stock_movements
    ADD CONSTRAINT stock_movements_store_id_fkey FOREIGN KEY (store_id) REFERENCES retail.stores(store_id);

--
-- Name: store_customers store_customers_customer_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.store_customers
    ADD CONSTRAINT store_customers_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES retail.customers(customer_id);

--
-- Name: store_customers store_customers_store_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.store_customers
    ADD CONSTRAINT store_customers_store_id_fkey FOREIGN KEY (store_id) REFERENCES retail.stores(store_id);

--
-- Name: transaction_details transaction_details_product_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transaction_details
    ADD CONSTRAINT transaction_details_product_id_fkey FOREIGN KEY (product_id) REFERENCES retail.products(product_id);

--
-- Name: transaction_details transaction_details_store_id_transaction_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transaction_details
    ADD CONSTRAINT transaction_details_store_id_transaction_id_fkey FOREIGN KEY (store_id, transaction_id) REFERENCES retail.transactions(store_id, transaction_id);

--
-- Name: transactions transactions_payment_method_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transactions
    ADD CONSTRAINT transactions_payment_method_id_fkey FOREIGN KEY (payment_method_id) REFERENCES retail.payment_methods(payment_method_id);

--
-- Name: transactions transactions_promotion_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transactions
    ADD CONSTRAINT transactions_promotion_id_fkey FOREIGN KEY (promotion_id) REFERENCES retail.promotions(promotion_id);

--
-- Name: transactions transactions_store_id_customer_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transactions
    ADD CONSTRAINT transactions_store_id_customer_id_fkey FOREIGN KEY (store_id, customer_id) REFERENCES retail.store_customers(store_id, customer_id);

--
-- Name: transactions transactions_weather_id_fkey; Type: FK CONSTRAINT; Schema: retail; Owner: retail_owner
--

ALTER TABLE ONLY retail.transactions
    ADD CONSTRAINT transactions_weather_id_fkey FOREIGN KEY (weather_id) REFERENCES retail.weather(weather_id);

--
-- Name: conflicts; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.conflicts ENABLE ROW LEVEL SECURITY;

--
-- Name: customers; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.customers ENABLE ROW LEVEL SECURITY;

--
-- Name: demand_forecast; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.demand_forecast ENABLE ROW LEVEL SECURITY;

--
-- Name: conflicts headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.conflicts TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: customers headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.customers TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: demand_forecast headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.demand_forecast TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: inventory headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.inventory TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: observations headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.observations TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: quarantine headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.quarantine TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: requests headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.requests TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: returns headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.returns TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: role_store headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.role_store TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: stock_movements headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.stock_movements TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: store_customers headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.store_customers TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: stores headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.stores TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: tenant_acts headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.tenant_acts TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: transaction_details headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.transaction_details TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: transactions headquarters; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY headquarters ON retail.transactions TO retail_admin USING (true) WITH CHECK (true);

--
-- Name: inventory; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.inventory ENABLE ROW LEVEL SECURITY;

--
-- Name: observations; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.observations ENABLE ROW LEVEL SECURITY;

--
-- Name: quarantine; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.quarantine ENABLE ROW LEVEL SECURITY;

--
-- Name: requests; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.requests ENABLE ROW LEVEL SECURITY;

--
-- Name: returns; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.returns ENABLE ROW LEVEL SECURITY;

--
-- Name: role_store; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.role_store ENABLE ROW LEVEL SECURITY;

--
-- Name: stock_movements; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.stock_movements ENABLE ROW LEVEL SECURITY;

--
-- Name: conflicts store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.conflicts FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: customers store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.customers FOR SELECT TO store_user USING ((EXISTS ( SELECT
   FROM retail.store_customers sc
  WHERE ((sc.store_id = ( SELECT retail.current_store_id() AS current_store_id)) AND (sc.customer_id = customers.customer_id)))));

--
-- Name: demand_forecast store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.demand_forecast TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id))) WITH CHECK ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: inventory store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.inventory TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id))) WITH CHECK ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: observations store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.observations FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: requests store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.requests FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: returns store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.returns FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: role_store store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.role_store FOR SELECT TO store_user USING ((role_name = CURRENT_USER));

--
-- Name: stock_movements store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.stock_movements FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: store_customers store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.store_customers FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: stores store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.stores FOR SELECT TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: transaction_details store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.transaction_details TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id))) WITH CHECK ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: transactions store; Type: POLICY; Schema: retail; Owner: retail_owner
--

CREATE POLICY store ON retail.transactions TO store_user USING ((store_id = ( SELECT retail.current_store_id() AS current_store_id))) WITH CHECK ((store_id = ( SELECT retail.current_store_id() AS current_store_id)));

--
-- Name: store_customers; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.store_customers ENABLE ROW LEVEL SECURITY;

--
-- Name: stores; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.stores ENABLE ROW LEVEL SECURITY;

--
-- Name: tenant_acts; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.tenant_acts ENABLE ROW LEVEL SECURITY;

--
-- Name: transaction_details; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.transaction_details ENABLE ROW LEVEL SECURITY;

--
-- Name: transactions; Type: ROW SECURITY; Schema: retail; Owner: retail_owner
--

ALTER TABLE retail.transactions ENABLE ROW LEVEL SECURITY;

--
-- Name: walmart_publication; Type: PUBLICATION; Schema: -; Owner: postgres
--

CREATE PUBLICATION walmart_publication FOR ALL TABLES WITH (publish = 'insert, update, delete, truncate');

ALTER PUBLICATION walmart_publication OWNER TO postgres;

--
-- Name: walmart_stream_publication; Type: PUBLICATION; Schema: -; Owner: postgres
--

CREATE PUBLICATION walmart_stream_publication WITH (publish = 'insert, update, delete, truncate');

ALTER PUBLICATION walmart_stream_publication OWNER TO postgres;

--
-- Name: walmart_stream_publication heartbeat; Type: PUBLICATION TABLE; Schema: retail; Owner: postgres
--

ALTER PUBLICATION walmart_stream_publication ADD TABLE ONLY retail.heartbeat;

--
-- Name: walmart_stream_publication inventory; Type: PUBLICATION TABLE; Schema: retail; Owner: postgres
--

ALTER PUBLICATION walmart_stream_publication ADD TABLE ONLY retail.inventory;

--
-- Name: walmart_stream_publication transaction_details; Type: PUBLICATION TABLE; Schema: retail; Owner: postgres
--

ALTER PUBLICATION walmart_stream_publication ADD TABLE ONLY retail.transaction_details;

--
-- Name: walmart_stream_publication transactions; Type: PUBLICATION TABLE; Schema: retail; Owner: postgres
--

ALTER PUBLICATION walmart_stream_publication ADD TABLE ONLY retail.transactions;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: pg_database_owner
--

REVOKE USAGE ON SCHEMA public FROM PUBLIC;

--
-- Name: SCHEMA retail; Type: ACL; Schema: -; Owner: retail_owner
--

GRANT USAGE ON SCHEMA retail TO store_user;
GRANT USAGE ON SCHEMA retail TO retail_admin;
GRANT USAGE ON SCHEMA retail TO retail_loader;
GRANT USAGE ON SCHEMA retail TO retail_reader;
GRANT USAGE ON SCHEMA retail TO retail_cdc;
GRANT USAGE ON SCHEMA retail TO retail_rules;

--
-- Name: FUNCTION lo_creat(integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC;

--
-- Name: FUNCTION lo_create(oid); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC;

--
-- Name: FUNCTION lo_from_bytea(oid, bytea); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;

--
-- Name: FUNCTION pg_advisory_lock(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_lock(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_lock_shared(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_lock_shared(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_lock_shared(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_unlock(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_unlock(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_unlock(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_unlock(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_unlock_all(); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_unlock_all() FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_all() TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_all() TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_all() TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_all() TO retail_admin;

--
-- Name: FUNCTION pg_advisory_unlock_shared(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_unlock_shared(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_unlock_shared(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_xact_lock(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_xact_lock(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_xact_lock_shared(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_advisory_xact_lock_shared(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_advisory_xact_lock_shared(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_logical_emit_message(transactional boolean, prefix text, message bytea, flush boolean); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_logical_emit_message(transactional boolean, prefix text, message bytea, flush boolean) FROM PUBLIC;

--
-- Name: FUNCTION pg_logical_emit_message(transactional boolean, prefix text, message text, flush boolean); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_logical_emit_message(transactional boolean, prefix text, message text, flush boolean) FROM PUBLIC;

--
-- Name: FUNCTION pg_try_advisory_lock(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_lock(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_lock_shared(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_lock_shared(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_lock_shared(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_xact_lock(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_xact_lock(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(integer, integer) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_xact_lock_shared(bigint); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(bigint) TO retail_admin;

--
-- Name: FUNCTION pg_try_advisory_xact_lock_shared(integer, integer); Type: ACL; Schema: pg_catalog; Owner: postgres
--

REVOKE ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO retail_loader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO retail_reader;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO retail_cdc;
GRANT ALL ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) TO retail_admin;

--
-- Name: FUNCTION authorize(p_store_id integer); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.authorize(p_store_id integer) FROM PUBLIC;

--
-- Name: FUNCTION caller(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.caller() FROM PUBLIC;

--
-- Name: FUNCTION check_lists(p_what text, p_ids bigint[], p_quantities bigint[]); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.check_lists(p_what text, p_ids bigint[], p_quantities bigint[]) FROM PUBLIC;

--
-- Name: FUNCTION check_stock(p_store_id integer, p_product_id bigint, p_wanted bigint, p_available integer); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.check_stock(p_store_id integer, p_product_id bigint, p_wanted bigint, p_available integer) FROM PUBLIC;

--
-- Name: FUNCTION check_stock_of_lines(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.check_stock_of_lines() FROM PUBLIC;

--
-- Name: TABLE role_store; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.role_store TO store_user;
GRANT SELECT ON TABLE retail.role_store TO retail_admin;
GRANT SELECT ON TABLE retail.role_store TO retail_loader;
GRANT SELECT ON TABLE retail.role_store TO retail_reader;
GRANT SELECT ON TABLE retail.role_store TO retail_rules;

--
-- Name: FUNCTION current_store_id(); Type: ACL; Schema: retail; Owner: retail_owner
--

REVOKE ALL ON FUNCTION retail.current_store_id() FROM PUBLIC;
GRANT ALL ON FUNCTION retail.current_store_id() TO store_user;
GRANT ALL ON FUNCTION retail.current_store_id() TO retail_admin;
GRANT ALL ON FUNCTION retail.current_store_id() TO retail_reader;

--
-- Name: FUNCTION follow_changed_lines(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.follow_changed_lines() FROM PUBLIC;

--
-- Name: PROCEDURE insert_transaction(IN p_store_id integer, IN p_customer_id integer, IN p_payment_method_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_promotion_id integer, IN p_weather_id integer, IN p_transaction_date timestamp without time zone, IN p_idempotency_key uuid, INOUT p_transaction_id bigint); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON PROCEDURE retail.insert_transaction(IN p_store_id integer, IN p_customer_id integer, IN p_payment_method_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_promotion_id integer, IN p_weather_id integer, IN p_transaction_date timestamp without time zone, IN p_idempotency_key uuid, INOUT p_transaction_id bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE retail.insert_transaction(IN p_store_id integer, IN p_customer_id integer, IN p_payment_method_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_promotion_id integer, IN p_weather_id integer, IN p_transaction_date timestamp without time zone, IN p_idempotency_key uuid, INOUT p_transaction_id bigint) TO store_user;
GRANT ALL ON PROCEDURE retail.insert_transaction(IN p_store_id integer, IN p_customer_id integer, IN p_payment_method_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_promotion_id integer, IN p_weather_id integer, IN p_transaction_date timestamp without time zone, IN p_idempotency_key uuid, INOUT p_transaction_id bigint) TO retail_admin;

--
-- Name: FUNCTION lock_sale(p_store_id integer, p_transaction_id bigint); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.lock_sale(p_store_id integer, p_transaction_id bigint) FROM PUBLIC;

--
-- Name: FUNCTION move_stock(p_store_id integer, p_product_id bigint, p_quantity bigint, p_reason text, p_transaction_id bigint); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.move_stock(p_store_id integer, p_product_id bigint, p_quantity bigint, p_reason text, p_transaction_id bigint) FROM PUBLIC;

--
-- Name: FUNCTION note_correction(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.note_correction() FROM PUBLIC;

--
-- Name: FUNCTION number_sale(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.number_sale() FROM PUBLIC;

--
-- Name: PROCEDURE receive_stock(IN p_store_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON PROCEDURE retail.receive_stock(IN p_store_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) FROM PUBLIC;
GRANT ALL ON PROCEDURE retail.receive_stock(IN p_store_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) TO store_user;
GRANT ALL ON PROCEDURE retail.receive_stock(IN p_store_id integer, IN p_product_ids bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) TO retail_admin;

--
-- Name: FUNCTION refuse_truncate(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.refuse_truncate() FROM PUBLIC;

--
-- Name: PROCEDURE register_customer(IN p_store_id integer, IN p_age integer, IN p_gender text, IN p_income numeric, IN p_loyalty_level text, INOUT p_customer_id integer, IN p_idempotency_key uuid); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON PROCEDURE retail.register_customer(IN p_store_id integer, IN p_age integer, IN p_gender text, IN p_income numeric, IN p_loyalty_level text, INOUT p_customer_id integer, IN p_idempotency_key uuid) FROM PUBLIC;
GRANT ALL ON PROCEDURE retail.register_customer(IN p_store_id integer, IN p_age integer, IN p_gender text, IN p_income numeric, IN p_loyalty_level text, INOUT p_customer_id integer, IN p_idempotency_key uuid) TO store_user;
GRANT ALL ON PROCEDURE retail.register_customer(IN p_store_id integer, IN p_age integer, IN p_gender text, IN p_income numeric, IN p_loyalty_level text, INOUT p_customer_id integer, IN p_idempotency_key uuid) TO retail_admin;

--
-- Name: FUNCTION remember_request(p_store_id integer, p_idempotency_key uuid, p_procedure_name text, p_payload jsonb, p_result_id bigint); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.remember_request(p_store_id integer, p_idempotency_key uuid, p_procedure_name text, p_payload jsonb, p_result_id bigint) FROM PUBLIC;

--
-- Name: FUNCTION require_lines(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.require_lines() FROM PUBLIC;

--
-- Name: FUNCTION require_sound_text(p_what text, p_text text); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.require_sound_text(p_what text, p_text text) FROM PUBLIC;

--
-- Name: PROCEDURE return_items(IN p_store_id integer, IN p_transaction_id bigint, IN p_line_numbers bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON PROCEDURE retail.return_items(IN p_store_id integer, IN p_transaction_id bigint, IN p_line_numbers bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) FROM PUBLIC;
GRANT ALL ON PROCEDURE retail.return_items(IN p_store_id integer, IN p_transaction_id bigint, IN p_line_numbers bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) TO store_user;
GRANT ALL ON PROCEDURE retail.return_items(IN p_store_id integer, IN p_transaction_id bigint, IN p_line_numbers bigint[], IN p_quantities bigint[], IN p_idempotency_key uuid) TO retail_admin;

--
-- Name: PROCEDURE set_price(IN p_product_id integer, IN p_unit_price numeric); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON PROCEDURE retail.set_price(IN p_product_id integer, IN p_unit_price numeric) FROM PUBLIC;
GRANT ALL ON PROCEDURE retail.set_price(IN p_product_id integer, IN p_unit_price numeric) TO retail_admin;

--
-- Name: FUNCTION take_back(p_store_id integer, p_transaction_id bigint, p_line_numbers bigint[], p_quantities bigint[], p_reason text); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.take_back(p_store_id integer, p_transaction_id bigint, p_line_numbers bigint[], p_quantities bigint[], p_reason text) FROM PUBLIC;

--
-- Name: FUNCTION take_stock_of_lines(); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON FUNCTION retail.take_stock_of_lines() FROM PUBLIC;

--
-- Name: FUNCTION text_fault(p_text text); Type: ACL; Schema: retail; Owner: retail_owner
--

REVOKE ALL ON FUNCTION retail.text_fault(p_text text) FROM PUBLIC;
GRANT ALL ON FUNCTION retail.text_fault(p_text text) TO store_user;
GRANT ALL ON FUNCTION retail.text_fault(p_text text) TO retail_admin;
GRANT ALL ON FUNCTION retail.text_fault(p_text text) TO retail_loader;
GRANT ALL ON FUNCTION retail.text_fault(p_text text) TO retail_rules;

--
-- Name: PROCEDURE void_transaction(IN p_store_id integer, IN p_transaction_id bigint, IN p_idempotency_key uuid); Type: ACL; Schema: retail; Owner: retail_rules
--

REVOKE ALL ON PROCEDURE retail.void_transaction(IN p_store_id integer, IN p_transaction_id bigint, IN p_idempotency_key uuid) FROM PUBLIC;
GRANT ALL ON PROCEDURE retail.void_transaction(IN p_store_id integer, IN p_transaction_id bigint, IN p_idempotency_key uuid) TO store_user;
GRANT ALL ON PROCEDURE retail.void_transaction(IN p_store_id integer, IN p_transaction_id bigint, IN p_idempotency_key uuid) TO retail_admin;

--
-- Name: TABLE tenant_acts; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.tenant_acts TO retail_admin;
GRANT SELECT ON TABLE retail.tenant_acts TO retail_loader;
GRANT SELECT ON TABLE retail.tenant_acts TO retail_reader;
GRANT SELECT ON TABLE retail.tenant_acts TO retail_rules;

--
-- Name: SEQUENCE act_number; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON SEQUENCE retail.act_number TO retail_reader;
GRANT SELECT,USAGE ON SEQUENCE retail.act_number TO retail_rules;

--
-- Name: TABLE categories; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.categories TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.categories TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.categories TO retail_loader;
GRANT SELECT ON TABLE retail.categories TO retail_reader;
GRANT SELECT ON TABLE retail.categories TO retail_rules;

--
-- Name: TABLE conflicts; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.conflicts TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.conflicts TO retail_loader;
GRANT SELECT ON TABLE retail.conflicts TO retail_reader;
GRANT SELECT ON TABLE retail.conflicts TO retail_rules;

--
-- Name: SEQUENCE customer_number; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON SEQUENCE retail.customer_number TO retail_reader;
GRANT SELECT,USAGE ON SEQUENCE retail.customer_number TO retail_rules;

--
-- Name: TABLE customers; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.customers TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.customers TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.customers TO retail_loader;
GRANT SELECT ON TABLE retail.customers TO retail_reader;
GRANT SELECT,INSERT ON TABLE retail.customers TO retail_rules;

--
-- Name: TABLE demand_forecast; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.demand_forecast TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.demand_forecast TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.demand_forecast TO retail_loader;
GRANT SELECT ON TABLE retail.demand_forecast TO retail_reader;
GRANT SELECT ON TABLE retail.demand_forecast TO retail_rules;

--
-- Name: TABLE files; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.files TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.files TO retail_loader;
GRANT SELECT ON TABLE retail.files TO retail_reader;
GRANT SELECT ON TABLE retail.files TO retail_rules;

--
-- Name: SEQUENCE file_number; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT,USAGE ON SEQUENCE retail.file_number TO retail_loader;
GRANT SELECT ON SEQUENCE retail.file_number TO retail_reader;
GRANT SELECT,USAGE ON SEQUENCE retail.file_number TO retail_rules;

--
-- Name: TABLE heartbeat; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.heartbeat TO retail_admin;
GRANT SELECT ON TABLE retail.heartbeat TO retail_loader;
GRANT SELECT ON TABLE retail.heartbeat TO retail_reader;
GRANT SELECT,INSERT,UPDATE ON TABLE retail.heartbeat TO retail_cdc;
GRANT SELECT ON TABLE retail.heartbeat TO retail_rules;

--
-- Name: TABLE inventory; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.inventory TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.inventory TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.inventory TO retail_loader;
GRANT SELECT ON TABLE retail.inventory TO retail_reader;
GRANT SELECT ON TABLE retail.inventory TO retail_cdc;
GRANT SELECT,INSERT,UPDATE ON TABLE retail.inventory TO retail_rules;

--
-- Name: TABLE stock_movements; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.stock_movements TO store_user;
GRANT SELECT ON TABLE retail.stock_movements TO retail_admin;
GRANT SELECT,INSERT ON TABLE retail.stock_movements TO retail_loader;
GRANT SELECT ON TABLE retail.stock_movements TO retail_reader;
GRANT SELECT,INSERT ON TABLE retail.stock_movements TO retail_rules;

--
-- Name: SEQUENCE movement_number; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT,USAGE ON SEQUENCE retail.movement_number TO retail_loader;
GRANT SELECT ON SEQUENCE retail.movement_number TO retail_reader;
GRANT SELECT,USAGE ON SEQUENCE retail.movement_number TO retail_rules;

--
-- Name: TABLE observations; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.observations TO store_user;
GRANT SELECT ON TABLE retail.observations TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.observations TO retail_loader;
GRANT SELECT ON TABLE retail.observations TO retail_reader;
GRANT SELECT ON TABLE retail.observations TO retail_rules;

--
-- Name: TABLE payment_methods; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.payment_methods TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.payment_methods TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.payment_methods TO retail_loader;
GRANT SELECT ON TABLE retail.payment_methods TO retail_reader;
GRANT SELECT ON TABLE retail.payment_methods TO retail_rules;

--
-- Name: TABLE products; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.products TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.products TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.products TO retail_loader;
GRANT SELECT ON TABLE retail.products TO retail_reader;
GRANT SELECT ON TABLE retail.products TO retail_rules;

--
-- Name: COLUMN products.unit_price; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT UPDATE(unit_price) ON TABLE retail.products TO retail_rules;

--
-- Name: TABLE promotions; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.promotions TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.promotions TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.promotions TO retail_loader;
GRANT SELECT ON TABLE retail.promotions TO retail_reader;
GRANT SELECT ON TABLE retail.promotions TO retail_rules;

--
-- Name: TABLE quarantine; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.quarantine TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.quarantine TO retail_loader;
GRANT SELECT ON TABLE retail.quarantine TO retail_reader;
GRANT SELECT ON TABLE retail.quarantine TO retail_rules;

--
-- Name: TABLE requests; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.requests TO retail_admin;
GRANT SELECT ON TABLE retail.requests TO retail_loader;
GRANT SELECT ON TABLE retail.requests TO retail_reader;
GRANT SELECT,INSERT ON TABLE retail.requests TO retail_rules;

--
-- Name: TABLE returns; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.returns TO store_user;
GRANT SELECT ON TABLE retail.returns TO retail_admin;
GRANT SELECT ON TABLE retail.returns TO retail_loader;
GRANT SELECT ON TABLE retail.returns TO retail_reader;
GRANT SELECT,INSERT ON TABLE retail.returns TO retail_rules;

--
-- Name: SEQUENCE return_number; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON SEQUENCE retail.return_number TO retail_reader;
GRANT SELECT,USAGE ON SEQUENCE retail.return_number TO retail_rules;

--
-- Name: TABLE schema_migrations; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.schema_migrations TO retail_admin;
GRANT SELECT ON TABLE retail.schema_migrations TO retail_loader;
GRANT SELECT ON TABLE retail.schema_migrations TO retail_reader;
GRANT SELECT ON TABLE retail.schema_migrations TO retail_rules;

--
-- Name: TABLE store_customers; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.store_customers TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.store_customers TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.store_customers TO retail_loader;
GRANT SELECT ON TABLE retail.store_customers TO retail_reader;
GRANT SELECT,INSERT ON TABLE retail.store_customers TO retail_rules;

--
-- Name: TABLE stores; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.stores TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.stores TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.stores TO retail_loader;
GRANT SELECT ON TABLE retail.stores TO retail_reader;
GRANT SELECT ON TABLE retail.stores TO retail_rules;

--
-- Name: TABLE suppliers; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.suppliers TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.suppliers TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.suppliers TO retail_loader;
GRANT SELECT ON TABLE retail.suppliers TO retail_reader;
GRANT SELECT ON TABLE retail.suppliers TO retail_rules;

--
-- Name: TABLE transaction_details; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.transaction_details TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.transaction_details TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.transaction_details TO retail_loader;
GRANT SELECT ON TABLE retail.transaction_details TO retail_reader;
GRANT SELECT ON TABLE retail.transaction_details TO retail_cdc;
GRANT SELECT,INSERT ON TABLE retail.transaction_details TO retail_rules;

--
-- Name: SEQUENCE transaction_number; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT ALL ON SEQUENCE retail.transaction_number TO retail_loader;
GRANT SELECT ON SEQUENCE retail.transaction_number TO retail_reader;
GRANT SELECT,USAGE ON SEQUENCE retail.transaction_number TO retail_rules;

--
-- Name: TABLE transactions; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT,DELETE ON TABLE retail.transactions TO store_user;
GRANT SELECT,DELETE ON TABLE retail.transactions TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.transactions TO retail_loader;
GRANT SELECT ON TABLE retail.transactions TO retail_reader;
GRANT SELECT ON TABLE retail.transactions TO retail_cdc;
GRANT SELECT,INSERT ON TABLE retail.transactions TO retail_rules;

--
-- Name: COLUMN transactions.transaction_date; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(transaction_date),UPDATE(transaction_date) ON TABLE retail.transactions TO store_user;
GRANT INSERT(transaction_date),UPDATE(transaction_date) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.customer_id; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(customer_id),UPDATE(customer_id) ON TABLE retail.transactions TO store_user;
GRANT INSERT(customer_id),UPDATE(customer_id) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.store_id; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(store_id),UPDATE(store_id) ON TABLE retail.transactions TO store_user;
GRANT INSERT(store_id),UPDATE(store_id) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.payment_method_id; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(payment_method_id),UPDATE(payment_method_id) ON TABLE retail.transactions TO store_user;
GRANT INSERT(payment_method_id),UPDATE(payment_method_id) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.promotion_applied; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(promotion_applied),UPDATE(promotion_applied) ON TABLE retail.transactions TO store_user;
GRANT INSERT(promotion_applied),UPDATE(promotion_applied) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.promotion_id; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(promotion_id),UPDATE(promotion_id) ON TABLE retail.transactions TO store_user;
GRANT INSERT(promotion_id),UPDATE(promotion_id) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.weather_id; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(weather_id),UPDATE(weather_id) ON TABLE retail.transactions TO store_user;
GRANT INSERT(weather_id),UPDATE(weather_id) ON TABLE retail.transactions TO retail_admin;

--
-- Name: COLUMN transactions.stockout; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT INSERT(stockout),UPDATE(stockout) ON TABLE retail.transactions TO store_user;
GRANT INSERT(stockout),UPDATE(stockout) ON TABLE retail.transactions TO retail_admin;
GRANT UPDATE(stockout) ON TABLE retail.transactions TO retail_rules;

--
-- Name: TABLE unsound_text; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.unsound_text TO retail_admin;
GRANT SELECT ON TABLE retail.unsound_text TO retail_loader;
GRANT SELECT ON TABLE retail.unsound_text TO retail_reader;
GRANT SELECT ON TABLE retail.unsound_text TO retail_rules;

--
-- Name: TABLE weather; Type: ACL; Schema: retail; Owner: retail_owner
--

GRANT SELECT ON TABLE retail.weather TO store_user;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.weather TO retail_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE retail.weather TO retail_loader;
GRANT SELECT ON TABLE retail.weather TO retail_reader;
GRANT SELECT ON TABLE retail.weather TO retail_rules;

--
-- Name: DEFAULT PRIVILEGES FOR FUNCTIONS; Type: DEFAULT ACL; Schema: -; Owner: retail_owner
--

ALTER DEFAULT PRIVILEGES FOR ROLE retail_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;

--
-- Name: DEFAULT PRIVILEGES FOR FUNCTIONS; Type: DEFAULT ACL; Schema: -; Owner: retail_rules
--

ALTER DEFAULT PRIVILEGES FOR ROLE retail_rules REVOKE ALL ON FUNCTIONS FROM PUBLIC;

--
-- PostgreSQL database dump complete
--
