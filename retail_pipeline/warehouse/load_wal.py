"""Will a load write so much WAL that a replication slot is lost? Asked before it starts."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline.errors import WarehouseError
from retail_pipeline.source.file import SourceFile

# Measured: 5 to 6 bytes of WAL for a byte of a file that agrees with itself, 13 for a small one that never does, first
# changes of pages after a checkpoint included.
WAL_PER_BYTE = 10
WAL_OF_ANY = 64 * 1024 * 1024


def check(cursor: Cursor, source: SourceFile) -> None:
    """Raise WarehouseError where a slot may not keep as much WAL as the load of this file may write."""
    wanted = source.size * WAL_PER_BYTE + WAL_OF_ANY
    cursor.execute(
        "select slot_name, safe_wal_size from pg_replication_slots "
        "where safe_wal_size is not null and safe_wal_size < %s order by safe_wal_size",
        (wanted,),
    )
    if slots := cursor.fetchall():
        name, left = slots[0]
        message = (
            f"Loading {source.name} may write {wanted / 1e6:,.0f} MB of WAL, and replication slot {name} "
            f"is lost after {max(left, 0) / 1e6:,.0f} MB more; nothing was loaded."
        )
        raise WarehouseError(
            message, "let the stream catch up (`retail-pipeline status`), or raise max_slot_wal_keep_size"
        )
