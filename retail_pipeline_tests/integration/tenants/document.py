"""The generated parts of docs/tenants.md: rights as the live servers have them, and the attacks as the suites try them.

    python -m retail_pipeline_tests.integration.tenants.document

writes them from the servers that run (`retail-pipeline up`), once stores are loaded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from retail_pipeline import stack
from retail_pipeline.mirror import client
from retail_pipeline.settings import PROJECT, Settings
from retail_pipeline.warehouse import connection, limits
from retail_pipeline_tests.integration.tenants import (
    attacks_connect,
    attacks_kafka,
    attacks_mongodb,
    privileges_mongodb,
)
from retail_pipeline_tests.integration.warehouse import attacks, privileges

DOCUMENT = PROJECT / "docs" / "tenants.md"
_PART = re.compile(r"(<!-- generated: (?P<name>[\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HARMLESS = "shows and changes nothing of another"


def parts(settings: Settings) -> dict[str, str]:
    """Return the generated parts by their names."""
    with connection.connect_dsn(settings.require("postgres_dsn")) as tables, tables.cursor() as cursor:
        cursor.execute("select min(store_id) from retail.stores")
        ((store_id,),) = cursor.fetchall()
        rights = privileges.markdown(tables)
    with client.connect(settings, client.administrator(settings)) as opened:
        collections = privileges_mongodb.markdown(client.mirror(opened), store_id)
    return {
        "rights in PostgreSQL": rights,
        "rights in MongoDB": collections,
        "limits": limits.markdown(),
        "attacks on PostgreSQL": _table(
            (name, f"`{attack.refused}`" if attack.refused else _HARMLESS) for name, attack in attacks.ATTACKS.items()
        ),
        "attacks on MongoDB": _table(
            (name, " ".join(f"`{code}`" for code in attack.refused) or _HARMLESS)
            for name, attack in attacks_mongodb.ATTACKS.items()
        ),
        "attacks on Kafka": _table((name, "not authorized") for name in attacks_kafka.ATTACKS),
        "attacks on Connect": _table(_of_connect()),
        "how many": (
            f"{len(attacks.ATTACKS)} in PostgreSQL, {len(attacks_mongodb.ATTACKS)} in MongoDB, "
            f"{len(attacks_kafka.ATTACKS)} in Kafka, {len(tuple(_of_connect()))} in Connect.\n"
        ),
    }


def written(text: str, generated: Mapping[str, str]) -> str:
    """Return the document with its generated parts replaced; every part has its place."""
    places = {match["name"] for match in _PART.finditer(text)}
    if places != set(generated):
        raise ValueError(f"Places and parts differ: {places ^ set(generated)}")
    return _PART.sub(lambda match: f"{match[1]}{generated[match['name']]}{match[3]}", text)


def _of_connect() -> Iterable[tuple[str, str]]:
    for name, (method, path, _) in attacks_connect.ENDPOINTS.items():
        yield f"{name}: `{method} {path}` without the password", "`401`"
    for name, (method, path, _) in attacks_connect.INTERNAL.items():
        yield f"{name}: `{method} {path}` without their signature", "`400` or `403`"
    for name in attacks_connect.references(Path("/")):
        yield f"{name}, by a reference in a configuration, with the password", "nothing is read"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "| attempt | what comes of it |\n|---|---|\n" + "".join(f"| {name} | {what} |\n" for name, what in rows)


if __name__ == "__main__":
    running = Settings.from_environment(stack.environment(Settings.from_environment()))
    DOCUMENT.write_text(written(DOCUMENT.read_text(), parts(running)))
    print(f"{DOCUMENT} is current.", file=sys.stderr)
