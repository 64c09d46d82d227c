"""How a client reaches Kafka: with a login where this deployment has a password for it, else without."""

from __future__ import annotations

import selectors
import socket
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from retail_pipeline.settings import Settings

# May look at topics, groups and offsets, and read no record.
MONITOR = "monitor"
# May do anything.
ADMIN = "admin"


class ClosingSelector(selectors.DefaultSelector):
    """Closes with itself what it ever watched: kafka-python forgets a socket that was not connected in time."""

    def __init__(self) -> None:
        super().__init__()
        self._watched: set[socket.socket] = set()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a socket."""
        self._watched.add(fileobj)
        return super().register(fileobj, events, data)

    def close(self) -> None:
        """Watch nothing any more."""
        super().close()
        for one in self._watched:
            one.close()


class Administrator(KafkaAdminClient):  # type: ignore[misc]  # it has no types
    """A client that leaves nothing behind where no broker answers: a sensor asks for as long as that lasts."""

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**{"selector": ClosingSelector} | settings)
        except KafkaError:
            # Its thread and sockets are there, but it takes itself for one that was never opened.
            self._closed = False
            self.close()
            raise


def client_settings(settings: Settings, user: str = MONITOR) -> dict[str, Any]:
    """Return the arguments with which any kafka-python client connects as `user`."""
    found: dict[str, Any] = {"bootstrap_servers": settings.require("kafka_bootstrap"), "selector": ClosingSelector}
    password = settings.credentials.known(f"kafka/{user}")
    if password is None:
        return found
    return found | {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }
