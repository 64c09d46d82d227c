"""What is a record of a topic made of? Said once to its sink, from `tables.py`, and not in every record.

Connect's JSON can carry its schema in each record: ten times the bytes of the row, which the source writes and the sink
reads again for every change. Told beforehand it gives the same documents: order of fields, width of integers, money.
And it has no defaults, so NULL stays NULL in a column that has one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from retail_pipeline import column_types
from retail_pipeline.tables import Column, Table


def key_schema(table: Table) -> str:
    """Return the schema of a key: its columns in the key's order, which is the order of fields in `_id`."""
    columns = {column.name: column for column in table.columns}
    return _struct([columns[name] for name in table.key])


def row_schema(table: Table) -> str:
    """Return the schema of a row, its columns in the table's order."""
    return _struct(table.columns)


def _struct(columns: Sequence[Column]) -> str:
    return json.dumps({"type": "struct", "optional": False, "fields": [_field(column) for column in columns]})


def _field(column: Column) -> dict[str, Any]:
    """Describe a column. One that may not be NULL is required: a record without it goes to the dead letters."""
    return {"field": column.name, "optional": column.nullable} | column_types.of(column.type).connect
