-- Purpose: the tables that retail_pipeline/tables.py declares, with their keys, references and checks.
-- Caller:  warehouse.migrations.
-- Locks:   none: everything is new.
--
-- The store leads the key of each tenant table, and references between tenant tables carry it: so no key and no
-- reference can tell a store anything about another. A sale refers to its customer through the relation between store
-- and customer, so that a customer of another store is refused in the same way as one who does not exist; what the
-- customer and the store of that relation are follows from there.
-- Streamed tables have no generated columns and no nullable column with a default: the stream would send the default
-- where the row has NULL.

set local role retail_owner;

create table retail.categories (
    category_id integer not null primary key,
    category_name text not null unique check (category_name <> '')
);

create table retail.suppliers (
    supplier_id integer not null primary key,
    lead_time_days integer not null check (lead_time_days >= 0)
);

create table retail.stores (
    store_id integer not null primary key,
    store_location text not null check (store_location <> '')
);

create table retail.customers (
    customer_id integer not null primary key,
    age integer not null check (age between 0 and 150),
    gender text not null check (gender <> ''),
    income numeric(12, 2) not null check (income >= 0 and income < 'infinity'),
    loyalty_level text not null check (loyalty_level <> '')
);

create table retail.products (
    product_id integer not null primary key,
    product_name text not null check (product_name <> ''),
    category_id integer not null references retail.categories,
    supplier_id integer not null references retail.suppliers,
    unit_price numeric(12, 2) not null check (unit_price >= 0 and unit_price < 'infinity'),
    reorder_point integer not null check (reorder_point >= 0),
    reorder_quantity integer not null check (reorder_quantity >= 0)
);

create table retail.promotions (
    promotion_id integer not null primary key,
    promotion_type text not null unique check (promotion_type <> '')
);

create table retail.payment_methods (
    payment_method_id integer not null primary key,
    payment_method text not null unique check (payment_method <> '')
);

create table retail.weather (
    weather_id integer not null primary key,
    weather_conditions text not null unique check (weather_conditions <> '')
);

-- Numbers customers whom stores register, in a range that no file's own ids come near.
create sequence retail.customer_number as integer start 1000000001 minvalue 1000000001;

create table retail.store_customers (
    store_id integer not null references retail.stores,
    customer_id integer not null references retail.customers,
    primary key (store_id, customer_id)
);

-- Numbers new sales of all stores; a load moves it to after the largest number that it brought.
create sequence retail.transaction_number as bigint;

create table retail.transactions (
    transaction_id bigint not null check (transaction_id > 0),
    transaction_date timestamp(0) not null check (isfinite(transaction_date)),
    customer_id integer not null,
    store_id integer not null,
    payment_method_id integer not null references retail.payment_methods,
    promotion_applied boolean not null,
    promotion_id integer references retail.promotions,
    weather_id integer references retail.weather,
    stockout boolean not null,
    primary key (store_id, transaction_id),
    foreign key (store_id, customer_id) references retail.store_customers
);

-- Today's sales of a store.
create index transactions_store_date on retail.transactions (store_id, transaction_date);

create table retail.transaction_details (
    transaction_id bigint not null,
    line_number integer not null check (line_number > 0),
    store_id integer not null,
    product_id integer not null references retail.products,
    quantity integer not null check (quantity between 1 and 1000000),
    unit_price numeric(12, 2) not null check (unit_price >= 0 and unit_price < 'infinity'),
    primary key (store_id, transaction_id, line_number),
    foreign key (store_id, transaction_id) references retail.transactions
);

-- Units by product of a store.
create index transaction_details_store_product on retail.transaction_details (store_id, product_id);

create table retail.inventory (
    store_id integer not null references retail.stores,
    product_id integer not null references retail.products,
    inventory_level integer not null check (inventory_level >= 0),
    primary key (store_id, product_id)
) with (fillfactor = 70); -- room for the next version of a product that sells all day

create table retail.demand_forecast (
    store_id integer not null references retail.stores,
    product_id integer not null references retail.products,
    forecast_date date not null check (isfinite(forecast_date)),
    forecasted_demand integer not null check (forecasted_demand >= 0),
    actual_demand integer not null check (actual_demand >= 0),
    primary key (store_id, product_id, forecast_date)
);

create sequence retail.file_number as bigint;

