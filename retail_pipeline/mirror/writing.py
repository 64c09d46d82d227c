"""How do collections change without a reader seeing half of it? In one transaction, or by a swap of the collection.

A document that MongoDB refuses is left out by its key, with the reason, and keeps no other from being written.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from retail_pipeline.errors import MirrorError
from retail_pipeline.mirror.comparison import Difference, identity, shown

Document = dict[str, Any]
Write = InsertOne[Any] | ReplaceOne[Any] | DeleteOne

# More than this in one transaction takes so long that another writer's conflict becomes likely; then a swap is quicker.
TRANSACTION_LIMIT = 10_000
NEXT = ".next"
_DOCUMENTS_AT_ONCE = 5_000
# No document and no command may be larger, https://www.mongodb.com/docs/manual/reference/limits/. The command's other
# parts take 16 KB at most, which the numbers of 5,000 documents alone are more than.
LARGEST = 16 * 1024 * 1024
_BYTES_AT_ONCE = LARGEST - 1024 * 1024
_DUPLICATE_KEY = 11000
_TRANSIENT = "TransientTransactionError"
# Two keep mongod busy while the next documents are made; more gained nothing, for then both wait for the processor.
_WRITERS = 2
_QUERY_PLAN_KILLED = 175
_T = TypeVar("_T")


@dataclass(frozen=True)
class Refused:
    """A document that MongoDB does not take: which, and why."""

    collection: str
    key: str
    reason: str

    def __str__(self) -> str:
        """One line for the operator."""
        return f"{self.collection} {self.key} is refused by MongoDB: {self.reason}"


@dataclass(frozen=True)
class Filled:
    """How many documents a collection was filled with, and which it did not take."""

    documents: int
    refused: tuple[Refused, ...]


# So many of the refused are told by their keys.
TOLD = 20


def told(refused: Sequence[Refused]) -> dict[str, Any]:
    """Return the metadata that tells of refused documents: their number, and the first with key and reason."""
    return {"refused": len(refused), "refused_documents": [str(one) for one in refused[:TOLD]]} if refused else {}


def refusal(name: str, document: bytes, reason: str) -> Refused:
    """Say of an encoded document that the collection `name` does not take it."""
    return Refused(name, shown(identity(document)), reason)


def _fits(document: bytes | None) -> bool:
    return len(document or b"") <= LARGEST


def _too_large(name: str, document: bytes) -> Refused:
    reason = f"it has {len(document):,} bytes, and a document has at most {LARGEST:,}"
    return refusal(name, document, reason)


def fitting(name: str, found: Iterable[Difference]) -> tuple[list[Difference], list[Refused]]:
    """Set aside what is too large to be sent."""
    found = list(found)
    large = [one.wanted for one in found if one.wanted is not None and not _fits(one.wanted)]
    return [one for one in found if _fits(one.wanted)], [_too_large(name, document) for document in large]


def writes(difference: Difference) -> list[Write]:
    """Return the operations that make a document what it should be."""
    if difference.wanted is None:
        return [DeleteOne({"_id": _identity(difference.present)})]
    document = RawBSONDocument(difference.wanted)
    if difference.present is None or _identity(difference.wanted).raw == _identity(difference.present).raw:
        return [ReplaceOne({"_id": document["_id"]}, document, upsert=True)]
    # MongoDB takes Int32 1 and Int64 1 for the same _id and keeps the old one through a replacement.
    return [DeleteOne({"_id": _identity(difference.present)}), InsertOne(document)]


def _identity(document: bytes | None) -> Any:
    return RawBSONDocument(document or b"")["_id"]


def apply(client: MongoClient[Document], database: str, changes: Mapping[str, Sequence[Difference]]) -> list[Refused]:
    """Make documents of several collections what they should be in one transaction: readers see all of it or none.

    What MongoDB refuses is left out; return it.
    """
    refused: list[Refused] = []
    wanted: dict[str, list[Difference]] = {}
    for name, found in changes.items():
        wanted[name], large = fitting(name, found)
        refused += large
    while True:
        try:
            _write_together(client, database, wanted)
        except BulkWriteError:
            more: list[Refused] = []
            for name, found in wanted.items():
                wanted[name], others = _taken(client[database][name], found)
                more += others
            if not more:
                raise
            refused += more
        else:
            return refused


def _write_together(client: MongoClient[Document], database: str, wanted: Mapping[str, Sequence[Difference]]) -> None:
    operations = {name: [write for one in found for write in writes(one)] for name, found in wanted.items() if found}
    if not operations:
        return

    def write(session: ClientSession) -> None:
        for name, changes in operations.items():
            client[database][name].bulk_write(changes, ordered=True, session=session)

    with client.start_session() as session:
        session.with_transaction(write)


def _taken(collection: Collection[Document], found: Sequence[Difference]) -> tuple[list[Difference], list[Refused]]:
    """Return what MongoDB takes from what it refuses, by transactions that are given up: nothing is changed.

    Each is tried once: a transaction ends with the first that is refused, and the next one begins after it.
    """
    taken: list[Difference] = []
    refused: list[Refused] = []
    rest = list(found)
    while rest:
        place, reason = _first_refused(collection, rest)
        taken += rest[:place]
        refused += [refusal(collection.name, one.wanted or one.present or b"", reason) for one in rest[place:][:1]]
        rest = rest[place + 1 :]
    return taken, refused


def _first_refused(collection: Collection[Document], found: Sequence[Difference]) -> tuple[int, str]:
    """Return the place of the first that is refused, and why; the place after the last where none is."""
    operations = [(place, write) for place, one in enumerate(found) for write in writes(one)]

    def attempt(session: ClientSession) -> tuple[int, str]:
        try:
            collection.bulk_write([write for _, write in operations], ordered=True, session=session)
        except BulkWriteError as error:
            if error.has_error_label(_TRANSIENT):
                raise
            ((place, reason),) = [(one["index"], one["errmsg"]) for one in (error.details or {})["writeErrors"]]
            return operations[place][0], reason
        finally:
            session.abort_transaction()
        return len(found), ""

    with collection.database.client.start_session() as session:
        return session.with_transaction(attempt)


def ensure_collections(database: Database[Document], names: Iterable[str]) -> None:
    """Make the collections that are missing, empty: a transaction's readers need them there."""
    present = set(database.list_collection_names())
    for name in names:
        if name not in present:
            database.create_collection(name)


