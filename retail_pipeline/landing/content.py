"""What is in a file that has come to rest? Its fingerprint, by which the ledger knows it, where nobody writes it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.landing.folder import Mark
from retail_pipeline.landing.memory import File

# A larger file is asked for without: its run reads it anyway, and loads nothing where the ledger knows it.
LARGEST = 128 * 1024 * 1024
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Content:
    """What was found in a file: its SHA-256, empty where it is too large, None where it may not be read yet."""

    fingerprint: str | None
    reason: str = ""


def look_into(folder: Path, file: File) -> Content:
    """Return what is in a file; raise OSError where it cannot be read."""
    # A FIFO that has taken the file's place since would keep who opens it waiting.
    descriptor = os.open(folder / os.fsdecode(file.name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as opened:
        if not _is(file, descriptor):
            return Content(None)
        if _is_being_written(descriptor):
            return Content(None, "a program has it open for writing")
        if file.mark.size > LARGEST:
            return Content("")
        digest = hashlib.sha256()
        while block := opened.read(_BLOCK):
            digest.update(block)
        return Content(digest.hexdigest() if _is(file, descriptor) else None)


def _is(file: File, descriptor: int) -> bool:
    status = os.fstat(descriptor)
    return stat.S_ISREG(status.st_mode) and Mark.of(status) == file.mark


def _is_being_written(descriptor: int) -> bool:
    """Whether a program of this machine has the file open for writing: then Linux gives no lease for reading.

    It can tell of our own files, as root of all; elsewhere, and on file systems without leases, rest has to be enough.
    """
    try:
        # A writer that comes now is told by a signal; this one does nothing, the default one would end the process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return False
