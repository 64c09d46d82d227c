"""Where is everything? The environment, read once and typed; and the passwords, made once and kept to their owner."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from retail_pipeline.errors import SettingError

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries in its package what lies beside the package in a checkout, see setup.py.
_IN_WHEEL = _PACKAGE / "_files"
PROJECT = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent
SQL = PROJECT / "sql"
INFRA = PROJECT / "infra"
SAMPLE = PROJECT / "data" / "sample.csv"


@dataclass(frozen=True)
class Settings:
    """The settings of one deployment. An address is None where its variable is not set.

    `postgres_dsn` and `mongo_uri` are those of the administrator; what connects as a lesser role takes the same
    address with that role's name and password, see `warehouse.connection` and `mongodb`. Of a file's rows
    `warn_share` may be quarantined before a check warns, `error_share` before nothing of the file is loaded. With
    `supervise` an embedded server that dies is restarted; with `heal` the sensors heal the stream that they watch.
    `alert_url` gets alarms; like an address it may hold a secret.
    """

    home: Path
    csv: Path | None
    postgres_dsn: str | None
    mongo_uri: str | None
    kafka_bootstrap: str | None
    connect_url: str | None
    dagster_dsn: str | None
    dagster_home: Path
    landing: Path
    warn_share: float = 0.001
    error_share: float = 0.01
    supervise: bool = True
    heal: bool = True
    alert_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the variables; an empty one counts as not set."""
        values = {name: value for name, value in (environment or os.environ).items() if value}
        home = Path(values.get("RETAIL_HOME", _default_home(values))).expanduser().resolve()
        return cls(
            home=home,
            csv=Path(values["RETAIL_CSV"]).expanduser().resolve() if "RETAIL_CSV" in values else None,
            postgres_dsn=values.get("RETAIL_POSTGRES_DSN"),
            mongo_uri=values.get("RETAIL_MONGO_URI"),
            kafka_bootstrap=values.get("RETAIL_KAFKA_BOOTSTRAP"),
            connect_url=values.get("RETAIL_CONNECT_URL"),
            dagster_dsn=values.get("RETAIL_DAGSTER_DSN"),
            dagster_home=Path(values.get("DAGSTER_HOME", home / "dagster")).expanduser().resolve(),
            landing=Path(values.get("RETAIL_LANDING", home / "landing")).expanduser().resolve(),
            warn_share=_share(values, "RETAIL_WARN_SHARE", cls.warn_share),
            error_share=_share(values, "RETAIL_ERROR_SHARE", cls.error_share),
            supervise=_switch(values, "RETAIL_SUPERVISE"),
            heal=_switch(values, "RETAIL_HEAL"),
            alert_url=_url(values, "RETAIL_ALERT_URL"),
        )

    def choices(self) -> dict[str, str]:
        """Return the variables of what is no address, for a process that is to behave as this one."""
        return {
            "RETAIL_LANDING": str(self.landing),
            "RETAIL_WARN_SHARE": str(self.warn_share),
            "RETAIL_ERROR_SHARE": str(self.error_share),
            "RETAIL_SUPERVISE": str(int(self.supervise)),
            "RETAIL_HEAL": str(int(self.heal)),
            **({"RETAIL_ALERT_URL": self.alert_url} if self.alert_url else {}),
        }

    def require(self, name: str) -> str:
        """Return the address in field `name`, or raise SettingError with the variable to set."""
        value = getattr(self, name)
        if not value:
            message = f"RETAIL_{name.upper()} is not set, and no embedded server is running."
            raise SettingError(message, "start the embedded servers with `retail-pipeline up`, or set the variable")
        return str(value)

    @property
    def credentials(self) -> Credentials:
        """The passwords of this deployment."""
        return Credentials(self.home / "credentials.json")


def _default_home(values: Mapping[str, str]) -> Path:
    """Return the state folder that is used without RETAIL_HOME: in the checkout, else where the user keeps state.

    The latter follows the XDG Base Directory Specification.
    """
    if PROJECT != _IN_WHEEL:
        return PROJECT / ".retail"
    return Path(values.get("XDG_STATE_HOME", "~/.local/state")) / "retail-pipeline"


def _share(values: Mapping[str, str], name: str, default: float) -> float:
    try:
        share = float(values.get(name, default))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise SettingError(f"{name} is {values[name]!r}, which is no share.", "give a number from 0 to 1, such as 0.01")
    return share


def _switch(values: Mapping[str, str], name: str) -> bool:
    value = values.get(name, "1")
    if value not in ("0", "1"):
        raise SettingError(f"{name} is {value!r}, which is no switch.", "give 1 for on or 0 for off")
    return value == "1"


def _url(values: Mapping[str, str], name: str) -> str | None:
    url = values.get(name)
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
        # Without its value, which may hold a secret.
        raise SettingError(f"{name} is no address.", "give one that begins with http:// or https://")
    return url


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read; whoever reads it finds the old text or the new one."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class Credentials:
    """Passwords by the name of what they open; each is generated when first asked for and never changes by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def password(self, name: str) -> str:
        """Return the password of `name`, such as `postgres/store_user_1`; make it on first use."""
        return self.passwords([name])[name]

    def passwords(self, names: list[str]) -> dict[str, str]:
        """Return several passwords at once, with one write for those that are new."""
        known = self._read()
        if any(name not in known for name in names):
            with self._locked():
                known = self._read()
                known |= {name: secrets.token_urlsafe(24) for name in names if name not in known}
                self._write(known)
        return {name: known[name] for name in names}

    def has(self, name: str) -> bool:
        """Return whether `name` has a password already."""
        return name in self._read()

    def names(self) -> list[str]:
        """Name everything that has a password."""
        return list(self._read())

    def known(self, name: str) -> str | None:
        """Return the password of `name` where there is one already."""
        return self._read().get(name)

    def rotate(self, name: str) -> str:
        """Make and keep a new password for `name`."""
        with self._locked():
            known = self._read() | {name: secrets.token_urlsafe(24)}
            self._write(known)
        return known[name]

    def _read(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            message = f"The passwords in {self.path} cannot be read: {error}."
            raise SettingError(message, "give the file back to its owner, or `make clean` and start again") from error

    def _write(self, known: dict[str, str]) -> None:
        write_private(self.path, json.dumps(known, indent=1))

    def _locked(self) -> _Lock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return _Lock(self.path.with_suffix(".lock"))


class _Lock:
    """An exclusive lock on a file, freed by the system when its holder dies."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self._file = self.path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()
