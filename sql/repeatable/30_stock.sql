-- Purpose: stock follows sales. Lines that come, change or go move the stock, and every change of stock is a movement;
--          a sale has a number that nobody chose, and lines.
-- Caller:  triggers, for whoever writes.
-- Locks:   the inventory rows of the products, in the order of store and product, until the transaction ends.
--
-- This is the one place where stock goes down. All functions belong to retail_rules and run as it, which is also how
-- the trigger on inventory tells a movement that has been written from a change by hand: nobody can be that role, and
-- no setting is asked. The loader is exempt from all of it by its role: it brings history, with its own movements.

-- A new sale takes the next number.
create or replace function retail.number_sale() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    new.transaction_id := nextval('retail.transaction_number');
    return new;
end
$$;

create or replace trigger number_sale
before insert on retail.transactions
for each row
when (new.transaction_id is null)
execute function retail.number_sale();

-- Lines that did not come through insert_transaction, which has done this before: lock in product order, and refuse
-- what is not there, by name and number.
create or replace function retail.check_stock_of_lines() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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

-- Refuse what is not there; available is NULL for a product that the store does not stock.
create or replace function retail.check_stock(
    p_store_id integer, p_product_id bigint, p_wanted bigint, p_available integer
) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
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

-- New lines take their units out of the stock.
create or replace function retail.take_stock_of_lines() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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

-- Change one stock, up or down, and note it. Callers go through products in order.
create or replace function retail.move_stock(
    p_store_id integer, p_product_id bigint, p_quantity bigint, p_reason text, p_transaction_id bigint
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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

-- Lines that change or go give back what they no longer take, and take what they take in addition. What goes back was
-- sold by a movement that names the sale; a sale that came with a file has none, so neither has what goes back of it.
create or replace function retail.follow_changed_lines() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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

-- Triggers of one event run in the order of their names.
create or replace trigger stock_1_check_new_lines
after insert on retail.transaction_details
referencing new table as new_lines
for each statement
when (current_user not in ('retail_loader', 'retail_rules'))
execute function retail.check_stock_of_lines();

create or replace trigger stock_2_take_new_lines
after insert on retail.transaction_details
referencing new table as new_lines
for each statement
when (current_user <> 'retail_loader')
execute function retail.take_stock_of_lines();

create or replace trigger stock_follows_changed_lines
after update on retail.transaction_details
referencing old table as old_lines new table as new_lines
for each statement
when (current_user <> 'retail_loader')
execute function retail.follow_changed_lines();

create or replace trigger stock_follows_deleted_lines
after delete on retail.transaction_details
referencing old table as old_lines
for each statement
when (current_user <> 'retail_loader')
execute function retail.follow_changed_lines();

-- A change of stock by hand is a correction, with the name of whoever made it.
create or replace function retail.note_correction() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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

create or replace trigger note_inserted_stock
after insert on retail.inventory
referencing new table as new_stock
for each statement
when (current_user not in ('retail_loader', 'retail_rules'))
execute function retail.note_correction();

create or replace trigger note_updated_stock
after update on retail.inventory
referencing old table as old_stock new table as new_stock
for each statement
when (current_user not in ('retail_loader', 'retail_rules'))
execute function retail.note_correction();

create or replace trigger note_deleted_stock
after delete on retail.inventory
referencing old table as old_stock
for each statement
when (current_user not in ('retail_loader', 'retail_rules'))
execute function retail.note_correction();

-- A sale has lines, at the latest when the transaction ends; whether they never came or were taken away.
create or replace function retail.require_lines() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
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

drop trigger if exists require_lines on retail.transactions;
create constraint trigger require_lines
after insert or update of store_id, transaction_id on retail.transactions
deferrable initially deferred
for each row
when (current_user not in ('retail_loader', 'retail_rules'))
execute function retail.require_lines();

drop trigger if exists require_lines on retail.transaction_details;
create constraint trigger require_lines
after update of store_id, transaction_id or delete on retail.transaction_details
deferrable initially deferred
for each row
when (current_user <> 'retail_loader')
execute function retail.require_lines();

do $$
declare
    rule text;
begin
    foreach rule in array array[
        'number_sale()', 'check_stock_of_lines()', 'check_stock(integer, bigint, bigint, integer)',
        'take_stock_of_lines()', 'move_stock(integer, bigint, bigint, text, bigint)', 'follow_changed_lines()',
        'note_correction()', 'require_lines()'
    ]
    loop
        execute format('alter function retail.%s owner to retail_rules', rule);
        execute format('revoke all on function retail.%s from public', rule);
    end loop;
end
$$;