create table retail.files (
    file_id bigint not null primary key default nextval('retail.file_number'),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    accepted boolean not null,
    name text not null check (name <> ''), -- noqa: RF04
    bytes bigint not null check (bytes >= 0),
    rows_read bigint not null check (rows_read >= 0),
    rows_loaded bigint not null check (rows_loaded >= 0),
    rows_quarantined bigint not null check (rows_quarantined >= 0),
    rows_duplicate bigint not null check (rows_duplicate >= 0),
    conflicts jsonb not null check (jsonb_typeof(conflicts) = 'object'),
    warnings jsonb not null check (jsonb_typeof(warnings) = 'object'),
    loaded_at timestamptz not null,
    seconds double precision not null check (seconds >= 0),
    constraint files_rows_add_up check (not accepted or rows_read = rows_loaded + rows_quarantined + rows_duplicate),
    constraint files_refused_loads_nothing check (accepted or rows_loaded = 0)
);

alter sequence retail.file_number owned by retail.files.file_id;

create unique index files_accepted_once on retail.files (sha256) where accepted;

create table retail.quarantine (
    file_id bigint not null references retail.files,
    file_line bigint not null check (file_line > 0),
    store_id integer,
    transaction_id bigint,
    reasons jsonb not null check (jsonb_typeof(reasons) = 'array' and reasons <> '[]'),
    row_values jsonb not null,
    released_by bigint references retail.files,
    primary key (file_id, file_line)
);

create table retail.observations (
    store_id integer not null,
    transaction_id bigint not null,
    line_number integer not null,
    file_id bigint not null references retail.files,
    file_line bigint not null check (file_line > 0),
    recorded_stock integer not null check (recorded_stock >= 0),
    weekday text not null check (weekday <> ''), -- noqa: RF04
    holiday boolean not null,
    primary key (store_id, transaction_id, line_number),
    foreign key (store_id, transaction_id, line_number) references retail.transaction_details on delete cascade
);

create table retail.conflicts (
    store_id integer not null,
    transaction_id bigint not null,
    line_number integer not null,
    transaction_date timestamp(0),
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
    income numeric(12, 2),
    loyalty_level text,
    forecasted_demand integer,
    actual_demand integer,
    primary key (store_id, transaction_id, line_number),
    foreign key (store_id, transaction_id, line_number) references retail.observations on delete cascade
);

create table retail.role_store (
    role_name name not null primary key,
    store_id integer not null references retail.stores
);

create sequence retail.movement_number as bigint;

create table retail.stock_movements (
    store_id integer not null references retail.stores,
    movement_id bigint not null default nextval('retail.movement_number'),
    product_id integer not null references retail.products,
    quantity integer not null check (quantity <> 0),
    reason text not null check (reason in ('load', 'sale', 'return', 'void', 'receipt', 'correction')),
    role_name name not null check (role_name <> ''),
    moved_at timestamptz not null default now(),
    transaction_id bigint,
    primary key (store_id, movement_id),
    constraint stock_movements_of_a_sale check (reason not in ('sale', 'return', 'void') or transaction_id is not null)
);

alter sequence retail.movement_number owned by retail.stock_movements.movement_id;

-- The ledger of a product in a store, and what of it belongs to a sale.
create index stock_movements_store_product on retail.stock_movements (store_id, product_id, transaction_id);

create sequence retail.return_number as bigint;

create table retail.returns (
    store_id integer not null,
    return_id bigint not null default nextval('retail.return_number'),
    transaction_id bigint not null,
    line_number integer not null,
    quantity integer not null check (quantity > 0),
    returned_at timestamptz not null default now(),
    primary key (store_id, return_id),
    foreign key (store_id, transaction_id, line_number) references retail.transaction_details
);

alter sequence retail.return_number owned by retail.returns.return_id;

create index returns_line on retail.returns (store_id, transaction_id, line_number);

create table retail.requests (
    store_id integer not null references retail.stores,
    idempotency_key uuid not null,
    procedure_name text not null check (procedure_name <> ''),
    payload_sha256 text not null check (payload_sha256 ~ '^[0-9a-f]{64}$'),
    result_id bigint,
    requested_at timestamptz not null default now(),
    primary key (store_id, idempotency_key)
);

create table retail.heartbeat (
    heartbeat_id integer not null primary key check (heartbeat_id = 1),
    beat_at timestamptz not null
);

insert into retail.heartbeat (heartbeat_id, beat_at)
values (1, now());
