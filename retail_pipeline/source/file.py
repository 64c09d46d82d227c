"""What is this file, and is it one of sales? Opening it, its header, its fingerprint; every problem of a whole file."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from retail_pipeline.errors import SourceError
from retail_pipeline.names import shown
from retail_pipeline.source import look_alikes
from retail_pipeline.source.columns import NAMES

BOM = b"\xef\xbb\xbf"
LONGEST_HEADER = 64 * 1024
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HASH_BLOCK = 1024 * 1024
_SHOWN = 5  # things of a kind that a message names
_NAME_SHOWN = 60
_KINDS: dict[str, Callable[[int], bool]] = {
    "a pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
}
# What another program hands over; a run in another process, or a second reading, finds something else there or nothing.
_HANDED_OVER = re.compile(r"/dev/(?:std(?:in|out|err)|fd/[0-9]+)|/proc/[^/]+/(?:task/[0-9]+/)?fd/[0-9]+")
_SAVE = "save what it gives to a file first, and load that file"
_CUT = "get the whole file, and check that the export ended well"
_EXPORT = "export it again as CSV: comma-separated, UTF-8, with the header row"


@dataclass(frozen=True)
class SourceFile:
    """A file whose header was read and is right.

    `columns` are in the order of the file; `body` is the offset of the first row.
    `state` tells whether the file was changed since: size and time of the last change.
    """

    path: Path
    sha256: str
    size: int
    columns: tuple[str, ...]
    body: int
    state: tuple[int, int]

    @property
    def name(self) -> str:
        """Its name as people, logs and the ledger show it."""
        return shown(self.path.name)

    def check_unchanged(self, file: BinaryIO) -> None:
        """Raise SourceError where the file is not the one whose fingerprint was taken."""
        if _state(file) != self.state:
            message = f"{self.path} was changed while it was being read."
            raise SourceError(message, "wait until it is written completely, then load it again")


def open_source(path: Path) -> SourceFile:
    """Read header and fingerprint of the file, or raise SourceError that says what is wrong with it as a whole."""
    with opened(path) as file:
        state = _state(file)
        columns, body = _begin(path, file)
        file.seek(0)
        digest = hashlib.sha256()
        for block in _blocks(file):
            digest.update(block)
        source = SourceFile(path, digest.hexdigest(), state[0], columns, body, state)
        source.check_unchanged(file)
        return source


def check_source(path: Path) -> None:
    """Raise SourceError where the path is no file, or its header none of sales; no more of it is read."""
    with opened(path) as file:
        _begin(path, file)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; raise SourceError where that cannot be done, or the path leads to something else.

    Nothing but a file is ever waited for: to open a pipe would last until somebody writes to it.
    """
    try:
        _check_kind(path, path.stat().st_mode)
        # The path may have changed meanwhile. Path.open has no `opener`.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            _check_kind(path, os.fstat(file.fileno()).st_mode)
            yield file
    except FileNotFoundError as error:
        raise SourceError(f"There is no file {path}.", "check the path") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "check the path and its permissions") from error


def _check_kind(path: Path, mode: int) -> None:
    """Refuse what can be read once only, or never ends."""
    if stat.S_ISDIR(mode):
        raise SourceError(f"{path} is a folder, not a file.", "name the CSV file in it")
    for called, is_one in _KINDS.items():
        if is_one(mode):
            raise SourceError(f"{path} is {called}, not a file.", _SAVE)
    if _HANDED_OVER.fullmatch(str(path)):
        raise SourceError(f"{path} is the input of this command, not a file of its own.", _SAVE)


def _begin(path: Path, file: BinaryIO) -> tuple[tuple[str, ...], int]:
    start = file.read(LONGEST_HEADER)
    _check_start(path, start)
    return _header(path, start)


def _state(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_HASH_BLOCK):
        yield block


