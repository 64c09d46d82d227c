"""Make MongoDB what PostgreSQL is, beside the running stream, and prove it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from retail_pipeline.mirror import comparison, fidelity, snapshot, write_lock, writing
from retail_pipeline.mirror.client import WRITER, Client, connect, mirror
from retail_pipeline.mirror.comparison import Difference, Kind
from retail_pipeline.settings import Settings
from retail_pipeline.tables import MIRRORED, Table

_KEYS_AT_ONCE = 500


@dataclass(frozen=True)
class RepairReport:
    """How many documents were rewritten and deleted, by table; the comparison made after; what MongoDB refused."""

    written: dict[str, int]
    deleted: dict[str, int]
    after: fidelity.FidelityReport
    refused: tuple[writing.Refused, ...] = ()

    def as_text(self) -> str:
        """Say it for a person: how many documents were changed, and how the comparison came out."""
        written, deleted = (f"{sum(counts.values()):,}" for counts in (self.written, self.deleted))
        return f"{written} documents rewritten, {deleted} deleted. {self.after.as_text()}"


def repair(
    settings: Settings,
    tables: Sequence[Table] = MIRRORED,
    *,
    grace_seconds: float = fidelity.GRACE_SECONDS,
    report: Callable[[str], None] = lambda _: None,
    within: float = write_lock.WITHIN,
) -> RepairReport:
    """Rewrite each document that deviates from its row, delete each that has none, and compare again.

    Another run that writes the collections is waited for, `within` so many seconds. What MongoDB refuses is told with
    its reason, keeps nothing else from being repaired, and shows in the comparison.
    """
    written: dict[str, int] = {}
    deleted: dict[str, int] = {}
    refused: list[writing.Refused] = []
    with fidelity.could_tell(), write_lock.hold(settings, report, within=within), connect(settings, WRITER) as client:
        with snapshot.take(settings) as now, snapshot.latest(settings) as latest:
            writing.ensure_collections(mirror(client), [table.name for table in tables])
            for table in tables:
                present = comparison.stored(mirror(client)[table.name])
                found = comparison.differences(now.documents(table), present, table.key)
                of_table: list[writing.Refused] = []
                for batch in writing.batches(found, _KEYS_AT_ONCE):
                    done = _rewrite_all(client, table, latest, batch, of_table)
                    extra = sum(difference.kind is Kind.EXTRA for difference in done)
                    deleted[table.name] = deleted.get(table.name, 0) + extra
                    written[table.name] = written.get(table.name, 0) + len(done) - extra
                for one in of_table[: fidelity.EXAMPLES]:
                    report(str(one))
                refused += of_table
                if table.name in written:
                    report(f"{table.name}: {written[table.name]} rewritten, {deleted[table.name]} deleted.")
        after = fidelity.verify(settings, tables, grace_seconds=grace_seconds)
    return RepairReport(written, deleted, after, tuple(refused))


def _rewrite_all(
    client: Client,
    table: Table,
    latest: snapshot.Snapshot,
    suspects: Sequence[Difference],
    refused: list[writing.Refused],
) -> list[Difference]:
    """Rewrite suspects together, and one by one where MongoDB refuses one of them; note which it refuses, and why."""
    try:
        done, large = _rewrite(client, table, latest, suspects)
    except BulkWriteError as error:
        if len(suspects) > 1:
            return [done for one in suspects for done in _rewrite_all(client, table, latest, [one], refused)]
        reasons = [one["errmsg"] for one in (error.details or {}).get("writeErrors", ())] or [str(error)]
        refused.append(writing.Refused(table.name, comparison.shown(suspects[0].identity), reasons[0]))
        return []
    refused += large
    return done


def _rewrite(
    client: Client, table: Table, latest: snapshot.Snapshot, suspects: Sequence[Difference]
) -> tuple[list[Difference], list[writing.Refused]]:
    """Look at the suspects again and write what is still wrong, all in one transaction of MongoDB.

    Return what was written, and what is too large to be sent.

    The documents are read first, which fixes the transaction's view, and their rows then. A change that the stream
    delivered before is in both; one that it delivers between makes the write conflict, and all is looked at again;
    one that it delivers after goes over what was written here, as it should. So no older row ends on a newer document.
    """
    collection = mirror(client)[table.name]
    identities = [difference.identity for difference in suspects]

    def rewrite(session: ClientSession) -> tuple[list[Difference], list[writing.Refused]]:
        looked: list[Any] = fidelity.look(table, latest, collection, identities, session=session)
        wrong, large = writing.fitting(table.name, [difference for difference in looked if difference])
        operations = [write for difference in wrong for write in writing.writes(difference)]
        if operations:
            collection.bulk_write(operations, ordered=True, session=session)
        return wrong, large

    with client.start_session() as session:
        return session.with_transaction(rewrite)
