"""The command `retail-pipeline`: reads its arguments, calls the package that does the work, prints the answer."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from retail_pipeline import interruption
from retail_pipeline.cli import data, servers, stores
from retail_pipeline.cli.call import PROGRAM, say
from retail_pipeline.errors import RetailError

_COMPLETED_BY = "_RETAIL_PIPELINE_COMPLETE"  # the variable by which a shell asks Click for completions


class _Calls(click.Group):
    """Calls in the order in which a new user needs them, not in that of their letters."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Name the calls as they were added."""
        return list(self.commands)


@click.group(PROGRAM, cls=_Calls)
@click.version_option(package_name=PROGRAM, message="%(prog)s %(version)s")
def root() -> None:
    """Run a multi-tenant retail platform: CSV, PostgreSQL, Kafka, MongoDB, by Dagster."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh"]))
def completion(shell: str) -> int:
    """Print what a shell needs to complete calls.

    Put `eval "$(retail-pipeline completion bash)"` into ~/.bashrc, or the same with zsh into ~/.zshrc.
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    say(made(root, {}, PROGRAM, _COMPLETED_BY).source())
    return 0


for added in (*servers.CALLS, *data.CALLS, stores.store, completion):
    root.add_command(added)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one call and return its exit code; an error that we can explain is a message, never a traceback."""
    # What the packages log is progress for the person at the terminal.
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    # It warns that SASL without TLS shows the password to the network; the embedded broker has none but the loopback.
    logging.getLogger("kafka").setLevel(logging.ERROR)
    with interruption.raising():
        try:
            code = root.main(arguments, PROGRAM, _COMPLETED_BY, standalone_mode=False)
            return int(code or 0)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except RetailError as error:
            print(f"{PROGRAM}: {error}", file=sys.stderr)
            return error.exit_code
        except click.Abort as error:
            # Click turns every KeyboardInterrupt into this.
            cause = error.__cause__
            stopped = cause if isinstance(cause, interruption.Stopped) else interruption.Stopped()
            with suppress(OSError):  # a terminal that was closed takes no line
                print(f"{PROGRAM}: {stopped}; run the same command again to go on.", file=sys.stderr)
            return 128 + stopped.number
