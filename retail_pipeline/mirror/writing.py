"""How do collections change without a reader seeing half of it? In one transaction, or by a swap of the collection."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror.comparison import Difference

Document = dict[str, Any]
Write = InsertOne[Any] | ReplaceOne[Any] | DeleteOne

# More than this in one transaction takes so long that another writer's conflict becomes likely; then a swap is quicker.
TRANSACTION_LIMIT = 10_000
NEXT = ".next"
_DOCUMENTS_AT_ONCE = 5_000
# Two keep mongod busy while the next documents are made; more gained nothing, for then both wait for the processor.
_WRITERS = 2
_QUERY_PLAN_KILLED = 175
_T = TypeVar("_T")


def writes(difference: Difference) -> list[Write]:
    """Give the operations that make a document what it should be."""
    if difference.wanted is None:
        return [DeleteOne({"_id": _identity(difference.present)})]
    document = RawBSONDocument(difference.wanted)
    if difference.present is None or _identity(difference.wanted).raw == _identity(difference.present).raw:
        return [ReplaceOne({"_id": document["_id"]}, document, upsert=True)]
    # MongoDB takes Int32 1 and Int64 1 for the same _id and keeps the old one through a replacement.
    return [DeleteOne({"_id": _identity(difference.present)}), InsertOne(document)]


def _identity(document: bytes | None) -> Any:
    return RawBSONDocument(document or b"")["_id"]


def apply(client: MongoClient[Document], database: str, changes: Mapping[str, list[Write]]) -> None:
    """Apply the changes of several collections in one transaction: readers see all of them or none."""
    changes = {name: operations for name, operations in changes.items() if operations}
    if not changes:
        return

    def write(session: ClientSession) -> None:
        for name, operations in changes.items():
            client[database][name].bulk_write(operations, ordered=True, session=session)

    with client.start_session() as session:
        session.with_transaction(write)


def ensure_collections(database: Database[Document], names: Iterable[str]) -> None:
    """Make the collections that are missing, empty: a transaction's readers need them there."""
    present = set(database.list_collection_names())
    for name in names:
        if name not in present:
            database.create_collection(name)


def fill_next(database: Database[Document], name: str, encoded: Iterable[bytes]) -> int:
    """Write documents into the collection that will replace `name`; count them.

    While some are written the next are read, so `encoded` may be read ahead by as many batches as there are writers.
    """
    collection = database[name + NEXT]
    collection.drop()
    database.create_collection(collection.name)
    written = 0
    with ThreadPoolExecutor(_WRITERS) as pool:
        writing: deque[Future[int]] = deque()
        for batch in batches(encoded, _DOCUMENTS_AT_ONCE):
            if len(writing) == _WRITERS:
                written += writing.popleft().result()
            writing.append(pool.submit(_insert, collection, batch))
        written += sum(future.result() for future in writing)
    # The count that MongoDB keeps is exact for a collection that was made since it started; the other reads everything.
    found = collection.estimated_document_count()
    if found != written:
        raise MirrorError(
            f"{collection.name} holds {found} documents where {written} were written.",
            "another run wrote to it at the same time; run this one again",
        )
    return written


def _insert(collection: Collection[Document], batch: Sequence[bytes]) -> int:
    """Insert encoded documents by the bare command, which costs half of insert_many, and count them.

    The command is not tried again when the connection breaks: then the whole load starts over. Without `ordered` one
    that is refused does not keep the others out, but one is enough to give up.
    """
    concern = collection.write_concern.document
    command = {
        "insert": collection.name,
        "documents": list(map(RawBSONDocument, batch)),
        "ordered": False,
        "writeConcern": concern,
    }
    reply = collection.database.command(command)
    errors = [*reply.get("writeErrors", ()), *filter(None, [reply.get("writeConcernError")])]
    if errors:
        raise MirrorError(
            f"{collection.name} did not take {len(errors)} of {len(batch)} documents: {errors[0].get('errmsg')}",
            "run the step again: it starts over",
        )
    return len(batch)


def swap(database: Database[Document], name: str) -> None:
    """Put the collection that was filled in the place of `name`: readers see the old one or the new one.

    A cursor that is open on the old one ends with QueryPlanKilled, and its reader starts again.
    """
    database[name + NEXT].rename(name, dropTarget=True)


def again_after_swap(read: Callable[[], _T]) -> _T:
    """Read, and read again where the collection was swapped meanwhile, which ends open cursors."""
    for _ in range(5):
        try:
            return read()
        except OperationFailure as error:
            if error.code != _QUERY_PLAN_KILLED:
                raise
    return read()


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut a stream into lists of `size` items."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
