"""How does PostgreSQL carry out what a store asks? By the tenant's index, asking who the tenant is once a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from retail_pipeline import tables

TENANT_FUNCTION = "current_store_id"

_BY_TENANT = re.compile(rf"\b{tables.TENANT} = \(?(\(InitPlan|\$)")

Node = dict[str, Any]


def explain(cursor: Cursor, statement: str) -> Node:
    """Return the plan of a statement that was carried out, with what each of its nodes did."""
    cursor.execute(f"explain (analyze, verbose, format json, costs off, timing off, summary off) {statement}")
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - EXPLAIN answers with one row
    plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
    plan: Node = plans[0]["Plan"]
    return plan


def faults(plan: Node) -> list[str]:
    """Say what in the plan would make a tenant's query slower than its own rows do."""
    found: list[str] = []
    scans = 0
    tenant_tables = {tenant.name for tenant in tables.TENANT_TABLES}
    for node in _nodes(plan):
        table = node.get("Relation Name")
        if table in tenant_tables:
            scans += 1
            if not any(_BY_TENANT.search(condition) for condition in _index_conditions(node)):
                found.append(f"{node['Node Type']} on {table} does not use an index by {tables.TENANT}")
        if not _mentions_function(node):
            continue
        if node.get("Parent Relationship") != "InitPlan":
            found.append(f"{node['Node Type']} calls {TENANT_FUNCTION} itself, not once before it starts")
        elif node["Actual Loops"] > 1:
            found.append(f"{node['Subplan Name']} calls {TENANT_FUNCTION} {node['Actual Loops']} times")
    calls = sum(_mentions_function(node) for node in _nodes(plan))
    if calls != scans:
        found.append(f"{calls} calls of {TENANT_FUNCTION} are planned for {scans} scans of tables with tenants")
    return found


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _index_conditions(scan: Node) -> list[str]:
    """Return the conditions that a scan finds its rows by: its own, or those of the bitmaps below it."""
    if scan["Node Type"] != "Bitmap Heap Scan":
        return [str(scan.get("Index Cond", ""))]
    return [str(node.get("Index Cond", "")) for node in _nodes(scan)]


def _mentions_function(node: Node) -> bool:
    return any(TENANT_FUNCTION in str(value) for name, value in node.items() if name != "Plans")
