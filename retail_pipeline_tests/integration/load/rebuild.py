"""Does the database hold every value of a file? Its rows are rebuilt from the tables and compared, value for value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812

from retail_pipeline.settings import SQL
from retail_pipeline.source.columns import NAMES

_ROWS = SQL / "load" / "file_rows.sql"
_FETCH = 10_000


def rows(connection: Connection, file_id: int) -> Iterator[tuple[Any, ...]]:
    """Return the loaded rows of a file as (line, 28 values in the declared order), in the order of the file."""
    query = sql.SQL("select {columns} from ({rows}) as loaded where file_id = %s order by file_line").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, ("file_line", *NAMES))),
        rows=sql.SQL(_ROWS.read_text()),
    )
    with connection.cursor("rebuild") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(query, (file_id,))
        yield from cursor
