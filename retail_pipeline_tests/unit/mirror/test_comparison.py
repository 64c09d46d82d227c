"""Two sets of documents are compared exactly, in one pass."""

from __future__ import annotations

from typing import Any

import bson
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.mirror import comparison
from retail_pipeline.mirror.comparison import Kind

KEY = ("a", "b")
keys = st.tuples(st.integers(-3, 3), st.sampled_from(["", "x", "xy", "é", "\U0001f600"]))
collections = st.dictionaries(keys, st.integers(0, 2), max_size=12)


def encoded(rows: dict[tuple[int, str], int]) -> list[bytes]:
    """Return documents in the order in which MongoDB sorts their identities."""
    places = sorted(rows, key=lambda key: (key[0], key[1].encode()))
    return [bson.encode({"_id": {"a": a, "b": b}, "value": rows[a, b]}) for a, b in places]


def found(wanted: list[bytes], present: list[bytes]) -> list[comparison.Difference]:
    return list(comparison.differences(wanted, present, KEY))


@given(wanted=collections, present=collections)
def test_what_one_pass_finds_is_what_a_look_at_every_key_finds(
    wanted: dict[tuple[int, str], int], present: dict[tuple[int, str], int]
) -> None:
    counter = comparison.Counter()
    differences = list(comparison.differences(encoded(wanted), encoded(present), KEY, counter))
    seen = {(one.kind, tuple(one.identity.values())) for one in differences}
    assert seen == {
        *((Kind.MISSING, key) for key in wanted.keys() - present.keys()),
        *((Kind.EXTRA, key) for key in present.keys() - wanted.keys()),
        *((Kind.DIFFERENT, key) for key in wanted.keys() & present.keys() if wanted[key] != present[key]),
    }
    assert len(differences) == counter.deviating
    assert counter.wanted == len(wanted)
    assert counter.present == len(present)


@given(rows=collections, strange=st.sampled_from([None, 1, "x", {"b": "x", "a": 1}, {"a": 1}, {"a": True, "b": ""}]))
def test_an_identity_that_is_no_key_is_extra_and_disturbs_no_other(
    rows: dict[tuple[int, str], int], strange: Any
) -> None:
    documents = encoded(rows)
    odd = bson.encode({"_id": strange})
    for position in (0, len(documents) // 2, len(documents)):
        differences = found(documents, [*documents[:position], odd, *documents[position:]])
        assert [(one.kind, one.present) for one in differences] == [(Kind.EXTRA, odd)]


def one(**fields: Any) -> bytes:
    return bson.encode({"_id": {"a": 1, "b": "x"}, **fields})


def test_another_type_of_the_same_number_is_a_difference() -> None:
    (difference,) = found([one(n=1)], [one(n=Int64(1))])
    assert difference.fields() == ("n: Int64 1 instead of Int32 1",)


def test_another_scale_of_the_same_amount_is_a_difference() -> None:
    (difference,) = found([one(n=Decimal128("1.50"))], [one(n=Decimal128("1.5"))])
    assert difference.fields() == ("n: Decimal128 1.5 instead of Decimal128 1.50",)


def test_another_order_of_fields_is_a_difference() -> None:
    (difference,) = found([one(m=1, n=2)], [one(n=2, m=1)])
    assert difference.fields() == ("order of fields",)


def test_a_null_and_an_absent_field_are_told_apart() -> None:
    (difference,) = found([one(n=None)], [one()])
    assert difference.fields() == ("n: absent",)


def test_a_field_that_the_table_does_not_have_is_named() -> None:
    (difference,) = found([one()], [one(more=None)])
    assert difference.fields() == ("more: not a field of the table",)


def test_another_type_within_the_identity_is_a_difference_not_another_document() -> None:
    (difference,) = found([one()], [bson.encode({"_id": {"a": Int64(1), "b": "x"}})])
    assert difference.kind is Kind.DIFFERENT
    assert difference.fields() == ("_id: {a: Int64 1, b: String x} instead of {a: Int32 1, b: String x}",)


def test_a_batch_is_cut_into_its_documents() -> None:
    documents = [one(n=number) for number in range(3)]
    assert list(comparison.split(b"".join(documents))) == documents