def fill_next(database: Database[Document], name: str, encoded: Iterable[bytes]) -> Filled:
    """Write documents into the collection that will replace `name`; count them, and tell which are refused.

    While some are written the next are read, so `encoded` may be read ahead by as many batches as there are writers.
    """
    collection = database[name + NEXT]
    collection.drop()
    database.create_collection(collection.name)
    read = 0
    refused: list[Refused] = []
    with ThreadPoolExecutor(_WRITERS) as pool:
        writing: deque[Future[list[Refused]]] = deque()
        for batch in batches(encoded, _DOCUMENTS_AT_ONCE):
            read += len(batch)
            for part in _parts(name, batch, refused):
                if len(writing) == _WRITERS:
                    refused += writing.popleft().result()
                writing.append(pool.submit(_insert, collection, part))
        for future in writing:
            refused += future.result()
    written = read - len(refused)
    # The count that MongoDB keeps is exact for a collection that was made since it started; the other reads everything.
    found = collection.estimated_document_count()
    if found != written:
        raise MirrorError(
            f"{collection.name} holds {found} documents where {written} were written.",
            "another run wrote to it at the same time; run this one again",
        )
    return Filled(written, tuple(refused))


def _parts(name: str, batch: Sequence[bytes], refused: list[Refused]) -> Iterator[Sequence[bytes]]:
    """Cut a batch into what a command can carry, nearly always one part; set aside what none can."""
    if sum(map(len, batch)) <= _BYTES_AT_ONCE:
        yield batch
        return
    part: list[bytes] = []
    size = 0
    for document in batch:
        if not _fits(document):
            refused.append(_too_large(name, document))
            continue
        if part and size + len(document) > _BYTES_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(document)
        size += len(document)
    if part:
        yield part


def _insert(collection: Collection[Document], batch: Sequence[bytes]) -> list[Refused]:
    """Insert encoded documents by the bare command, which costs half of insert_many; return which are refused.

    The command is not tried again when the connection breaks: then the whole load starts over. Without `ordered` one
    that is refused does not keep the others out. Two of one key are no document that is refused: then another run
    writes here too.
    """
    concern = collection.write_concern.document
    command = {
        "insert": collection.name,
        "documents": list(map(RawBSONDocument, batch)),
        "ordered": False,
        "writeConcern": concern,
    }
    reply = collection.database.command(command)
    of_documents = reply.get("writeErrors", ())
    errors = [one for one in of_documents if one["code"] == _DUPLICATE_KEY]
    errors += filter(None, [reply.get("writeConcernError")])
    if errors:
        raise MirrorError(
            f"{collection.name} did not take {len(errors)} of {len(batch)} documents: {errors[0].get('errmsg')}",
            "run the step again: it starts over",
        )
    name = collection.name.removesuffix(NEXT)
    return [refusal(name, batch[one["index"]], one["errmsg"]) for one in of_documents]


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
