"""What can go wrong here, and what to do about it: one base class for every error of the package."""

from __future__ import annotations

from retail_pipeline.names import printable


class RetailError(Exception):
    """Something this project knows how to explain.

    The message says what happened and to which thing; `next_step`, where there is one, what to do about it.
    Neither ever holds a secret. `exit_code` is what the command ends with.
    """

    exit_code = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        # Names of files come in any bytes, and a terminal or log takes characters alone.
        self.message = printable(message)
        self.next_step = printable(next_step)
        super().__init__(f"{self.message}\n  Next: {self.next_step}" if next_step else self.message)


class SettingError(RetailError):
    """A setting is missing or cannot be read."""


class StackError(RetailError):
    """A server could not be had, started or stopped."""


class SourceError(RetailError):
    """An input file as a whole cannot be loaded; nothing was written."""


class WarehouseError(RetailError):
    """PostgreSQL refused, or is not in the state that a step needs."""


class BlockedError(WarehouseError):
    """What somebody else holds was not to be had in time, so the question was not answered or the step not made."""

    exit_code = 2


class ReplicationError(RetailError):
    """The stream is not set up, or not running."""


class MirrorError(RetailError):
    """MongoDB refused, or its collections are not in the state that a step needs."""


class CouldNotTellError(RetailError):
    """A check could not be carried out, so neither yes nor no is the answer."""

    exit_code = 2


def first_line(error: BaseException) -> str:
    """Return the first line of what a server or its driver raised: the reason, and of PostgreSQL never a password."""
    return str(error).strip().partition("\n")[0]
