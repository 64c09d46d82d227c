"""A plan that reads a tenant's table without its index, or asks who the tenant is for each row, is found out."""

from __future__ import annotations

from retail_pipeline.bench import plans
from retail_pipeline.bench.plans import Node


def _asking_once(loops: int = 1) -> Node:
    return {
        "Node Type": "Result",
        "Parent Relationship": "InitPlan",
        "Subplan Name": "InitPlan 1",
        "Actual Loops": loops,
        "Output": ["retail.current_store_id()"],
    }


def _scan(condition: str, *below: Node) -> Node:
    return {
        "Node Type": "Index Scan",
        "Relation Name": "inventory",
        "Index Cond": condition,
        "Actual Loops": 1,
        "Plans": list(below),
    }


def test_an_index_scan_by_a_tenant_asked_for_once_is_well() -> None:
    assert plans.faults(_scan("(i.store_id = (InitPlan 1).col1)", _asking_once())) == []


def test_a_bitmap_below_the_heap_scan_may_hold_the_condition() -> None:
    bitmap = {"Node Type": "Bitmap Index Scan", "Index Cond": "(i.store_id = (InitPlan 1).col1)", "Actual Loops": 1}
    heap = {
        "Node Type": "Bitmap Heap Scan",
        "Relation Name": "inventory",
        "Actual Loops": 1,
        "Plans": [_asking_once(), bitmap],
    }

    assert plans.faults(heap) == []


def test_a_table_without_tenants_may_be_read_in_any_way() -> None:
    assert plans.faults({"Node Type": "Seq Scan", "Relation Name": "products", "Actual Loops": 1}) == []


def test_a_scan_by_no_index_is_found() -> None:
    scan = {
        "Node Type": "Seq Scan",
        "Relation Name": "inventory",
        "Filter": "(i.store_id = (InitPlan 1).col1)",
        "Actual Loops": 1,
        "Plans": [_asking_once()],
    }

    assert plans.faults(scan) == ["Seq Scan on inventory does not use an index by store_id"]


def test_a_function_called_by_the_scan_itself_is_found() -> None:
    found = plans.faults(_scan("(i.store_id = retail.current_store_id())"))

    assert any("calls current_store_id itself" in fault for fault in found)


def test_a_plan_that_asks_again_for_each_row_is_found() -> None:
    found = plans.faults(_scan("(i.store_id = (InitPlan 1).col1)", _asking_once(loops=3)))

    assert found == ["InitPlan 1 calls current_store_id 3 times"]


def test_a_table_that_nobody_narrows_is_found() -> None:
    found = plans.faults(_scan("(i.store_id = (InitPlan 1).col1)"))

    assert found == ["0 calls of current_store_id are planned for 1 scans of tables with tenants"]
