-- Purpose: what the procedures have in common: who may act for a store, how lists are read, how a call is remembered.
-- Caller:  30_stock.sql, 32_sell.sql, 34_procedures.sql; nobody else can execute any of it.
-- Locks:   none, but for remember_request: a second call with the same key waits until the first has ended.
--
-- Every refusal has an SQLSTATE of its own, so that a program need not read the sentence
-- (retail_pipeline/warehouse/sqlstates.py has the same list):
--     RT001 another tenant's store         RT002 unknown product             RT003 customer not of this store
--     RT004 product not stocked            RT005 not enough stock            RT006 malformed lists
--     RT007 quantity out of range          RT008 unknown payment method, promotion or weather
--     RT009 date not possible              RT010 key used for another call   RT011 argument missing or not allowed
--     RT012 unknown sale                   RT013 not that much to come back  RT014 sale without lines
--     RT015 more stock than can be counted RT016 TRUNCATE of a streamed table

-- Refuse a caller who is neither the store's own login nor headquarters.
create or replace function retail.authorize(p_store_id integer) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
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

-- Refuse two lists that cannot be read side by side, or that hold no amounts of goods.
create or replace function retail.check_lists(p_what text, p_ids bigint[], p_quantities bigint[]) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
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

-- Refuse a text that no file could bring (0007_sound_text.sql), and name what it is meant for.
create or replace function retail.require_sound_text(p_what text, p_text text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
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

-- Remember a call by its key. NULL: it is new or has no key, so carry it out; otherwise the result of the first call
-- with this key.
create or replace function retail.remember_request(
    p_store_id integer, p_idempotency_key uuid, p_procedure_name text, p_payload jsonb, p_result_id bigint
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
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

alter function retail.authorize(integer) owner to retail_rules;
alter function retail.check_lists(text, bigint[], bigint[]) owner to retail_rules;
alter function retail.remember_request(integer, uuid, text, jsonb, bigint) owner to retail_rules;
alter function retail.require_sound_text(text, text) owner to retail_rules;
revoke all on function retail.authorize(integer) from public;
revoke all on function retail.check_lists(text, bigint[], bigint[]) from public;
revoke all on function retail.remember_request(integer, uuid, text, jsonb, bigint) from public;
revoke all on function retail.require_sound_text(text, text) from public;
