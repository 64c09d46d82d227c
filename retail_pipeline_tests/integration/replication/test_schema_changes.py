"""A later version adds, widens and drops columns of streamed tables while sales go on; every document follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bson.int64 import Int64
from pymongo.database import Database

from retail_pipeline.settings import PROJECT, Settings
from retail_pipeline.warehouse import connection
from retail_pipeline_tests.integration import mirrored, shop
from retail_pipeline_tests.integration.mirrored import Document

_LAST_OF_SALES = '            ("stockout", "boolean", "whether the sale took one of its products to zero"),\n'
_QUANTITY = '("quantity", "integer", "units sold")'

# A program of the later version: migrate, do what the job initial_load does, and say what differs before and after.
_DEPLOY = """
import json, sys
from dataclasses import replace
from retail_pipeline.mirror import fidelity, initial_snapshot, shape
from retail_pipeline.replication import progress
from retail_pipeline.settings import Settings
from retail_pipeline.tables import RED
from retail_pipeline.warehouse import migrations

home, servers = json.loads(sys.argv[1])
settings = replace(Settings.from_environment({"RETAIL_HOME": home}), **servers)
migrations.migrate(settings.require("postgres_dsn"))
before = fidelity.verify(settings, RED, grace_seconds=2)
assert not initial_snapshot.take(settings).loaded
assert progress.wait_until_applied(settings, progress.current_lsn(settings), within=120)
rewritten = shape.follow(settings)
again = shape.follow(settings)
after = fidelity.verify(settings, RED, grace_seconds=60)
print(json.dumps([before.equal, rewritten, again, after.as_text()]))
"""


@dataclass
class Version:
    """A copy of the project in which tables and migrations can be changed, deployed on the servers of the test."""

    folder: Path
    settings: Settings

    def change(self, sound: str, other: str) -> None:
        """Declare a column otherwise."""
        path = self.folder / "retail_pipeline" / "tables.py"
        text = path.read_text()
        assert text.count(sound) == 1
        path.write_text(text.replace(sound, other))

    def deploy(self, number: int, statement: str) -> tuple[bool, dict[str, int], dict[str, int], str]:
        """Add a migration and run the new version on the database; return what its program says."""
        header = "set local role retail_owner;\n"
        (self.folder / "sql" / "migrations" / f"{number:04}_change.sql").write_text(header + statement)
        names = ("postgres_dsn", "mongo_uri", "kafka_bootstrap", "connect_url")
        servers = {name: getattr(self.settings, name) for name in names}
        done = subprocess.run(
            [sys.executable, "-c", _DEPLOY, json.dumps([str(self.settings.home), servers])],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        before, rewritten, again, after = json.loads(done.stdout.splitlines()[-1])
        return before, rewritten, again, after


@pytest.fixture
def later(streaming: Settings, tmp_path: Path) -> Version:
    for name in ("retail_pipeline", "sql", "infra"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return Version(tmp_path, streaming)


@pytest.fixture
def sales(streaming: Settings) -> Iterator[list[int]]:
    """Sell in the background, all the time; return the numbers of the sales. A refused sale fails the test."""
    numbers: list[int] = []
    refusals: list[str] = []
    enough = threading.Event()
    with connection.connect(streaming, connection.LOADER) as loader:
        shop.run(loader, "select setval('retail.transaction_number', 1000)")  # the company's own sales have numbers

    def sell() -> None:
        with connection.connect(streaming, connection.store_role(2), autocommit=True) as store:
            while not enough.wait(0.02):
                try:
                    numbers.append(shop.sell(store, [103], [1], store=2))
                    shop.run(store, "call retail.receive_stock(2, array[103], array[1])")
                except Exception as error:  # noqa: BLE001  whatever it is, it was no sale
                    refusals.append(str(error))

    seller = threading.Thread(target=sell)
    seller.start()
    yield numbers
    enough.set()
    seller.join()
    assert refusals == []


def test_documents_follow_columns_that_are_added_widened_and_dropped(
    later: Version, sales: list[int], database: Database[Document]
) -> None:
    # A nullable column, as old documents lack it.
    later.change(_LAST_OF_SALES, _LAST_OF_SALES + '            ("till", "integer?", "the till"),\n')
    before, rewritten, again, after = later.deploy(9001, "alter table retail.transactions add column till integer;")
    assert (before, list(rewritten), again, after[:6]) == (False, ["transactions"], {}, "Equal:")
    assert list(database["transactions"].find_one({"transaction_id": 11}) or {})[-1] == "till"

    # One with a default, which is in every row at once.
    later.change('"the till"),\n', '"the till"),\n            ("channel", "text", "how it was sold"),\n')
    statement = "alter table retail.transactions add column channel text not null default 'shop';"
    before, rewritten, again, after = later.deploy(9002, statement)
    assert (before, list(rewritten), again, after[:6]) == (False, ["transactions"], {}, "Equal:")
    assert database["transactions"].distinct("channel") == ["shop"]

    # A wider type.
    later.change(_QUANTITY, _QUANTITY.replace("integer", "bigint"))
    statement = "alter table retail.transaction_details alter column quantity type bigint;"
    before, rewritten, again, after = later.deploy(9003, statement)
    assert (before, list(rewritten), again, after[:6]) == (False, ["transaction_details"], {}, "Equal:")
    document = database["transaction_details"].find_one({"transaction_id": 11})
    assert document is not None
    assert type(document["quantity"]) is Int64

    # And one that goes.
    later.change('            ("till", "integer?", "the till"),\n', "")
    before, rewritten, again, after = later.deploy(9004, "alter table retail.transactions drop column till;")
    assert (before, list(rewritten), again, after[:6]) == (False, ["transactions"], {}, "Equal:")
    assert database["transactions"].count_documents({"till": {"$exists": True}}) == 0

    made = list(sales)
    assert len(made) > 10
    mirrored.eventually(
        lambda: database["transactions"].count_documents({"transaction_id": {"$in": made}}) == len(made), "every sale"
    )
