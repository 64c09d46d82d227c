"""The answers are those of the rules, are stable, and are never seen half."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from retail_pipeline import analytics
from retail_pipeline.analytics import runner
from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import write_lock, writing
from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document, Line

DAY = "2024-04-10"
ALERTS = "fraud_alerts"
REORDER = "inventory_analytics"
RULE = "sold_above_recorded_stock"


@pytest.fixture
def company(warehouse: Settings, stack_settings: Settings) -> Settings:
    """Return a small company without sales; MongoDB is empty."""
    settings = mirrored.joined(warehouse, stack_settings)
    shop.seed(settings)
    mirrored.empty(settings)
    return settings


@pytest.fixture
def database(company: Settings) -> Iterator[Database[Document]]:
    """Return the mirror's database."""
    with mirrored.administrator(company) as opened:
        yield opened


Sale = tuple[int, int, str, list[Line]]


def alerts(settings: Settings, sales: Sequence[Sale]) -> list[int]:
    """Bring sales (store, number, moment, lines), mirror them, run the rules; return the numbers of alerted sales."""
    for store, number, moment, lines in sales:
        mirrored.bring(settings, store, number, moment, lines)
    mirrored.fill(settings)
    count = analytics.run(settings, ALERTS)
    numbers = alerted(settings)
    assert count == len(numbers)
    return numbers


def alerted(settings: Settings) -> list[int]:
    with mirrored.administrator(settings) as database:
        return sorted(alert["transaction_id"] for alert in database[ALERTS].find())


def test_one_more_than_recorded_is_an_alert(company: Settings) -> None:
    assert alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 6, 5)])]) == [1]


def test_exactly_as_many_as_recorded_is_none(company: Settings) -> None:
    assert alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 5, 5)])]) == []


def test_a_sum_above_alerts_each_sale_of_that_day_though_none_is_above_alone(company: Settings) -> None:
    sales: list[Sale] = [
        (1, 1, f"{DAY} 00:00", [Line(100, 2, 5)]),
        (1, 2, f"{DAY} 12:00", [Line(100, 2, 5), Line(101, 1, 5)]),
        (1, 3, f"{DAY} 23:59:59", [Line(100, 2, 5)]),
    ]
    assert alerts(company, sales) == [1, 2, 3]


def test_a_sum_exactly_as_recorded_is_none(company: Settings) -> None:
    sales: list[Sale] = [(1, number, f"{DAY} 10:00", [Line(100, 2, 6)]) for number in (1, 2, 3)]
    assert alerts(company, sales) == []


def test_two_lines_of_one_sale_are_summed(company: Settings) -> None:
    assert alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 3, 5), Line(100, 3, 5)])]) == [1]


def test_the_highest_stock_of_the_day_counts(company: Settings) -> None:
    sales: list[Sale] = [
        (1, 1, f"{DAY} 10:00", [Line(100, 4, 1)]),
        (1, 2, f"{DAY} 11:00", [Line(100, 1, 5)]),
    ]
    assert alerts(company, sales) == []


def test_other_days_stores_and_products_do_not_count(company: Settings) -> None:
    sales: list[Sale] = [
        (1, 1, "2024-04-10 23:59:59", [Line(100, 4, 5)]),
        (1, 2, "2024-04-11 00:00:00", [Line(100, 4, 5)]),
        (2, 3, "2024-04-10 23:59:59", [Line(100, 4, 5)]),
        (1, 4, "2024-04-10 23:59:59", [Line(101, 4, 5)]),
    ]
    assert alerts(company, sales) == []


def test_a_day_without_recorded_stock_is_silent(company: Settings) -> None:
    assert alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 99, None)])]) == []


def test_a_live_sale_of_a_recorded_day_counts(company: Settings) -> None:
    sales: list[Sale] = [
        (1, 1, f"{DAY} 10:00", [Line(100, 3, 5)]),
        (1, 2, f"{DAY} 11:00", [Line(100, 3, None)]),
    ]
    assert alerts(company, sales) == [1, 2]


def test_an_alert_tells_what_it_rests_on(company: Settings, database: Database[Document]) -> None:
    lines = [Line(101, 8, 2), Line(100, 10, 5), Line(102, 1, 5)]
    alerts(company, [(2, 7, f"{DAY} 10:00", lines)])
    (alert,) = database[ALERTS].find()
    detected_at = alert.pop("detected_at")
    assert detected_at.tzinfo is not None
    assert list(alert.items()) == [
        ("_id", {"rule": RULE, "store_id": 2, "transaction_id": 7}),
        ("transaction_id", 7),
        ("store_id", 2),
        ("customer_id", 21),
        ("rule", RULE),
        ("score", 0.75),
        (
            "evidence",
            [
                {"product_id": 100, "day": DAY, "units_sold": 10, "recorded_stock": 5},
                {"product_id": 101, "day": DAY, "units_sold": 8, "recorded_stock": 2},
            ],
        ),
    ]


def test_a_recorded_stock_changed_in_mongodb_alone_is_followed(company: Settings, database: Database[Document]) -> None:
    assert alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 5, 5)])]) == []
    database["observations"].update_one({"transaction_id": 1}, {"$set": {"recorded_stock": 4}})
    analytics.run(company, ALERTS)
    assert alerted(company) == [1]
    database["observations"].update_one({"transaction_id": 1}, {"$set": {"recorded_stock": 5}})
    analytics.run(company, ALERTS)
    assert alerted(company) == []


def test_a_second_run_changes_nothing_and_keeps_the_moment_of_detection(
    company: Settings, database: Database[Document]
) -> None:
    alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 6, 5)])])
    before = list(database[ALERTS].find())
    with database[ALERTS].watch(max_await_time_ms=100) as changes:
        analytics.run_all(company)
        assert changes.try_next() is None
    assert list(database[ALERTS].find()) == before


