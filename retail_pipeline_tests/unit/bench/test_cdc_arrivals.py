"""A sale is there with its last document; one that is lost or late counts as the worst that can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from retail_pipeline.bench import cdc_arrivals, cdc_generator
from retail_pipeline.bench.cdc_generator import Sale

SALE = Sale(
    store=3,
    transaction_id=70,
    levels=[(product, 100 - product) for product in (11, 12, 13, 14, 15)],
    due_ns=0,
    committed_ns=1_000_000_000,
)
LATE_MS = 5_000.0


def _arrived(**milliseconds: float) -> dict[cdc_arrivals.Token, int]:
    """Let every document arrive after 10 ms, and a collection's last one when it is told."""
    found = dict.fromkeys(cdc_arrivals.tokens(SALE), SALE.committed_ns + 10_000_000)
    for collection, after in milliseconds.items():
        last = [token for token in found if token[0] == collection][-1]
        found[last] = SALE.committed_ns + int(after * 1e6)
    return found


def test_a_basket_of_five_lines_is_eleven_documents() -> None:
    tokens = cdc_arrivals.tokens(SALE)

    assert len(set(tokens)) == 11
    assert tokens[0] == ("transactions", 3, 70)
    assert ("transaction_details", 3, 70, 5) in tokens
    assert ("inventory", 3, 15, 85) in tokens


@pytest.mark.parametrize(
    ("found", "milliseconds"),
    [
        (_arrived(), 10.0),
        (_arrived(inventory=42.5), 42.5),
        (_arrived(transactions=6_000.0), LATE_MS),
        ({}, LATE_MS),
    ],
    ids=["all at once", "the last decides", "late", "lost"],
)
def test_a_sales_latency_is_that_of_its_last_document(
    found: dict[cdc_arrivals.Token, int], milliseconds: float
) -> None:
    assert cdc_arrivals.latencies([SALE], found, LATE_MS) == [milliseconds]


def test_one_lost_document_of_eleven_is_a_lost_sale() -> None:
    for lost in cdc_arrivals.tokens(SALE):
        found = _arrived()
        del found[lost]

        assert cdc_arrivals.latencies([SALE], found, LATE_MS) == [LATE_MS]


def test_stock_that_another_sale_left_is_not_this_sales_document() -> None:
    other = replace(SALE, levels=[(product, level - 1) for product, level in SALE.levels])

    assert cdc_arrivals.latencies([other], _arrived(), LATE_MS) == [LATE_MS]


def test_a_document_is_there_when_it_is_first_seen_also_in_an_envelope() -> None:
    row = {"store_id": 3, "transaction_id": 70, "line_number": 1, "quantity": 1}
    namespace = {"db": "any", "coll": "transaction_details"}
    changes = [
        (5, {"ns": namespace, "fullDocument": {"_id": 1, "before": None, "after": row}}),
        (6, {"ns": namespace, "fullDocument": row}),
        (7, {"ns": namespace, "operationType": "delete"}),
    ]

    assert cdc_arrivals.seen(changes) == {("transaction_details", 3, 70, 1): 5}


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (75, 3.0), (76, 4.0), (99, 4.0), (100, 4.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: float) -> None:
    assert cdc_arrivals.percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_one_lost_sale_in_a_hundred_is_the_maximum_and_not_the_99th_percentile() -> None:
    latencies = [1.0] * 99 + [LATE_MS]

    assert cdc_arrivals.percentile(latencies, 99) == 1.0
    assert cdc_arrivals.percentile([*latencies[1:], LATE_MS], 99) == LATE_MS
    assert cdc_arrivals.percentile(latencies, 100) == LATE_MS


def test_a_journal_is_read_in_the_order_in_which_sales_were_due(tmp_path: Path) -> None:
    line = '{{"store": 1, "transaction_id": {0}, "levels": [[1, 9]], "due_ns": {1}, "committed_ns": 5}}\n'
    journal = tmp_path / "journal"
    journal.write_text(line.format(2, 20) + line.format(1, 10))

    assert [sale.transaction_id for sale in cdc_generator.read_journal(journal)] == [1, 2]
