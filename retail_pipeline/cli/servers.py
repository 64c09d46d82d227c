"""The calls about servers: start, stop, look at them, read their logs, connect to them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from retail_pipeline.cli import call
from retail_pipeline.cli.call import json_option, say, with_settings
from retail_pipeline.errors import RetailError
from retail_pipeline.settings import Settings

_WATCH_EVERY = 2.0


@click.command()
@with_settings
def up(settings: Settings) -> int:
    """Start what does not run, and wait until each server answers."""
    from retail_pipeline import stack

    stack.up(settings, say, supervise=settings.supervise)
    settings = stack.export(settings)
    _end_lost_runs(settings)
    _complete_stock(settings)
    return 0


def _end_lost_runs(settings: Settings) -> None:
    """End the runs that a crash left unfinished; where there is none, Dagster is not even imported."""
    from retail_pipeline import lifeline

    if settings.dagster_dsn and lifeline.unfinished(settings.dagster_dsn):
        from retail_pipeline import runs

        runs.end_lost(settings, say)


def _complete_stock(settings: Settings) -> None:
    """Set what a load left to set that was cut short; that it could not be done keeps no server from being up."""
    from retail_pipeline.warehouse import load_stock

    try:
        if load_stock.unset(settings):
            load_stock.complete(settings, say, timeout=call.TIMEOUT)
    except RetailError as error:
        say(str(error))


@click.command()
@click.option("--wipe", is_flag=True, help="Also remove their data and passwords.")
@with_settings
def down(settings: Settings, *, wipe: bool) -> int:
    """Stop every server."""
    from retail_pipeline import stack

    stack.down(settings, say, wipe=wipe)
    return 0


@click.command()
@json_option
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@with_settings
def status(settings: Settings, *, as_json: bool, watch: bool) -> int:
    """Show how everything is, and what to do about each problem.

    Asks each server, connector, slot and consumer group, the runs, the files and the stores; exits with 1 where there
    is a problem.
    """
    from retail_pipeline import status as health
    from retail_pipeline.status import rendering

    if as_json and watch:
        raise click.UsageError("Give --json or --watch, not both.")
    settings = call.running(settings)
    if watch:
        return rendering.watch(lambda: health.measure(settings), _WATCH_EVERY)
    report = health.measure(settings)
    if as_json:
        say(json.dumps(report.as_dict()))
    else:
        rendering.show(report)
    return 0 if report.healthy else 1


def _names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from retail_pipeline import stack

    return [CompletionItem(name) for name in stack.logs(Settings.from_environment()) if name.startswith(incomplete)]


@click.command()
@click.argument("name", required=False, shell_complete=_names)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=50, show_default=True, help="How many lines to begin.")
@with_settings
def logs(settings: Settings, name: str | None, *, follow: bool, lines: int) -> int:
    """Print the end of a server's log.

    Without NAME it prints where each log is.
    """
    from retail_pipeline import stack

    found = stack.logs(settings)
    if name is None:
        width = max(map(len, found))
        for server, path in found.items():
            say(f"{server:<{width}}  {path if path.exists() else 'none yet'}")
        return 0
    if name not in found:
        raise click.BadParameter(f"there is no server {name}{_meant(name, list(found))}", param_hint="NAME")
    if not found[name].exists():
        raise RetailError(f"{name} has no log yet.", "`retail-pipeline up` starts it")
    # By name, so that it goes on in the next file where the log is rotated.
    following = ["-F"] if follow else []
    return subprocess.call(["tail", "-n", str(lines), *following, "--", str(found[name])])


@click.command()
@with_settings
def env(settings: Settings) -> int:
    """Print `export NAME=value` lines for a shell."""
    from retail_pipeline import stack

    for name, value in stack.environment(settings).items():
        say(f"export {name}={shlex.quote(value)}")
    return 0


@click.command()
@click.argument("role")
@with_settings
def dsn(settings: Settings, role: str) -> int:
    """Print how a PostgreSQL role connects.

    Such as store_user_1, retail_admin or postgres.
    """
    from retail_pipeline.warehouse import connection

    settings = call.running(settings)
    if role != connection.SUPERUSER:
        _require_password(settings, "postgres", role)
    say(connection.dsn(settings, role))
    return 0


@click.command()
@click.argument("user")
@with_settings
def mongo_uri(settings: Settings, user: str) -> int:
    """Print how a MongoDB user connects.

    Such as store_user_1, analyst or admin.
    """
    from retail_pipeline.mirror import client

    settings = call.running(settings)
    if user != client.administrator(settings):
        _require_password(settings, "mongo", user)
    say(client.uri(settings, user))
    return 0


def _require_password(settings: Settings, server: str, login: str) -> None:
    """Refuse a role or user that was never made, before its first question would invent a password for it."""
    if settings.credentials.has(f"{server}/{login}"):
        return
    store = login.removeprefix("store_user_")
    if store.isdecimal():
        raise RetailError(
            f"There is no login {login} in {server}.",
            f"`retail-pipeline load CSV` of a file with store {store} makes it; `store list` names those there are",
        )
    known = [name.partition("/")[2] for name in settings.credentials.names() if name.startswith(f"{server}/")]
    stores = sum(name.startswith("store_user_") for name in known)
    others = sorted(name for name in known if not name.startswith("store_user_"))
    those = f"{', '.join(others)} and {stores} of stores" if stores else ", ".join(others)
    raise RetailError(
        f"There is no login {login} in {server}{_meant(login, known)}",
        f"those that are there: {those}" if known else "start the servers with `retail-pipeline up`",
    )


def _meant(word: str, known: Sequence[str]) -> str:
    """Return the end of a sentence that names what was probably meant."""
    close = get_close_matches(word, known, n=1)
    return f". Did you mean {close[0]}?" if close else "."


@click.command()
@with_settings
def ui(settings: Settings) -> int:
    """Print the address of Dagster's pages, and open them.

    They are opened where there is a browser.
    """
    import webbrowser

    from retail_pipeline import stack

    address = stack.ui_address(settings)
    say(address)
    if os.environ.get("DISPLAY"):
        webbrowser.open(address)
    return 0


CALLS = (up, down, status, logs, env, dsn, mongo_uri, ui)
