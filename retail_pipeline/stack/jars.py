"""The jars of infra/jars.txt: had from the Maven cache or fetched, and used only with the sha256 written there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.errors import StackError
from retail_pipeline.settings import INFRA

_LIST = INFRA / "jars.txt"
_AT_ONCE = 8
_TRIES = 3
_OTHER_SERVER = "or set RETAIL_KAFKA_BOOTSTRAP and RETAIL_CONNECT_URL to servers of yours"


@dataclass(frozen=True)
class Jar:
    """One pinned jar and the part that it belongs to: `kafka`, `debezium` or `mongodb`."""

    part: str
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinates(self) -> str:
        """Its name in Maven's notation."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def path(self) -> Path:
        """Its place in a Maven repository."""
        return Path(*self.group.split("."), self.artifact, self.version, f"{self.artifact}-{self.version}.jar")


def listed(path: Path = _LIST) -> list[Jar]:
    """Read the list."""
    jars = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            part, coordinates, sha256 = words
            group, artifact, version = coordinates.split(":")
        except ValueError as error:
            message = f"Line {number} of {path} is not `part group:artifact:version sha256`: {line!r}."
            raise StackError(message) from error
        jars.append(Jar(part, group, artifact, version, sha256))
    return jars


def fetched(home: Path, report: Callable[[str], None], jars: Iterable[Jar] | None = None) -> dict[Jar, Path]:
    """Return where each jar is, after fetching those that are missing, several at once."""
    wanted = listed() if jars is None else list(jars)
    caches = _caches(home)
    found = {jar: path for jar in wanted if (path := _cached(jar, caches))}
    missing = {jar.coordinates: jar for jar in wanted if jar not in found}
    if missing:
        report(f"Kafka and Connect: fetching {len(missing)} jars, once")
        for left in home.glob("jars-*"):
            shutil.rmtree(left, ignore_errors=True)  # of a command that was killed
        with tempfile.TemporaryDirectory(prefix="jars-", dir=home) as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
            fetching = [pool.submit(_fetch, jar, Path(folder), caches[0]) for jar in missing.values()]
            try:
                for future in as_completed(fetching):
                    future.result()
            finally:
                pool.shutdown(cancel_futures=True)
        found |= {jar: caches[0] / jar.path for jar in wanted if jar not in found}
    return found


def _caches(home: Path) -> list[Path]:
    """Return the Maven caches to look in; the first is the one to write to."""
    usual = Path(os.environ.get("M2_REPO") or Path("~/.m2/repository").expanduser())
    own = home / "jars"
    try:
        usual.mkdir(parents=True, exist_ok=True)
    except OSError:
        return [own]
    return [usual, own] if os.access(usual, os.W_OK) else [own, usual]


def _cached(jar: Jar, caches: list[Path]) -> Path | None:
    """Find a jar that is already there and is the right one."""
    for cache in caches:
        path = cache / jar.path
        if path.is_file() and _hash(path) == jar.sha256:
            return path
    return None


def _fetch(jar: Jar, folder: Path, cache: Path) -> None:
    """Fetch one jar aside, check it, and only then move it into the cache, where others may be looking."""
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        message = f"The jar {jar.coordinates} is missing, and jgo, which fetches jars, is not installed."
        raise StackError(message, f"`make install`, {_OTHER_SERVER}") from error
    for tries in range(_TRIES):
        aside = folder / f"{jar.artifact}-{tries}"
        try:
            got = MavenContext(repo_cache=aside).project(jar.group, jar.artifact).at_version(jar.version).artifact()
            path = Path(got.resolve())
        except Exception as error:
            if tries + 1 < _TRIES:
                continue
            message = f"The jar {jar.coordinates} could not be fetched: {type(error).__name__}."
            raise StackError(message, f"see whether this machine reaches Maven Central, {_OTHER_SERVER}") from error
        check(jar, path)
        target = cache / jar.path
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f"{target.name}.{os.getpid()}.new")
        shutil.copyfile(path, beside)
        beside.replace(target)
        return


def check(jar: Jar, path: Path) -> None:
    """Raise where a jar is not the one that the list names."""
    actual = _hash(path)
    if actual != jar.sha256:
        message = f"The jar {jar.coordinates} is not the one expected: its sha256 is {actual}, not {jar.sha256}."
        raise StackError(message, "find out who changed it; if it was you, write the new sha256 into infra/jars.txt")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