def test_an_alert_whose_evidence_changes_keeps_its_moment(company: Settings, database: Database[Document]) -> None:
    alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 6, 5)])])
    (before,) = database[ALERTS].find()
    database["observations"].update_one({"transaction_id": 1}, {"$set": {"recorded_stock": 3}})
    analytics.run(company, ALERTS)
    (after,) = database[ALERTS].find()
    assert after["score"] == 0.5
    assert after["detected_at"] == before["detected_at"]


def test_an_alert_altered_by_hand_is_brought_back(company: Settings, database: Database[Document]) -> None:
    alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 6, 5)])])
    before = list(database[ALERTS].find())
    database[ALERTS].update_one({}, {"$set": {"score": 0.0}})
    database[ALERTS].insert_one({"_id": "made up", "transaction_id": 9})
    analytics.run(company, ALERTS)
    assert list(database[ALERTS].find()) == before


@pytest.mark.parametrize(
    ("level", "due", "order"),
    [(51, False, 0), (50, True, 100), (49, True, 100), (0, True, 100)],
)
def test_an_order_is_due_at_the_reorder_point(
    company: Settings, database: Database[Document], level: int, due: bool, order: int
) -> None:
    with mirrored.superuser(company) as session:
        shop.run(session, "update retail.inventory set inventory_level = %s", level)
    mirrored.fill(company)
    assert analytics.run(company, REORDER) == 30
    document = database[REORDER].find_one({"store_id": 2, "product_id": 103})
    assert document is not None
    assert list(document.items()) == [
        ("_id", {"store_id": 2, "product_id": 103}),
        ("store_id", 2),
        ("product_id", 103),
        ("inventory_level", level),
        ("reorder_point", 50),
        ("reorder_quantity", 100),
        ("below_reorder_point", due),
        ("suggested_order", order),
        ("supplier_id", 1),
        ("lead_time_days", 3),
    ]


@pytest.mark.parametrize(("quantity", "order"), [(20, 60), (17, 51), (51, 51), (0, 51)])
def test_an_order_brings_the_stock_above_the_point(
    company: Settings, database: Database[Document], quantity: int, order: int
) -> None:
    with mirrored.superuser(company) as session:
        shop.run(session, "update retail.products set reorder_quantity = %s", quantity)
        shop.run(session, "update retail.inventory set inventory_level = 0")
    mirrored.fill(company)
    analytics.run(company, REORDER)
    assert database[REORDER].distinct("suggested_order") == [order]
    assert database[REORDER].count_documents({"suggested_order": {"$type": "int"}}) == 30


def test_without_collections_there_is_a_clear_error_not_an_empty_answer(company: Settings) -> None:
    with pytest.raises(MirrorError, match="there is no collection transaction_details"):
        analytics.run(company, ALERTS)


def test_an_analysis_and_who_writes_the_collections_that_it_reads_do_not_wait_for_each_other(company: Settings) -> None:
    mirrored.fill(company)
    with write_lock.hold(company), ThreadPoolExecutor(1) as pool:
        assert pool.submit(analytics.run, company, REORDER).result(timeout=60) == 30


def test_an_analysis_whose_collection_is_swapped_begins_again(
    company: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored.fill(company)
    aggregate = MongoCollection.aggregate
    begun: list[str] = []

    def swapped_once(collection: MongoCollection[Document], *arguments: Any, **options: Any) -> object:
        begun.append(collection.name)
        answer = aggregate(collection, *arguments, **options)
        if len(begun) == 1:
            raise OperationFailure("the collection was renamed", code=175)
        return answer

    monkeypatch.setattr(MongoCollection, "aggregate", swapped_once)
    assert analytics.run(company, REORDER) == 30
    assert begun == ["inventory", "inventory"]


@pytest.mark.parametrize("limit", [1000, 3], ids=["in_a_transaction", "by_a_swap"])
def test_a_reader_never_sees_half_a_result(
    company: Settings, database: Database[Document], monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(writing, "TRANSACTION_LIMIT", limit)
    mirrored.fill(company)
    analytics.run(company, REORDER)
    seen: set[tuple[Any, ...]] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with database.client.start_session(snapshot=True) as session:
                try:
                    levels = [one["inventory_level"] for one in database[REORDER].find(session=session)]
                except OperationFailure:
                    continue  # of a swap; a reader starts again
            seen.add((len(levels), len(set(levels))))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for level in range(10):
            database["inventory"].update_many({}, {"$set": {"inventory_level": level}})
            runner.run(company, REORDER)
    finally:
        stop.set()
        reader.join()
    assert seen == {(30, 1)}


def test_the_summary_counts_by_rule_and_shows_the_highest_first(company: Settings) -> None:
    lines = [Line(100, 6, 5)], [Line(101, 50, 5)]
    alerts(company, [(1, 1, f"{DAY} 10:00", lines[0]), (2, 2, f"{DAY} 10:00", lines[1])])
    found = analytics.summary(company, ALERTS)

    assert found.counts == {RULE: 2}
    assert [one["transaction_id"] for one in found.first] == [2, 1]
    assert list(found.first[0]) == list(analytics.COLLECTIONS[ALERTS].fields)


def test_an_answer_about_nothing_is_counted(company: Settings, database: Database[Document]) -> None:
    alerts(company, [(1, 1, f"{DAY} 10:00", [Line(100, 6, 5)])])
    analytics.run(company, REORDER)
    assert [analytics.unfounded(company, name) for name in (ALERTS, REORDER)] == [0, 0]

    database["transactions"].delete_many({})
    database["inventory"].delete_one({})

    assert [analytics.unfounded(company, name) for name in (ALERTS, REORDER)] == [1, 1]
