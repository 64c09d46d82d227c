"""Who may do what to which table? Read from the live catalog, for the documentation and its test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from retail_pipeline.tables import TABLES
from retail_pipeline.warehouse.connection import ADMIN, CDC, LOADER, OWNER, READER, RULES, STORES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

ROLES = (STORES, ADMIN, LOADER, READER, CDC, RULES, OWNER)

# What a letter of the table stands for; TRUNCATE is told as T, and so on, where a role has it.
COMMANDS = {
    "S": "SELECT",
    "I": "INSERT",
    "U": "UPDATE",
    "D": "DELETE",
    "T": "TRUNCATE",
    "R": "REFERENCES",
    "G": "TRIGGER",
    "M": "MAINTAIN",
}
_BY_COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")

_QUESTION = """
select
    has_table_privilege(%(role)s, %(table)s, %(command)s),
    case when %(command)s = any(%(by_column)s) then has_any_column_privilege(%(role)s, %(table)s, %(command)s) end,
    (
        select r.rolbypassrls or not c.relrowsecurity or r.oid = c.relowner and not c.relforcerowsecurity
        from pg_catalog.pg_roles as r, pg_catalog.pg_class as c
        where r.rolname = %(role)s and c.oid = %(table)s::regclass
    ),
    exists (
        select from pg_catalog.pg_policy as p
        where p.polrelid = %(table)s::regclass
            and %(role)s::regrole = any(p.polroles)
            and p.polqual is not null
            and pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true'
    )
"""


def matrix(connection: Connection) -> dict[tuple[str, str], str]:
    """Return by role and table the letters of its commands; small ones are of some columns or some rows only."""
    return {
        (role, table.name): "".join(
            _letter(connection, role, table.qualified, letter, command) for letter, command in COMMANDS.items()
        )
        for role in ROLES
        for table in TABLES
    }


def markdown(connection: Connection) -> str:
    """Write the matrix as a table for the documentation."""
    return as_table("table", matrix(connection))


def as_table(title: str, cells: Mapping[tuple[str, str], str]) -> str:
    """Write a matrix in Markdown: a column for each first part of its keys, a line for each second."""
    columns, lines = ({key[part]: None for key in cells} for part in (0, 1))
    head = [
        f"| {title} | " + " | ".join(f"`{column}`" for column in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    told = [f"| {line} | " + " | ".join(cells[column, line] or "-" for column in columns) + " |" for line in lines]
    return "\n".join([*head, *told]) + "\n"


def _letter(connection: Connection, role: str, table: str, letter: str, command: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_QUESTION, {"role": role, "table": table, "command": command, "by_column": list(_BY_COLUMN)})
        row = cursor.fetchone()
    if row is None:
        return ""
    whole, some_columns, every_row, policy_of_all = row
    if not (whole or some_columns):
        return ""
    sees_all = every_row or policy_of_all or command not in {"SELECT", "INSERT", "UPDATE", "DELETE"}
    return letter if whole and sees_all else letter.lower()
