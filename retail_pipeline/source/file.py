"""What is this file, and is it one of sales? Opening it, its header, its fingerprint; every problem of a whole file."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from retail_pipeline.errors import SourceError
from retail_pipeline.source.columns import NAMES

BOM = b"\xef\xbb\xbf"
LONGEST_HEADER = 64 * 1024
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HASH_BLOCK = 1024 * 1024
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
        """Return the file's name as text that every store takes: bytes that are no UTF-8 show as escapes."""
        return os.fsencode(self.path.name).decode("utf-8", "backslashreplace")

    def check_unchanged(self, file: BinaryIO) -> None:
        """Raise SourceError where the file is not the one whose fingerprint was taken."""
        if _state(file) != self.state:
            message = f"{self.path} was changed while it was being read."
            raise SourceError(message, "wait until it is written completely, then load it again")


def open_source(path: Path) -> SourceFile:
    """Read header and fingerprint of the file, or raise SourceError that says what is wrong with it as a whole."""
    try:
        with path.open("rb") as file:
            state = _state(file)
            start = file.read(LONGEST_HEADER)
            _check_start(path, start)
            columns, body = _header(path, start)
            file.seek(0)
            digest = hashlib.sha256()
            for block in _blocks(file):
                digest.update(block)
            source = SourceFile(path, digest.hexdigest(), state[0], columns, body, state)
            source.check_unchanged(file)
            return source
    except FileNotFoundError as error:
        raise SourceError(f"There is no file {path}.", "check the path") from error
    except IsADirectoryError as error:
        raise SourceError(f"{path} is a folder, not a file.", "name the CSV file in it") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "check the path and its permissions") from error


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
    """Give the names of the columns and the offset of the line after them."""
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
        text = line.removeprefix(BOM).decode("utf-8").rstrip("\r")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8: byte {error.start + 1} of line 1 is no character.", _EXPORT) from error
    try:
        names = tuple(next(csv.reader([text], strict=True), []))
    except csv.Error as error:
        raise SourceError(f"The header of {path} cannot be read: {error}.", _EXPORT) from error
    _check_names(path, text, names)
    return names, (len(start) if end < 0 else end + 1)


def _check_names(path: Path, text: str, names: tuple[str, ...]) -> None:
    """Refuse a header that has not each of the columns once, and no other: a value without a place would vanish."""
    known = [name for name in names if name in NAMES]
    if len(known) <= 1:
        for separator, called in _OTHER_SEPARATORS.items():
            if len(set(text.split(separator)) & set(NAMES)) > 1:
                raise SourceError(f"The columns of {path} are separated by {called}, not by commas.", _EXPORT)
    if not known:
        message = f"{path} has no header: its first line names none of the {len(NAMES)} columns."
        raise SourceError(
            message, "put the names of the columns into the first line, or check that it is the right file"
        )
    if missing := [name for name in NAMES if name not in names]:
        message = f"{path} lacks {_listed('column', missing)}."
        raise SourceError(message, "export it again with every column")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        message = f"{path} has {_listed('column', twice)} more than once."
        raise SourceError(message, "keep the right one and remove the other")
    if unknown := [name for name in names if name not in NAMES]:
        message = f"{path} has {_listed('unknown column', unknown)}; there is no place for its values."
        raise SourceError(message, "remove it from the file, so that nothing is lost unseen")


def _listed(noun: str, names: list[str]) -> str:
    """Name at most five things."""
    shown = ", ".join(repr(name[:60]) for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004 - the five shown
    return f"the {noun}{'s' if len(names) > 1 else ''} {shown}{more}"
