"""Which files are loaded? The ledger remembers each by its fingerprint."""

from __future__ import annotations

from collections.abc import Collection

import psycopg2

from retail_pipeline.errors import WarehouseError, first_line
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import connect_dsn

_TIMEOUT = "set local statement_timeout = '3s'"


def known(settings: Settings, fingerprints: Collection[str]) -> set[str]:
    """Return those of the fingerprints whose files were loaded; raise WarehouseError where PostgreSQL does not say."""
    with connect_dsn(settings.require("postgres_dsn")) as session, session.cursor() as cursor:
        try:
            cursor.execute(_TIMEOUT)
            cursor.execute("select to_regclass('retail.files') is not null")
            (there,) = cursor.fetchone() or (False,)
            if not there:
                return set()
            cursor.execute(
                "select sha256 from retail.files where accepted and sha256 = any (%s)", (list(fingerprints),)
            )
            return {row[0] for row in cursor.fetchall()}
        except psycopg2.Error as error:
            message = f"PostgreSQL does not say which files are loaded: {first_line(error)}."
            raise WarehouseError(message, "see `retail-pipeline status`") from error
