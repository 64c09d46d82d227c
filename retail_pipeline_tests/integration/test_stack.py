"""The embedded servers, as a user and as an intruder sees them."""

from __future__ import annotations

from typing import Any

import psycopg2
import pymongo
import pytest
import requests
from pymongo.errors import OperationFailure

from retail_pipeline import stack
from retail_pipeline.settings import Settings


def test_postgresql_refuses_a_login_without_the_password(postgres_settings: Settings) -> None:
    dsn = postgres_settings.require("postgres_dsn")
    for password in ("", "wrong"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(dsn, password=password)


def test_mongodb_refuses_to_read_or_to_make_users_without_the_password(stack_settings: Settings) -> None:
    port = pymongo.uri_parser.parse_uri(stack_settings.require("mongo_uri"))["nodelist"][0][1]
    with pymongo.MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        with pytest.raises(OperationFailure, match="requires authentication"):
            client.list_database_names()
        with pytest.raises(OperationFailure, match="requires authentication"):
            client.admin.command("createUser", "intruder", pwd="x", roles=["root"])


def test_connects_rest_interface_refuses_a_call_without_the_password(stack_settings: Settings) -> None:
    address = "http://" + stack_settings.require("connect_url").rpartition("@")[2]
    for path in ("/", "/connectors", "/connector-plugins"):
        assert requests.get(address + path, timeout=10).status_code == requests.codes.unauthorized


def test_starting_what_runs_changes_nothing(stack_settings: Settings) -> None:
    before = [(server.name, server.state, server.detail) for server in stack.health(stack_settings)]
    lines: list[str] = []
    stack.up(stack_settings, lines.append, dagster=False)
    assert [(server.name, server.state, server.detail) for server in stack.health(stack_settings)] == before
    assert all("running on 127.0.0.1" in line for line in lines)
