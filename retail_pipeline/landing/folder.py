"""What lies in the landing folder? Each entry with what tells whether it was written since, and why it is no CSV."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from retail_pipeline.errors import SettingError
from retail_pipeline.names import shown

_SUFFIX = b".csv"
_COMPRESSED = (b".gz", b".zip", b".bz2", b".xz", b".zst", b".7z", b".lz4", b".lzma", b".rar", b".z")
_PACKED_SUFFIXES = tuple(_SUFFIX + packed for packed in _COMPRESSED)


class Mark(NamedTuple):
    """What tells whether a file was written or replaced since: size in bytes, times in ns, and inode."""

    size: int
    changed: int
    status_changed: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> Mark:
        """Return the mark of a file that was looked at."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


NO_MARK = Mark(0, 0, 0, 0)


@dataclass(frozen=True)
class Entry:
    """What lies there: its name in bytes and, where it is no file to load, why. Only a file to load has a mark."""

    name: bytes
    mark: Mark = NO_MARK
    fault: str = ""


def promises_sales(name: bytes) -> bool:
    """Whether a name is that of a CSV, compressed or not: who put it here expects that it is loaded."""
    return name.lower().endswith((_SUFFIX, *_PACKED_SUFFIXES))


def scan(folder: Path) -> list[Entry]:
    """Return what lies in the folder, which is made where it is missing; raise SettingError where that fails.

    Hidden files and folders are nobody's delivery, and left out; a folder that is named as a CSV is a mistake.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.scandir(os.fsencode(folder)) as found:
            return list(_entries(found))
    except OSError as error:
        message = f"The landing folder {shown(folder)} cannot be read: {error.strerror}."
        raise SettingError(message, "check RETAIL_LANDING, and who may read the folder") from error


def _entries(found: Iterator[os.DirEntry[bytes]]) -> Iterator[Entry]:
    for one in found:
        if one.name.startswith(b"."):
            continue
        try:
            status = one.stat()
        except OSError as error:
            # Without a link it has gone since the folder was listed.
            if one.is_symlink() or error.errno != errno.ENOENT:
                yield Entry(one.name, fault=_unseen(one, error))
            continue
        is_csv = one.name.lower().endswith(_SUFFIX)
        if stat.S_ISREG(status.st_mode):
            yield Entry(one.name, Mark.of(status)) if is_csv else Entry(one.name, fault=_no_csv(one.name))
        elif not stat.S_ISDIR(status.st_mode):
            yield Entry(one.name, fault="it is no regular file")
        elif is_csv:
            yield Entry(one.name, fault="it is a folder: put the files themselves here")


def _unseen(one: os.DirEntry[bytes], error: OSError) -> str:
    if one.is_symlink() and error.errno == errno.ENOENT:
        return "it is a link to a file that is not there"
    return f"it cannot be looked at: {error.strerror}"


def _no_csv(name: bytes) -> str:
    if name.lower().endswith(_COMPRESSED):
        return "it is compressed: unpack it here"
    return "its name does not end with .csv"
