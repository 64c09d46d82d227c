"""The calls about stores: who may log in, and who no longer, in PostgreSQL and MongoDB alike."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from retail_pipeline.cli import call
from retail_pipeline.cli.call import json_option, say, with_settings
from retail_pipeline.settings import Settings

_ADDRESSES = "`retail-pipeline dsn` and `mongo-uri` give its addresses"
_number = click.argument("store_id", metavar="N", type=click.IntRange(0))


@click.group()
def store() -> None:
    """Let stores in or keep them out, in PostgreSQL and MongoDB."""


@store.command("list")
@json_option
@with_settings
def list_(settings: Settings, *, as_json: bool) -> int:
    """Name every store and whether it may log in.

    Beside it stands how many connections to PostgreSQL it has, and how many it may have.
    """
    from retail_pipeline.mirror import logins

    found = logins.of_stores(call.running(settings))
    say(json.dumps([one.as_dict() for one in found]) if as_json else logins.as_text(found))
    return 0


def _action(name: str, text: str, done: str) -> Callable[[Callable[[Settings, int], None]], None]:
    """Add an action on one store; what it says when it is done."""

    def add(act: Callable[[Settings, int], None]) -> None:
        @store.command(name, help=text)
        @_number
        @with_settings
        def run(settings: Settings, store_id: int) -> int:
            from retail_pipeline.warehouse import connection

            act(call.running(settings), store_id)
            say(f"{connection.store_role(store_id)}: {done}")
            return 0

    return add


def _let_in(settings: Settings, store_id: int) -> None:
    from retail_pipeline.mirror import tenants
    from retail_pipeline.warehouse import roles

    roles.add_store(settings, store_id)
    tenants.add_store(settings, store_id)


_action("add", "Let a store in that is in the data.", f"let in; {_ADDRESSES}")(_let_in)
_action("enable", "Let a store in again.", "let in again, with the passwords that it had")(_let_in)


@_action(
    "disable",
    "Keep a store out until it is enabled. Its sessions end, its data stay.",
    "kept out of PostgreSQL and MongoDB",
)
def _disable(settings: Settings, store_id: int) -> None:
    from retail_pipeline.mirror import tenants
    from retail_pipeline.warehouse import roles

    roles.disable_store(settings, store_id)
    tenants.disable_store(settings, store_id)


@_action(
    "remove",
    "Drop a store's logins and views. Its data stay, and the next load lets it in again.",
    "its logins and views are gone, its data are not",
)
def _remove(settings: Settings, store_id: int) -> None:
    from retail_pipeline.mirror import tenants
    from retail_pipeline.warehouse import roles

    # PostgreSQL last: where this is cut short, running it again finds the login and goes on.
    tenants.remove_store(settings, store_id)
    roles.remove_store(settings, store_id)


@_action("rotate", "Give a store new passwords. Nothing is restarted.", f"has new passwords; {_ADDRESSES}")
def _rotate(settings: Settings, store_id: int) -> None:
    from retail_pipeline.mirror import tenants
    from retail_pipeline.warehouse import connection, roles

    roles.rotate_password(settings, connection.store_role(store_id))
    tenants.rotate_password(settings, store_id)
