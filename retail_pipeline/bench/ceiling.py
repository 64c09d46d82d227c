"""What can that mongod take? pymongo writing documents that are ready, by the number of threads that does it best."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne
from pymongo.collection import Collection

from retail_pipeline.mirror import client, writing
from retail_pipeline.settings import Settings

DATABASE = "bench_ceiling"
THREADS = (1, 2, 3, 4)

_DOCUMENTS_AT_ONCE = 5_000

# Encoded documents by the name of their collection.
Documents = Mapping[str, Sequence[bytes]]
_Write = Callable[[Collection[Any], Any], Any]


def upserts(settings: Settings, documents: Documents, threads: int) -> float:
    """Upsert the documents into new collections as the sink does, one replacement each; return documents a second."""

    def prepare(batch: Sequence[bytes]) -> list[ReplaceOne[Any]]:
        raw = map(RawBSONDocument, batch)
        return [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in raw]

    def write(collection: Collection[Any], batch: Any) -> None:
        collection.bulk_write(batch, ordered=False)

    return _write(settings, documents, threads, prepare, write)


def inserts(settings: Settings, documents: Documents, threads: int) -> float:
    """Insert the documents into new collections; return documents a second."""

    def prepare(batch: Sequence[bytes]) -> list[RawBSONDocument]:
        return list(map(RawBSONDocument, batch))

    def write(collection: Collection[Any], batch: Any) -> None:
        collection.insert_many(batch, ordered=False)

    return _write(settings, documents, threads, prepare, write)


def best(measure: Callable[[Settings, Documents, int], float], settings: Settings, documents: Documents) -> int:
    """Return the number of threads with which it goes fastest."""
    return max(THREADS, key=lambda threads: measure(settings, documents, threads))


def _write(
    settings: Settings, documents: Documents, threads: int, prepare: Callable[[Sequence[bytes]], Any], write: _Write
) -> float:
    """Write by so many threads, each a batch at a time; what is sent is made ready before the clock starts."""
    with client.connect(settings, client.administrator(settings)) as mongo:
        mongo.drop_database(DATABASE)
        database = mongo[DATABASE]
        work = []
        for name, encoded in documents.items():
            collection = database.create_collection(name)
            work += [(collection, prepare(batch)) for batch in writing.batches(encoded, _DOCUMENTS_AT_ONCE)]
        try:
            with ThreadPoolExecutor(threads) as pool:
                started = time.monotonic()
                for _ in pool.map(lambda one: write(*one), work):
                    pass
                seconds = time.monotonic() - started
        finally:
            mongo.drop_database(DATABASE)
    return sum(map(len, documents.values())) / seconds