def _check_start(path: Path, start: bytes) -> None:
    """Refuse what is no text at all."""
    if not start.strip():
        raise SourceError(f"{path} is empty.", f"{_EXPORT}, and check that the export ended well")
    if start.startswith(_WIDE_MARKS):
        raise SourceError(f"{path} is written in UTF-16, not in UTF-8.", _EXPORT)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SourceError(f"{path} is a workbook or an archive, not a CSV file.", _EXPORT)
    if start.startswith(b"\x1f\x8b"):
        raise SourceError(f"{path} is compressed.", "unpack it with gunzip, then load what comes out")


def _header(path: Path, start: bytes) -> tuple[tuple[str, ...], int]:
    """Return the names of the columns and the offset of the line after them."""
    end = start.find(b"\n")
    if end < 0 and len(start) == LONGEST_HEADER:
        raise SourceError(f"{path} has no line that ends within its first {LONGEST_HEADER} bytes.", _EXPORT)
    line = start if end < 0 else start[:end]
    if b"\0" in line:
        raise SourceError(f"{path} has zero bytes in its first line: it is not UTF-8, perhaps UTF-16.", _EXPORT)
    if b"\r" in line.rstrip(b"\r"):
        message = f"The lines of {path} end with carriage returns alone."
        raise SourceError(message, "save it with the line ends of Windows (CRLF) or Linux (LF)")
    try:
        names = _names(path, line.removeprefix(BOM))
    except SourceError as error:
        if end >= 0:
            raise
        message = f"{error.message} The file ends in this line, so it may be cut."
        raise SourceError(message, f"{_CUT}; if it is whole, {error.next_step}") from error
    return names, (len(start) if end < 0 else end + 1)


def _names(path: Path, line: bytes) -> tuple[str, ...]:
    """Return the names of the columns, each of them once and no other."""
    try:
        text = line.decode("utf-8").rstrip("\r")
        names = tuple(next(csv.reader([text], strict=True), []))
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8: byte {error.start + 1} of line 1 is no character.", _EXPORT) from error
    except csv.Error as error:
        raise SourceError(f"The header of {path} cannot be read: {error}.", _EXPORT) from error
    _check_names(path, text, names)
    return names


def _check_names(path: Path, text: str, names: tuple[str, ...]) -> None:
    """Refuse a header that has not each of the columns once, and no other: a value without a place would vanish."""
    known = [name for name in names if name in NAMES]
    if len(known) <= 1:
        for separator, called in _OTHER_SEPARATORS.items():
            if len(set(text.split(separator)) & set(NAMES)) > 1:
                raise SourceError(f"The columns of {path} are separated by {called}, not by commas.", _EXPORT)
    missing = [name for name in NAMES if name not in names]
    unknown = [name for name in names if name not in NAMES]
    alike = look_alikes.find(missing, unknown)
    if not known and not alike:
        message = f"{path} has no header: its first line names none of the {len(NAMES)} columns."
        raise SourceError(
            message, "put the names of the columns into the first line, or check that it is the right file"
        )
    if missing:
        raise _missing_columns(path, missing, alike)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        message = f"{path} has {_listed('column', twice)} more than once."
        raise SourceError(message, "keep the right one and remove the other")
    if unknown:
        message = f"{path} has {_listed('unknown column', unknown)}; there is no place for its values."
        raise SourceError(message, "remove it from the file, so that nothing is lost unseen")


def _missing_columns(path: Path, missing: list[str], alike: dict[str, str]) -> SourceError:
    """Say which columns are missing, and what there is that a person would take for them."""
    shown = list(alike.items())[:_SHOWN]
    said = [
        f"; {found[:_NAME_SHOWN]!r} looks like {'it' if len(missing) == 1 else repr(name)}: "
        f"it {look_alikes.difference(found, name)}"
        for name, found in shown
    ]
    step = f"rename it to {shown[0][0]!r}" if len(alike) == 1 else "rename each to the column that it looks like"
    if len(alike) < len(missing):
        step = f"{step}, and export the others too" if alike else "export it again with every column"
    return SourceError(f"{path} lacks {_listed('column', missing)}{''.join(said)}.", step)


def _listed(noun: str, names: list[str]) -> str:
    """Name the first things."""
    shown = ", ".join(repr(name[:_NAME_SHOWN]) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"the {noun}{'s' if len(names) > 1 else ''} {shown}{more}"
