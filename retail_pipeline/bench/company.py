"""A company to measure with, filled by SQL in the server itself."""

from __future__ import annotations

from dataclasses import dataclass

from retail_pipeline.bench.database import Site
from retail_pipeline.settings import SQL
from retail_pipeline.warehouse.connection import connect_dsn

FOLDER = SQL / "bench"


@dataclass(frozen=True)
class Company:
    """How large a company: `customers` are those of one store; `lines` are the sold ones, of all stores."""

    stores: int
    products: int
    customers: int
    lines: int


def fill(site: Site, company: Company) -> None:
    """Fill an empty migrated database, and bring the planner's knowledge up to date."""
    with connect_dsn(site.superuser) as connection, connection.cursor() as cursor:
        for name in ("stores", "products", "customers", "lines"):
            cursor.execute("select set_config(%s, %s, true)", (f"bench.{name}", str(getattr(company, name))))
        cursor.execute((FOLDER / "company.sql").read_text())
    with connect_dsn(site.superuser, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("vacuum (analyze)")
        cursor.execute("checkpoint")


def stock_up(site: Site) -> None:
    """Stock every store with enough of every product, on record, so that no sale is refused."""
    with connect_dsn(site.superuser) as connection, connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update retail.inventory set inventory_level = 1000000000")
        cursor.execute("update retail.stock_movements set quantity = 1000000000")
    with connect_dsn(site.superuser, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("vacuum full retail.inventory, retail.stock_movements")
        cursor.execute("analyze")
        cursor.execute("checkpoint")
