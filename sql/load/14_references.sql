-- Purpose: the query that asks whether all rows refer to rows that are there, of whole tables at once, for a load that
--          was too large to have it asked row by row. It is one anti-join for each foreign key of a table that the
--          loader may write, as pg_constraint has it; it names each reference and how many rows break it: none may.
--          Those of the stock and its movements are asked for where they are written, by stock_set.sql.
-- Caller:  warehouse.load, after 13, where the row triggers of its transaction are off; it runs the query.
-- Locks:   none but those of reading. What is referred to was locked against deletion by 05, 09 and 10, so that it
--          still is there when this transaction commits; what is deleted later asks these rows, in the ordinary way. A
--          new reference to rows that no load makes needs such a lock (for key share) there too.

select
    string_agg(
        format(
            'select %L as reference, count(*) as broken from %s as child '
            'where %s and not exists (select from %s as parent where %s)',
            fk.child_name || ' -> ' || fk.parent_name, fk.child, pairs.given, fk.parent, pairs.equal
        ),
        ' union all ' order by fk.child_name, fk.parent_name
    ) as query
from (
    select
        con.conkey,
        con.confkey,
        con.conrelid::regclass as child,
        con.confrelid::regclass as parent,
        child.relname as child_name,
        parent.relname as parent_name
    from pg_catalog.pg_constraint as con
    inner join pg_catalog.pg_class as child on con.conrelid = child.oid
    inner join pg_catalog.pg_class as parent on con.confrelid = parent.oid
    where
        con.contype = 'f'
        and con.connamespace = 'retail'::regnamespace
        and child.relname not in ('inventory', 'stock_movements')
        and has_any_column_privilege(con.conrelid, 'insert, update')
) as fk
cross join lateral (
    select
        -- As in a foreign key, a row with a NULL among the columns refers to nothing.
        string_agg(format('child.%I is not null', mine.attname), ' and ') as given,
        string_agg(format('parent.%I = child.%I', theirs.attname, mine.attname), ' and ') as equal
    from unnest(fk.conkey, fk.confkey) as pair (mine, theirs)
    inner join pg_catalog.pg_attribute as mine on fk.child = mine.attrelid and pair.mine = mine.attnum
    inner join pg_catalog.pg_attribute as theirs on fk.parent = theirs.attrelid and pair.theirs = theirs.attnum
) as pairs;
