"""A collection is filled with every document, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import bson
import pytest
from pymongo import WriteConcern
from pymongo.errors import OperationFailure

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror import writing
from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored

NAME = "filled"


def _documents(count: int) -> list[bytes]:
    return [bson.encode({"_id": number, "text": "x"}) for number in range(count)]


def test_every_batch_is_written_and_counted(stack_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_DOCUMENTS_AT_ONCE", 7)
    with mirrored.administrator(stack_settings) as database:
        assert writing.fill_next(database, NAME, iter(_documents(100))) == writing.Filled(100, ())
        assert [one["_id"] for one in database[NAME + writing.NEXT].find(sort=[("_id", 1)])] == list(range(100))
        assert writing.fill_next(database, NAME, iter(())) == writing.Filled(0, ())
        assert database[NAME + writing.NEXT].count_documents({}) == 0
        database[NAME + writing.NEXT].drop()


def test_a_document_that_is_refused_is_no_document_that_is_left_out(stack_settings: Settings) -> None:
    with mirrored.administrator(stack_settings) as database:
        with pytest.raises(MirrorError, match="did not take 1 of 4 documents"):
            writing.fill_next(database, NAME, [*_documents(3), _documents(1)[0]])
        database[NAME + writing.NEXT].drop()


def test_a_write_that_the_majority_does_not_confirm_is_an_error(stack_settings: Settings) -> None:
    with mirrored.administrator(stack_settings) as database:
        alone = database[NAME].with_options(write_concern=WriteConcern(w=2, wtimeout=1))
        with pytest.raises((MirrorError, OperationFailure)):
            writing._insert(alone, _documents(1))  # noqa: SLF001
        database[NAME].drop()


def test_reading_that_breaks_off_is_an_error_and_no_shorter_collection(stack_settings: Settings) -> None:
    def broken() -> Iterator[bytes]:
        yield from _documents(10)
        raise ConnectionResetError

    with mirrored.administrator(stack_settings) as database:
        with pytest.raises(ConnectionResetError):
            writing.fill_next(database, NAME, broken())
        database[NAME + writing.NEXT].drop()
