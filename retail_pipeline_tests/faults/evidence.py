"""Who healed? Found in what the supervisor, the sensors and their runs logged; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

SUPERVISOR, SENSOR, RUN = "supervisor", "sensor", "run asked for by a sensor"
# Where nobody applied a remedy, what was hit went on by its own retries.
ITSELF = "the server itself"
_COUNT = r"[1-9][\d,]*"
# One that found nothing to write has not healed: another one had, before.
_REMEDY = (
    r"(?:[\w-]+: (?:restarted|registered as declared)"
    rf"|found: .*; wrote {_COUNT} documents"
    rf"|(?:\w+: )?(?:{_COUNT} documents rewritten|0 documents rewritten, {_COUNT} deleted))"
)
_ACTS = (
    (SUPERVISOR, re.compile(rf"\S+ (?:healing: {_REMEDY}|\w+ (?:restarted|failed: Died \d+ times in a row: .*)$)")),
    (SENSOR, re.compile(rf".* - \w+_sensor - healing: {_REMEDY}")),
    (RUN, re.compile(rf".* - healing, asked for by \w+_sensor: {_REMEDY}")),
)
_SECOND = len("2026-11-28T16:26:04")


def healed_by(lines: Iterable[str]) -> str:
    """Return who applied remedies, in the order of the first of each; each line begins with its time in UTC."""
    acts = [(line[:_SECOND].replace("T", " "), healer) for line in lines for healer, said in _ACTS if said.match(line)]
    return ", then ".join(dict.fromkeys(healer for _, healer in sorted(acts, key=lambda act: act[0]))) or ITSELF
