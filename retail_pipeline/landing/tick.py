"""What does one look at the landing folder find, and what is asked for? A tick may die anywhere and harms nothing.

What it found is kept in one write at its end, before its requests are handed over. A file whose request never arrived
is asked for again with the same run key, for which Dagster makes no second run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from retail_pipeline.errors import RetailError
from retail_pipeline.landing import arrivals, content
from retail_pipeline.landing.arrivals import Ended, Files, Outcome
from retail_pipeline.landing.folder import scan
from retail_pipeline.landing.memory import NAME, File, State, open_memory
from retail_pipeline.names import shown
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import ledger

_MOST_NAMES = 5
_LONGEST = 100
# Of run keys, how each run ended; one that Dagster does not know is missing.
Outcomes = Callable[[list[str]], Mapping[str, Outcome]]


@dataclass(frozen=True)
class Tick:
    """What a tick asks for, and what it has to say in a line."""

    requests: tuple[File, ...]
    sentence: str


def tick(settings: Settings, outcomes: Outcomes, tell: Callable[[str], None], now: float) -> Tick:
    """Look once, remember what was found, and return what to ask for; news of single files goes to `tell`."""
    entries = scan(settings.landing)
    with open_memory(settings.home / NAME) as memory:
        files: dict[bytes, File] = arrivals.seen(memory.files, entries, now)
        hindrance = ""
        try:
            files, requests = _decided(settings, files, outcomes, now)
        except RetailError as error:
            # Without the ledger nobody can tell what is loaded already, and a run would fail for the same reason.
            hindrance, requests = error.message, ()
        for news in _news(memory.files, files):
            tell(news)
        memory.keep(files)
    return Tick(requests, "; ".join(_parts(settings, files, requests, hindrance)))


def _decided(
    settings: Settings, before: Files, outcomes: Outcomes, now: float
) -> tuple[dict[bytes, File], tuple[File, ...]]:
    """Return what becomes of the files by their content, their runs and the ledger, and what is asked for."""
    files = dict(before)
    fresh = [_looked_into(settings, file, now) for file in arrivals.to_look_into(files, now)]
    files |= {file.name: file for file in fresh}
    waiting = [file for file in files.values() if file.state is State.ASKED]
    ended = outcomes([file.run_key for file in waiting]) if waiting else {}
    asked = [arrivals.identified(file, ended.get(file.run_key)) for file in waiting]
    finished = [file for file in asked if _has_ended(ended.get(file.run_key))]
    missing = [file for file in asked if file.run_key not in ended]
    refused = [file for file in files.values() if file.state is State.REFUSED]  # a person may have loaded it since
    doubtful = [*fresh, *finished, *missing, *refused, *arrivals.turn(files, now)]
    loaded = arrivals.to_doubt(files)
    fingerprints = {file.fingerprint for file in [*doubtful, *loaded] if file.fingerprint}
    known = ledger.known(settings, fingerprints) if fingerprints else set()

    for file in asked:
        if outcome := ended.get(file.run_key):
            files[file.name] = arrivals.concluded(file, outcome, known, now)
    for file in doubtful:
        if file.fingerprint in known:
            files[file.name] = arrivals.loaded(file, now)
    for file in loaded:
        if file.fingerprint not in known:
            files[file.name] = arrivals.forgotten(file, now)
    requests = [file for file in missing if file.fingerprint not in known]
    for file in arrivals.turn(files, now):
        files[file.name] = replace(file, state=State.ASKED, since=now, reason="")
        requests.append(files[file.name])
    return files, tuple(requests)


def _looked_into(settings: Settings, file: File, now: float) -> File:
    try:
        found = content.look_into(settings.landing, file)
    except FileNotFoundError:
        return file
    except PermissionError as error:
        # Whoever repairs it changes the file's status, by which it is new.
        return arrivals.refused(file, f"it cannot be read: {error.strerror}", now)
    except OSError as error:
        return arrivals.failed(file, f"it cannot be read: {error.strerror}", now)
    return replace(file, fingerprint=found.fingerprint, reason=found.reason)


def _has_ended(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.ended is not Ended.NOT_YET


def _news(before: Files, after: Files) -> Iterator[str]:
    """Report once each file that is left lying, of each try that failed, and in one line of what the ledger lost."""
    forgotten = []
    for name, file in after.items():
        known = before.get(name)
        is_new = known is None or (known.state, known.reason, known.mark) != (file.state, file.reason, file.mark)
        if is_new and file.state in (State.REFUSED, State.IGNORED):
            yield f"{_clipped(file)} is not loaded: {file.reason}"
        elif known is not None and file.tries > known.tries:
            if known.state is State.LOADED:
                forgotten.append(file)
            else:
                yield f"{_clipped(file)} is tried again after a pause: {file.reason}"
    if forgotten:
        yield f"loaded again, for the ledger no longer knows what is in them: {_names(forgotten)}"


def _parts(settings: Settings, files: Files, requests: Iterable[File], hindrance: str) -> Iterator[str]:
    def of(*states: State) -> list[File]:
        return sorted((file for file in files.values() if file.state in states), key=lambda file: -file.since)

    yield shown(settings.landing)
    if hindrance:
        yield f"nothing is asked for: {hindrance}"
    asked = list(requests)
    for title, found in (
        ("asked for", asked),
        ("at work", [file for file in of(State.ASKED) if file not in asked]),
        ("waiting", of(State.ARRIVING, State.READY)),
        ("refused", of(State.REFUSED)),
        ("no CSV", of(State.IGNORED)),
    ):
        if found:
            yield f"{title}: {_names(found)}"
    if count := len(of(State.LOADED)):
        yield f"loaded: {count:,}"


def _names(files: Sequence[File]) -> str:
    more = f" and {len(files) - _MOST_NAMES:,} more" if len(files) > _MOST_NAMES else ""
    return ", ".join(_clipped(file) for file in files[:_MOST_NAMES]) + more


def _clipped(file: File) -> str:
    name = shown(file.name)
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
