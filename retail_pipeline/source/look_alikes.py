"""Which name in a header only looks like a column's, and what makes it another? Compared without what nobody sees."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Small letters of other alphabets that are drawn like Latin ones; no normal form makes them equal.
_DRAWN_ALIKE = str.maketrans("аеорсухіѕјԁɡονι", "aeopcyxisjdgovi")  # noqa: RUF001
_LEFT_OUT = ("Z", "C", "Pd", "Pc")  # spaces, controls and what is invisible, dashes, underscores
# Drawn as nothing, although their category is one of letters or marks.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_NAMED = 3  # of the characters of each part of a name


def find(missing: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Return for each of the missing names the first of the names that looks like it, where there is one."""
    by_look: dict[str, str] = {}
    for name in names:
        by_look.setdefault(_seen(name), name)
    return {name: by_look[_seen(name)] for name in missing if _seen(name) in by_look}


def difference(found: str, wanted: str) -> str:
    """Say how a name differs from the one that it looks like, as the end of a sentence that begins with "it"."""
    plain = [place for place, character in enumerate(found) if _is_plain(character)]
    start, end = (plain[0], plain[-1] + 1) if plain else (len(found), len(found))
    parts = (("begins with", found[:start], ""), ("ends with", found[end:], ""), ("has", found[start:end], " inside"))
    said = [
        f"{how} {name}{where}"
        for how, part, where in parts
        for name in list(dict.fromkeys(_called(one) for one in part if not _is_plain(one)))[:_NAMED]
    ]
    if any(character.isascii() and character.isupper() for character in found):
        said.append("is written with capital letters")
    if (marks := found.count("_")) != wanted.count("_"):
        said.append("lacks an underscore" if marks < wanted.count("_") else "has an underscore too many")
    return " and ".join(said) or "is written otherwise"


def _seen(name: str) -> str:
    """Reduce a name to what a person sees of its letters."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_DRAWN_ALIKE)
    return "".join(
        character
        for character in plain
        if not unicodedata.category(character).startswith(_LEFT_OUT)
        and character not in _INVISIBLE
        and "VARIATION SELECTOR" not in unicodedata.name(character, "")
    )


def _is_plain(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _called(character: str) -> str:
    name = unicodedata.name(character, f"character U+{ord(character):04X}")
    name = name if "U+" in name else name.lower()
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"
