"""Do the tables agree with each other? Conditions as SQL, one file each; a row that one returns is a violation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retail_pipeline.settings import SQL

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


def violations(connection: Connection) -> dict[str, int]:
    """Count what breaks each condition; by its name, and 0 where it holds.

    The connection must be one of a role that sees every store, and its transaction sees one moment only when it is
    REPEATABLE READ: otherwise a sale that commits between two statements is no violation, for each condition is one
    statement.
    """
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        for path in sorted((SQL / "checks").glob("*.sql")):
            cursor.execute(f"select count(*) from (\n{path.read_text()}\n) as violation")  # noqa: S608
            row = cursor.fetchone()
            counts[path.stem] = int(row[0]) if row else 0
    return counts
