"""The command `retail-pipeline`: reads its arguments, calls the package that does the work, prints the answer."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from retail_pipeline import interruption
from retail_pipeline.errors import RetailError, SourceError
from retail_pipeline.settings import Settings

REFUSED = 2  # before a run was made
# Who waits at a terminal for what another run holds is told who it is after so many seconds.
_TIMEOUT = 60.0
_ADDRESSES = "`retail-pipeline dsn` and `mongo-uri` give its addresses"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one call and return its exit code; an error that we can explain is a message, never a traceback."""
    options = _parser().parse_args(arguments)
    # What the packages log is progress for the person at the terminal.
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    # It warns that SASL without TLS shows the password to the network; the embedded broker has none but the loopback.
    logging.getLogger("kafka").setLevel(logging.ERROR)
    command: Callable[[Settings, argparse.Namespace], int] = options.command
    with interruption.raising():
        try:
            return command(Settings.from_environment(), options)
        except RetailError as error:
            print(f"retail-pipeline: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt as error:
            stopped = error if isinstance(error, interruption.Stopped) else interruption.Stopped()
            with suppress(OSError):  # a terminal that was closed takes no line
                print(f"retail-pipeline: {stopped}; run the same command again to go on.", file=sys.stderr)
            return 128 + stopped.number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retail-pipeline",
        description="A multi-tenant retail platform: CSV, PostgreSQL, Kafka, MongoDB, run by Dagster.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    calls = parser.add_subparsers(title="calls", metavar="CALL", required=True)

    def call(name: str, command: Callable[[Settings, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = calls.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    demo = call("demo", _demo, "everything once: start, load, stream, sell, check, sum up")
    demo.add_argument("csv", nargs="?", type=Path, help="the file to load; without it RETAIL_CSV, else the sample")
    call("up", _up, "start every server, or restart what died, and wait until each answers")
    down = call("down", _down, "stop every server")
    down.add_argument("--wipe", action="store_true", help="also remove their data and passwords")
    _with_json(call("status", _status, "the health of each server, connector, slot and consumer group"))
    call("env", _env, "print `export NAME=value` lines for a shell")
    dsn = call("dsn", _dsn, "how a PostgreSQL role connects")
    dsn.add_argument("role", help="such as store_user_1, retail_admin or postgres")
    uri = call("mongo-uri", _mongo_uri, "how a MongoDB user connects")
    uri.add_argument("user", help="such as store_user_1, analyst or admin")
    load = _with_json(call("load", _load, "load one file, through Dagster"))
    load.add_argument("csv", type=Path, help="the file to load")
    load.add_argument(
        "--accept",
        action="store_true",
        help="load although many rows are quarantined, or its dates may be in another order",
    )
    _with_json(call("verify", _verify, "does MongoDB equal PostgreSQL? exit 0 yes, 1 no, 2 could not tell"))
    call("repair", _repair, "make MongoDB equal PostgreSQL")
    bench = _with_json(
        call("bench", _bench, "measure one thing beside its baseline, in databases or servers of the bench's own")
    )
    bench.add_argument("name", help="cdc, initial-load, load, noisy-neighbor, rls, sale or verify")
    store = call("store", _store, "a store's logins, in PostgreSQL and MongoDB alike")
    actions = store.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    for action, text in _STORE_ACTIONS.items():
        added = actions.add_parser(action, help=text, description=text)
        added.add_argument("store_id", type=int, help="the store's number")
    call("ui", _ui, "the address of Dagster's web UI")
    return parser


class _Version(argparse.Action):
    """Print the version of the installed distribution, whose one source is pyproject.toml."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Look it up only when it is asked for, for that reads metadata from disk."""
        from importlib.metadata import version

        print(f"{parser.prog} {version(parser.prog)}")
        parser.exit()


def _with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _running(settings: Settings) -> Settings:
    """Fill in the addresses of the embedded servers, for this process and what it starts."""
    from retail_pipeline import stack

    return stack.export(settings)


def _demo(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline import demo

    return demo.run(settings, options.csv, _say)


def _up(settings: Settings, _: argparse.Namespace) -> int:
    from retail_pipeline import stack

    stack.up(settings, _say, supervise=settings.supervise)
    settings = stack.export(settings)
    _end_lost_runs(settings)
    _complete_stock(settings)
    return 0


def _end_lost_runs(settings: Settings) -> None:
    """End the runs that a crash left unfinished; where there is none, Dagster is not even imported."""
    from retail_pipeline import lifeline

    if settings.dagster_dsn and lifeline.unfinished(settings.dagster_dsn):
        from retail_pipeline import runs

        runs.end_lost(settings, _say)


def _complete_stock(settings: Settings) -> None:
    """Set what a load left to set that was cut short; that it could not be done keeps no server from being up."""
    from retail_pipeline.warehouse import load_stock

    try:
        if load_stock.unset(settings):
            load_stock.complete(settings, _say, timeout=_TIMEOUT)
    except RetailError as error:
        _say(str(error))


def _down(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline import stack

    stack.down(settings, _say, wipe=options.wipe)
    return 0


def _status(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline import status

    report = status.measure(_running(settings))
    _say(json.dumps(report.as_dict()) if options.json else report.as_text())
    return 0 if report.healthy else 1


def _env(settings: Settings, _: argparse.Namespace) -> int:
    from retail_pipeline import stack

    for name, value in stack.environment(settings).items():
        _say(f"export {name}={shlex.quote(value)}")
    return 0


def _dsn(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline.warehouse import connection

    settings = _running(settings)
    if options.role != connection.SUPERUSER:
        _require_password(settings, f"postgres/{options.role}")
    _say(connection.dsn(settings, options.role))
    return 0


def _mongo_uri(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline.mirror import client

    settings = _running(settings)
    if options.user != client.administrator(settings):
        _require_password(settings, f"mongo/{options.user}")
    _say(client.uri(settings, options.user))
    return 0


def _require_password(settings: Settings, name: str) -> None:
    """Refuse a role or user that was never made, before its first question would invent a password for it."""
    if not settings.credentials.has(name):
        server, _, login = name.partition("/")
        raise RetailError(
            f"There is no login {login} in {server}.",
            "a store gets its logins when a file with it is loaded: `retail-pipeline load CSV`",
        )


def _load(settings: Settings, options: argparse.Namespace) -> int:
    path = options.csv.expanduser()
    _refuse_no_source(path)  # before Dagster is imported, which takes seconds
    from retail_pipeline import runs

    report = runs.report_of(runs.load(_running(settings), path.resolve(), accept=options.accept, say=_progress))
    _say(json.dumps(report) if options.json else runs.sentence(report))
    return 0


def _refuse_no_source(path: Path) -> None:
    """Refuse what is no file of sales before a run is made; what is asked costs nothing, whatever the file's size."""
    from retail_pipeline.source.file import check_source

    try:
        check_source(path)
    except SourceError as error:
        error.exit_code = REFUSED
        raise


def _verify(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline.mirror import fidelity

    report = fidelity.verify(_running(settings))
    _say(json.dumps(report.as_dict()) if options.json else report.as_text())
    return 0 if report.equal else 1


def _repair(settings: Settings, _: argparse.Namespace) -> int:
    from retail_pipeline.healing import dead_letters
    from retail_pipeline.tables import MIRRORED

    report = dead_letters.repair_and_acknowledge(_running(settings), MIRRORED, report=_progress, within=_TIMEOUT)
    _say(f"{sum(report.written.values()):,} documents rewritten, {sum(report.deleted.values()):,} deleted.")
    _say(report.after.as_text())
    return 0 if report.after.equal else 1


def _bench(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline import bench

    result = bench.run(_running(settings), options.name, _progress)
    _say(json.dumps(result.as_dict()) if options.json else result.as_text())
    return 1 if result.faults else 0


_STORE_ACTIONS = {
    "add": "let a store in that is in the data: its logins, its views",
    "enable": "let a store in again that was disabled",
    "disable": "keep a store out until it is enabled, and end its sessions; its data stay",
    "remove": "drop its logins and views; its data stay, and the next load lets it in again",
    "rotate": "give it new passwords; nothing is restarted",
}


def _store(settings: Settings, options: argparse.Namespace) -> int:
    from retail_pipeline.mirror import tenants
    from retail_pipeline.warehouse import connection, roles

    settings, store_id = _running(settings), options.store_id
    role = connection.store_role(store_id)
    if options.action in ("add", "enable"):
        roles.add_store(settings, store_id)
        tenants.add_store(settings, store_id)
    elif options.action == "disable":
        roles.disable_store(settings, store_id)
        tenants.disable_store(settings, store_id)
    elif options.action == "remove":
        # PostgreSQL last: where this is cut short, running it again finds the login and goes on.
        tenants.remove_store(settings, store_id)
        roles.remove_store(settings, store_id)
    else:
        roles.rotate_password(settings, role)
        tenants.rotate_password(settings, store_id)
    _say(f"{role}: {_STORE_DONE[options.action]}")
    return 0


_STORE_DONE = {
    "add": f"let in; {_ADDRESSES}",
    "enable": "let in again, with the passwords that it had",
    "disable": "kept out of PostgreSQL and MongoDB",
    "remove": "its logins and views are gone, its data are not",
    "rotate": f"has new passwords; {_ADDRESSES}",
}


def _ui(settings: Settings, _: argparse.Namespace) -> int:
    import webbrowser

    from retail_pipeline import stack

    address = stack.ui_address(settings)
    _say(address)
    if os.environ.get("DISPLAY"):
        webbrowser.open(address)
    return 0
