"""Which tables are there? The one declaration; keys, COPY order, connectors, policies, collections are read from it.

`BUSINESS` are the twelve tables that other systems rely on, parents before children; `SUPPORT` are this design's own.
The migrations in `sql/` create them; a test holds the catalog against this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SCHEMA = "retail"
DATABASE = "walmart"
MONGO_DATABASE = "walmart_realtime"
TOPIC_PREFIX = "walmart"
PUBLICATION = "walmart_publication"
STREAM_PUBLICATION = "walmart_stream_publication"
SLOT = "walmart_stream"
TENANT = "store_id"


class Flow(Enum):
    """How a table reaches MongoDB."""

    RED = "streamed, change by change"
    GREEN = "scheduled batch"
    NONE = "stays in PostgreSQL"


@dataclass(frozen=True)
class Column:
    """A column: name, PostgreSQL type as `format_type` prints it, meaning, and whether NULL is a value of it."""

    name: str
    type: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the schema `retail`; its collection and the last part of its topic have the same name."""

    name: str
    key: tuple[str, ...]
    flow: Flow
    meaning: str
    columns: tuple[Column, ...]
    references: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """The name with its schema, for SQL."""
        return f"{SCHEMA}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns in the table's order."""
        return tuple(column.name for column in self.columns)

    @property
    def has_tenant(self) -> bool:
        """Whether each row belongs to one store."""
        return TENANT in self.column_names

    @property
    def topic(self) -> str:
        """The Kafka topic that carries the table's changes."""
        return f"{TOPIC_PREFIX}.{SCHEMA}.{self.name}"


def _column(name: str, type_: str, meaning: str) -> Column:
    """Declare a column; a type that ends in `?` may be NULL."""
    return Column(name, type_.removesuffix("?"), meaning, nullable=type_.endswith("?"))


