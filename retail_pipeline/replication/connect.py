"""Kafka Connect's REST interface: https://kafka.apache.org/documentation/#connect_rest."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests

from retail_pipeline.errors import ReplicationError

RUNNING = "RUNNING"
STOPPED = "STOPPED"
PAUSED = "PAUSED"
FAILED = "FAILED"

Configuration = dict[str, str]
Status = dict[str, Any]

_ANSWER_WITHIN = 20
_CONFLICT = 409
_NOT_FOUND = 404
_UNAUTHORIZED = 401
_SERVER_ERROR = 500
# While the workers agree on who does what, every change is refused for a moment.
_AGREE_WITHIN = 60.0
_TRACE_LINES = 12
_LOGIN = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")
_PASSWORD = re.compile(r"(?i)(password[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]+")


def redact(text: str) -> str:
    """Cut passwords out of a text of another program."""
    return _PASSWORD.sub(r"\1***", _LOGIN.sub(r"\1***@", text))


class ConnectClient:
    """A worker's REST interface at an address that may hold user and password.

    `timeout` is how many seconds it may take to answer, and how long a change that it refuses is repeated.
    """

    def __init__(self, url: str, timeout: float | None = None) -> None:
        self._answer_within = _ANSWER_WITHIN if timeout is None else timeout
        self._agree_within = _AGREE_WITHIN if timeout is None else timeout
        parts = urlsplit(url)
        self.place = parts.netloc.rpartition("@")[2]
        self._base = urlunsplit((parts.scheme, self.place, parts.path.rstrip("/"), "", ""))
        self._session = requests.Session()
        # Without this a .netrc or a proxy of the user's environment would come between.
        self._session.trust_env = False
        if parts.username:
            self._session.auth = (unquote(parts.username), unquote(parts.password or ""))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def names(self) -> list[str]:
        """Name the registered connectors."""
        return sorted(self._ask("GET", "/connectors"))

    def survey(self) -> dict[str, tuple[Configuration, Status]]:
        """Return configuration and state of every connector in one answer."""
        answer = self._ask("GET", "/connectors?expand=info&expand=status")
        return {name: (found["info"]["config"], found["status"]) for name, found in answer.items()}

    def config(self, name: str) -> Configuration | None:
        """Return a connector's configuration; None where it is not registered."""
        answer: Configuration | None = self._ask("GET", f"{_path(name)}/config", absent=None)
        return answer

    def put_config(self, name: str, config: Mapping[str, str]) -> None:
        """Register a connector, or change its configuration."""
        self._ask("PUT", f"{_path(name)}/config", dict(config))

    def create_stopped(self, name: str, config: Mapping[str, str]) -> None:
        """Register a connector that does not run yet."""
        self._ask("POST", "/connectors", {"name": name, "config": dict(config), "initial_state": STOPPED})

    def status(self, name: str) -> Status | None:
        """Return the state of a connector and its tasks; None where it has none."""
        answer: Status | None = self._ask("GET", f"{_path(name)}/status", absent=None)
        return answer

    def stop(self, name: str) -> None:
        """End a connector's tasks, keep its registration, and wait until they have ended."""
        self._ask("PUT", f"{_path(name)}/stop")
        self._wait(
            lambda: f"Connector {name} was told to stop and has not.",
            lambda: (
                (status := self.status(name)) is not None
                and status["connector"]["state"] == STOPPED
                and not status["tasks"]
            ),
        )

    def pause(self, name: str) -> None:
        """Let a connector's tasks rest where they are."""
        self._ask("PUT", f"{_path(name)}/pause")

    def resume(self, name: str) -> None:
        """Let a connector that was stopped or paused run again."""
        self._ask("PUT", f"{_path(name)}/resume")

    def restart(self, name: str, *, only_failed: bool = False) -> None:
        """Restart a connector with its tasks."""
        self._ask("POST", f"{_path(name)}/restart?includeTasks=true&onlyFailed={str(only_failed).lower()}")

    def restart_failed(self, name: str) -> bool:
        """Restart what has failed of a connector; False where nothing has."""
        status = self.status(name)
        if status is None or FAILED not in states(status):
            return False
        self.restart(name, only_failed=True)
        return True

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Return the offsets from which a connector would go on, one for each of its partitions that has one."""
        answer = self._ask("GET", f"{_path(name)}/offsets", absent={"offsets": []})
        return [one["offset"] for one in answer["offsets"] if one["offset"]]

    def delete_offsets(self, name: str) -> None:
        """Forget how far a stopped connector has come."""
        self._ask("DELETE", f"{_path(name)}/offsets")

    def delete(self, name: str) -> None:
        """Remove a connector, if it is there, and wait until its tasks have ended."""
        self._ask("DELETE", _path(name), absent=None)
        self._wait(lambda: f"Connector {name} was deleted and is still there.", lambda: self.status(name) is None)

    def wait_running(self, names: Sequence[str], seconds: float = 90.0) -> dict[str, Status]:
        """Wait until each connector and all of its tasks run; ReplicationError with the trace where one fails."""
        found: dict[str, Status] = {}

        def running() -> bool:
            for name in names:
                found[name] = self.status(name) or {}
                if FAILED in states(found[name]):
                    raise ReplicationError(
                        f"Connector {name} failed: {trace(found[name])}",
                        "remove the cause, then `retail-pipeline up` or the job initial_load restarts it",
                    )
            return all(is_running(status) for status in found.values())

        def complaint() -> str:
            behind = {name: states(status) for name, status in found.items() if not is_running(status)}
            return f"After {seconds:.0f} s these connectors do not run: {behind}."

        self._wait(complaint, running, seconds)
        return found

    def _wait(self, complaint: Callable[[], str], done: Callable[[], bool], seconds: float = _AGREE_WITHIN) -> None:
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                raise ReplicationError(complaint(), "see `retail-pipeline status` and the log of Kafka Connect")
            time.sleep(0.1)

    def _ask(self, method: str, path: str, body: Any = None, **default: Any) -> Any:
        """Send a request; return `absent` where there is no such thing, repeat it while the workers rebalance."""
        until = time.monotonic() + self._agree_within
        while True:
            try:
                answer = self._session.request(method, self._base + path, json=body, timeout=self._answer_within)
            except requests.RequestException as error:
                raise ReplicationError(
                    f"Kafka Connect at {self.place} does not answer: {type(error).__name__}.",
                    "see `retail-pipeline status`; `retail-pipeline up` starts the embedded worker",
                ) from error
            if answer.status_code == _NOT_FOUND and "absent" in default:
                return default["absent"]
            if answer.status_code < requests.codes.bad_request:
                return answer.json() if answer.content else None
            # Forwarding a request to a worker that leads no more gives 500 for a moment.
            if answer.status_code not in (_CONFLICT, _SERVER_ERROR) or time.monotonic() > until:
                raise ReplicationError(f"Kafka Connect refuses {method} {path}: {_reason(answer)}", _next(answer))
            time.sleep(0.5)


def is_running(status: Mapping[str, Any]) -> bool:
    """Whether a connector runs, and at least one task, and every task."""
    found = states(status)
    return len(found) > 1 and set(found) == {RUNNING}


def trace(status: Mapping[str, Any]) -> str:
    """Return why it failed: the first lines of the first trace and what caused it, without passwords."""
    parts = [status.get("connector", {}), *status.get("tasks", [])]
    full = next((part["trace"] for part in parts if part.get("trace")), "no trace")
    lines = [line.strip() for line in full.splitlines() if line.strip()]
    causes = [line for line in lines[1:] if line.startswith("Caused by:")]
    return redact("\n    ".join([*lines[:1], *causes][:_TRACE_LINES]))


def states(status: Mapping[str, Any]) -> list[str]:
    """Return the state of a connector and of each of its tasks."""
    parts = [status.get("connector", {}), *status.get("tasks", [])]
    return [part["state"] for part in parts if "state" in part]


def _path(name: str) -> str:
    return f"/connectors/{quote(name, safe='')}"


def _reason(answer: requests.Response) -> str:
    try:
        return redact(str(answer.json()["message"]).strip())
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason}"


def _next(answer: requests.Response) -> str:
    if answer.status_code == _UNAUTHORIZED:
        return "put user and password of the REST interface into RETAIL_CONNECT_URL"
    return "see the log of Kafka Connect"
