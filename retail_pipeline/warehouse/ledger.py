"""Which files are loaded? The ledger remembers each by its fingerprint."""

from __future__ import annotations

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import administer


def files(settings: Settings) -> set[str]:
    """Give the SHA-256 of each file that was loaded; none, where there is no ledger yet."""
    with administer(settings, "The ledger could not be read") as session, session.cursor() as cursor:
        cursor.execute("select to_regclass('retail.files') is not null")
        (there,) = cursor.fetchone() or (False,)
        if not there:
            return set()
        cursor.execute("select sha256 from retail.files where accepted")
        return {row[0] for row in cursor.fetchall()}
