-- Purpose: where a load keeps its rows until it commits: unlogged tables that it makes and drops in its transaction, so
--          that no one else sees them and no WAL is written for them; unlike temporary ones they are read in parallel.
--          One outlives the transaction, for the stock is set after it: staging.stock_winner.
--          `incoming` has the columns of the file in their declared order.
-- Caller:  warehouse.load, first.
-- Locks:   none that anyone else would notice.

-- Of a load that was cut short while it set the stock.
drop table if exists staging.stock_winner;

create unlogged table staging.this_load (
    file_id bigint not null,
    sha256 text not null,
    file_name text not null,
    bytes bigint not null,
    column_names text[] not null,
    started_at timestamptz not null
);

create unlogged table staging.incoming (
    file_line bigint not null,
    transaction_id bigint not null,
    customer_id integer not null,
    product_id integer not null,
    product_name text not null,
    category text not null,
    quantity_sold integer not null,
    unit_price numeric(12, 2) not null,
    transaction_date timestamp(0) not null,
    store_id integer not null,
    store_location text not null,
    inventory_level integer not null,
    reorder_point integer not null,
    reorder_quantity integer not null,
    supplier_id integer not null,
    supplier_lead_time integer not null,
    customer_age integer not null,
    customer_gender text not null,
    customer_income numeric(12, 2) not null,
    customer_loyalty_level text not null,
    payment_method text not null,
    promotion_applied boolean not null,
    promotion_type text not null,
    weather_conditions text not null,
    holiday_indicator boolean not null,
    weekday text not null, -- noqa: RF04
    stockout_indicator boolean not null,
    forecasted_demand integer not null,
    actual_demand integer not null
);

create unlogged table staging.rejected (
    file_line bigint not null,
    store_id integer,
    transaction_id bigint,
    reasons jsonb not null,
    row_values jsonb not null
);
