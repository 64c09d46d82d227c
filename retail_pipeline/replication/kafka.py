"""How a client reaches Kafka: with a login where this deployment has a password for it, else without."""

from __future__ import annotations

from typing import Any

from retail_pipeline.settings import Settings

# May look at topics, groups and offsets, and read no record.
MONITOR = "monitor"
# May do anything.
ADMIN = "admin"


def client_settings(settings: Settings, user: str = MONITOR) -> dict[str, Any]:
    """Give the arguments with which any kafka-python client connects as `user`."""
    found: dict[str, Any] = {"bootstrap_servers": settings.require("kafka_bootstrap")}
    password = settings.credentials.known(f"kafka/{user}")
    if password is None:
        return found
    return found | {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }
