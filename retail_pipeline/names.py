"""How is a file's name shown, and how does it travel as text? A name is bytes, and not every one is characters."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

_URI = "file://"
# The tags of a run that loads a file: its name for people, and its path, which tells it from others of that name.
FILE_TAG, PATH_TAG = "file", "retail/path"


def shown(path: Path | str | bytes) -> str:
    r"""Return a name or path for people, logs and tags: what no terminal prints is escaped, as in `caf\xe9.csv`."""
    return "".join(r"\\" if character == "\\" else _escaped(character) for character in os.fsdecode(path))


def printable(text: str) -> str:
    """Return a text for a log or a terminal: line ends and tabs stay, other control characters are escaped."""
    if text.isprintable():
        return text
    return "".join(character if character in "\n\t" else _escaped(character) for character in text)


def file_tags(path: Path) -> dict[str, str]:
    """Return the tags of a run that loads this file."""
    return {FILE_TAG: shown(path.name), PATH_TAG: shown(path)}


def as_text(path: Path) -> str:
    """Return a path as text from which `from_text` makes the same path: itself, or a URI where it is no UTF-8."""
    text = str(path)
    return text if _is_unicode(text) and not text.startswith(_URI) else path.absolute().as_uri()


def from_text(text: str) -> Path:
    """Return the path that `as_text` was given."""
    if not text.startswith(_URI):
        return Path(text)
    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_URI))))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    # Python keeps a byte that is no UTF-8 as one of these, which no other program takes.
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