def _columns(*declarations: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(_column(*declaration) for declaration in declarations)


_MONEY = "numeric(12,2)"
_SECOND = "timestamp(0) without time zone"
_INSTANT = "timestamp with time zone"

_STORE = ("store_id", "integer", "the store, and so the tenant, that the row belongs to")
_NUMBER = ("transaction_id", "bigint", "the sale's number within its store")
_LINE = ("line_number", "integer", "the line within the sale, from 1, in the order of the file or call")
_PRODUCT = ("product_id", "integer", "the product")

BUSINESS: tuple[Table, ...] = (
    Table(
        "categories",
        ("category_id",),
        Flow.GREEN,
        "product categories",
        _columns(
            ("category_id", "integer", "numbered in the order of first appearance"),
            ("category_name", "text", "unique"),
        ),
    ),
    Table(
        "suppliers",
        ("supplier_id",),
        Flow.GREEN,
        "suppliers of products",
        _columns(
            ("supplier_id", "integer", "the file's own id"),
            ("lead_time_days", "integer", "days from order to delivery"),
        ),
    ),
    Table(
        "stores",
        ("store_id",),
        Flow.GREEN,
        "stores: each is a tenant",
        _columns(
            ("store_id", "integer", "the file's own id"),
            ("store_location", "text", "city and state"),
        ),
    ),
    Table(
        "customers",
        ("customer_id",),
        Flow.GREEN,
        "customers; which store may see one is in store_customers",
        _columns(
            ("customer_id", "integer", "the file's own id"),
            ("age", "integer", "years"),
            ("gender", "text", "as given"),
            ("income", _MONEY, "a year"),
            ("loyalty_level", "text", "as given"),
        ),
    ),
    Table(
        "products",
        ("product_id",),
        Flow.GREEN,
        "the product list",
        _columns(
            ("product_id", "integer", "the file's own id"),
            ("product_name", "text", "as sold last"),
            ("category_id", "integer", "its category"),
            ("supplier_id", "integer", "its supplier"),
            ("unit_price", _MONEY, "the list price; what was paid is on the line of the sale"),
            ("reorder_point", "integer", "units in stock at which to order"),
            ("reorder_quantity", "integer", "units to order"),
        ),
        ("categories", "suppliers"),
    ),
    Table(
        "promotions",
        ("promotion_id",),
        Flow.GREEN,
        "kinds of promotion",
        _columns(
            ("promotion_id", "integer", "numbered in the order of first appearance"),
            ("promotion_type", "text", "unique"),
        ),
    ),
    Table(
        "payment_methods",
        ("payment_method_id",),
        Flow.GREEN,
        "ways to pay",
        _columns(
            ("payment_method_id", "integer", "numbered in the order of first appearance"),
            ("payment_method", "text", "unique"),
        ),
    ),
    Table(
        "weather",
        ("weather_id",),
        Flow.GREEN,
        "kinds of weather",
        _columns(
            ("weather_id", "integer", "numbered in the order of first appearance"),
            ("weather_conditions", "text", "unique"),
        ),
    ),
    Table(
        "transactions",
        ("store_id", "transaction_id"),
        Flow.RED,
        "sales: one row a basket",
        _columns(
            _NUMBER,
            ("transaction_date", _SECOND, "when it was sold, UTC"),
            ("customer_id", "integer", "who bought"),
            _STORE,
            ("payment_method_id", "integer", "how it was paid"),
            ("promotion_applied", "boolean", "whether a promotion was applied, as given"),
            ("promotion_id", "integer?", "the promotion, as given"),
            ("weather_id", "integer?", "the weather at the sale"),
            ("stockout", "boolean", "whether the sale took one of its products to zero"),
        ),
        ("customers", "stores", "payment_methods", "promotions", "weather"),
    ),
    Table(
        "transaction_details",
        ("store_id", "transaction_id", "line_number"),
        Flow.RED,
        "the lines of a sale",
        _columns(
            _NUMBER,
            _LINE,
            _STORE,
            _PRODUCT,
            ("quantity", "integer", "units sold"),
            ("unit_price", _MONEY, "the price paid for one unit"),
        ),
        ("transactions", "products"),
    ),
    Table(
        "inventory",
        ("store_id", "product_id"),
        Flow.RED,
        "units in stock",
        _columns(
            _STORE,
            _PRODUCT,
            ("inventory_level", "integer", "units in stock, never below zero"),
        ),
        ("stores", "products"),
    ),
    Table(
        "demand_forecast",
        ("store_id", "product_id", "forecast_date"),
        Flow.GREEN,
        "demand forecast and met, a day",
        _columns(
            _STORE,
            _PRODUCT,
            ("forecast_date", "date", "the day, UTC"),
            ("forecasted_demand", "integer", "units"),
            ("actual_demand", "integer", "units"),
        ),
        ("stores", "products"),
    ),
)

SUPPORT: tuple[Table, ...] = (
    Table(
        "files",
        ("file_id",),
        Flow.NONE,
        "the ledger of loaded files",
        _columns(
            ("file_id", "bigint", "numbered by the load"),
            ("sha256", "text", "of the whole file, unique among the accepted"),
            ("accepted", "boolean", "false where too many rows were quarantined: then nothing was loaded"),
            ("name", "text", "the file's name without its folder"),
            ("bytes", "bigint", "its size"),
            ("rows_read", "bigint", "rows after the header = loaded + quarantined + duplicates"),
            ("rows_loaded", "bigint", "rows that are in the tables"),
            ("rows_quarantined", "bigint", "rows set aside, see quarantine"),
            ("rows_duplicate", "bigint", "rows equal in all columns to one loaded before or above"),
            ("conflicts", "jsonb", "overridden values by dependency, counted"),
            ("warnings", "jsonb", "rows by rule that only warns"),
            ("loaded_at", _INSTANT, "start of the load's transaction"),
            ("seconds", "double precision", "from opening the file to just before COMMIT"),
            ("streamed_changes", "bigint", "rows of streamed tables that it added or changed, at most"),
            ("stock_to_set", "jsonb", "stores whose stock is still to set, each with the last product that is"),
        ),
    ),
    Table(
        "quarantine",
        ("file_id", "file_line"),
        Flow.NONE,
        "rows that were set aside, whole, with every reason",
        _columns(
            ("file_id", "bigint", "the file"),
            ("file_line", "bigint", "line in the file, the header is 1"),
            ("store_id", "integer?", "where the row tells it readably"),
            ("transaction_id", "bigint?", "where the row tells it readably"),
            ("reasons", "jsonb", "a list of {rule, column, value, sentence}"),
            ("row_values", "jsonb", "the row's fields as text, in the file's order"),
            ("released_by", "bigint?", "the file that brought the corrected row"),
        ),
        ("files",),
    ),
    Table(
        "observations",
        ("store_id", "transaction_id", "line_number"),
        Flow.GREEN,
        "what a sale of a file observed and no business table keeps",
        _columns(
            _STORE,
            _NUMBER,
            _LINE,
            ("file_id", "bigint", "the file that the line came from"),
            ("file_line", "bigint", "its line there, the header is 1"),
            ("recorded_stock", "integer", "the product's stock in the store as recorded with the sale"),
            ("weekday", "text", "as given; the date decides what it was"),
            ("holiday", "boolean", "as given"),
        ),
        ("transaction_details", "files"),
    ),
    Table(
        "conflicts",
        ("store_id", "transaction_id", "line_number"),
        Flow.NONE,
        "what a row of a file says otherwise than the tables do; NULL where it agrees",
        _columns(
            _STORE,
            _NUMBER,
            _LINE,
            ("transaction_date", _SECOND + "?", "of the row, where the sale's is another"),
            ("customer_id", "integer?", "of the row, where the sale's is another"),
            ("payment_method", "text?", "of the row, where the sale's is another"),
            ("promotion_applied", "boolean?", "of the row, where the sale's is another"),
            ("promotion_type", "text?", "of the row, where the sale's is another; the word None is a value"),
            ("weather_conditions", "text?", "of the row, where the sale's is another"),
            ("stockout", "boolean?", "of the row, where the sale's is another"),
            ("product_name", "text?", "of the row, where the product's is another"),
            ("category_name", "text?", "of the row, where the product's is another"),
            ("supplier_id", "integer?", "of the row, where the product's is another"),
            ("reorder_point", "integer?", "of the row, where the product's is another"),
            ("reorder_quantity", "integer?", "of the row, where the product's is another"),
            ("lead_time_days", "integer?", "of the row, where its supplier's is another"),
            ("store_location", "text?", "of the row, where the store's is another"),
            ("age", "integer?", "of the row, where its customer's is another"),
            ("gender", "text?", "of the row, where its customer's is another"),
            ("income", _MONEY + "?", "of the row, where its customer's is another"),
            ("loyalty_level", "text?", "of the row, where its customer's is another"),
            ("forecasted_demand", "integer?", "of the row, where the day's is another"),
            ("actual_demand", "integer?", "of the row, where the day's is another"),
        ),
        ("observations",),
    ),
    Table(
        "role_store",
        ("role_name",),
        Flow.NONE,
        "which login role is which store",
        _columns(
            ("role_name", "name", "the login role"),
            _STORE,
        ),
        ("stores",),
    ),
    Table(
        "store_customers",
        ("store_id", "customer_id"),
        Flow.GREEN,
        "which customers a store sees and sells to",
        _columns(
            _STORE,
            ("customer_id", "integer", "the customer"),
        ),
        ("stores", "customers"),
    ),
    Table(
        "stock_movements",
        ("store_id", "movement_id"),
        Flow.NONE,
        "every change of stock; their sum is the stock",
        _columns(
            _STORE,
            ("movement_id", "bigint", "numbered over all stores"),
            _PRODUCT,
            ("quantity", "integer", "units, positive into the store"),
            ("reason", "text", "load, sale, return, void, receipt or correction"),
            ("role_name", "name", "who did it"),
            ("moved_at", _INSTANT, "start of the transaction"),
            ("transaction_id", "bigint?", "the sale, for sale, return and void"),
        ),
        ("stores", "products"),
    ),
    Table(
        "returns",
        ("store_id", "return_id"),
        Flow.NONE,
        "units of a sale's line that came back",
        _columns(
            _STORE,
            ("return_id", "bigint", "numbered over all stores"),
            _NUMBER,
            _LINE,
            ("quantity", "integer", "units that came back"),
            ("returned_at", _INSTANT, "start of the transaction"),
        ),
        ("transaction_details",),
    ),
    Table(
        "requests",
        ("store_id", "idempotency_key"),
        Flow.NONE,
        "calls with an idempotency key, and what they answered",
        _columns(
            _STORE,
            ("idempotency_key", "uuid", "chosen by the caller"),
            ("procedure_name", "text", "which procedure was called"),
            ("payload_sha256", "text", "of the call's other arguments"),
            ("result_id", "bigint?", "the id that the first call returned"),
            ("requested_at", _INSTANT, "start of the transaction"),
        ),
        ("stores",),
    ),
    Table(
        "unsound_text",
        ("table_name", "row_key", "column_name"),
        Flow.NONE,
        "text that broke a rule before the tables had it, set aside",
        _columns(
            ("table_name", "text", "the table"),
            ("row_key", "jsonb", "the key of its row, by column"),
            ("column_name", "text", "the column, which says Set aside since"),
            ("value", "text", "the text as it was"),
            ("reason", "text", "the rule that it breaks, as a load names it"),
            ("set_aside_at", _INSTANT, "when"),
        ),
    ),
    Table(
        "heartbeat",
        ("heartbeat_id",),
        Flow.NONE,
        "one row that Debezium touches, so that its slot moves on when no sale is made",
        _columns(
            ("heartbeat_id", "integer", "always 1"),
            ("beat_at", _INSTANT, "the last beat"),
        ),
    ),
    Table(
        "tenant_acts",
        ("store_id", "act_id"),
        Flow.NONE,
        "what was done to a store for what it did: sessions ended, logins shut",
        _columns(
            _STORE,
            ("act_id", "bigint", "numbered over all stores"),
            ("acted_at", _INSTANT, "when; the same for all that one look found"),
            ("kind", "text", "which limit it went over, or shut_out"),
            ("harmed_others", "boolean", "whether it counts towards a shut-out"),
            ("since", _INSTANT, "since when it had done what it was ended for"),
            ("what", "text", "a sentence"),
            ("lifted_at", _INSTANT + "?", "when an operator cleared the store's record"),
        ),
    ),
    Table(
        "schema_migrations",
        ("name",),
        Flow.NONE,
        "applied files of sql/migrations and sql/repeatable",
        _columns(
            ("name", "text", "the file's name"),
            ("sha256", "text", "of its text and the declared tables that it read when it was applied"),
            ("applied_at", _INSTANT, "when"),
        ),
    ),
)

TABLES: tuple[Table, ...] = BUSINESS + SUPPORT
BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
RED: tuple[Table, ...] = tuple(table for table in TABLES if table.flow is Flow.RED)
GREEN: tuple[Table, ...] = tuple(table for table in TABLES if table.flow is Flow.GREEN)
MIRRORED: tuple[Table, ...] = tuple(table for table in TABLES if table.flow is not Flow.NONE)
TENANT_TABLES: tuple[Table, ...] = tuple(table for table in TABLES if table.has_tenant)
