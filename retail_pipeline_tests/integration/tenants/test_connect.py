"""Kafka Connect can read every store's rows and its own secrets: it answers nobody without a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration.tenants import attacks_connect as attacks

_KNOWN = "value-of-a-secret"


@pytest.mark.parametrize("name", attacks.ENDPOINTS)
def test_an_endpoint_answers_only_with_the_password(name: str, stack_settings: Settings) -> None:
    request = attacks.ENDPOINTS[name]
    user, password = attacks.login_of(stack_settings)
    wrong = [
        None,
        (user, "wrong"),
        (user, ""),
        ("store_user_1", password),
        ("store_user_1", stack_settings.credentials.password("mongo/store_user_1")),
        (user, stack_settings.credentials.password("postgres/store_user_1")),
    ]
    for login in wrong:
        assert attacks.ask(stack_settings, request, login).status_code == requests.codes.unauthorized
    if request[0] == "GET":
        answer = attacks.ask(stack_settings, request, (user, password))
        assert answer.status_code != requests.codes.unauthorized, "with it, the answer is about the thing"


@pytest.mark.parametrize("name", attacks.INTERNAL)
def test_what_workers_tell_each_other_asks_for_their_signature(name: str, stack_settings: Settings) -> None:
    forged = {"X-Connect-Authorization": "Zm9yZ2Vk", "X-Connect-Request-Signature-Algorithm": "HmacSHA256"}
    for headers in ({}, forged):
        answer = attacks.ask(stack_settings, attacks.INTERNAL[name], None, headers)
        assert answer.status_code in (requests.codes.bad_request, requests.codes.forbidden), answer.text


@pytest.fixture(scope="module")
def home(stack_settings: Settings) -> Iterator[Path]:
    """Return the state folder with one secret in the worker's folder, and the same beside it."""
    folder = stack_settings.home
    inside, beside = folder / "secrets" / "attacked.properties", folder / "secrets-attacked"
    link = folder / "link-attacked"
    beside.mkdir()
    link.symlink_to(beside)
    for path in (inside, beside / "p.properties"):
        path.write_text(f"known={_KNOWN}\n")
    yield folder
    inside.unlink()
    link.unlink()
    (beside / "p.properties").unlink()
    beside.rmdir()


_NAMES = tuple(attacks.references(Path("/")))


@pytest.mark.parametrize("name", _NAMES)
def test_the_worker_reads_secrets_from_its_own_folder_alone(name: str, stack_settings: Settings, home: Path) -> None:
    secret = attacks.references(home)[name]
    said = attacks.echoed(stack_settings, secret.reference)
    assert said in ("['']", "[None]", "['None']"), said
    inside = f"${{file:{home}/secrets/attacked.properties:known}}"
    assert attacks.echoed(stack_settings, inside) == f"['{_KNOWN}']", "and from that it does"


def test_no_plugin_reads_or_writes_files(stack_settings: Settings) -> None:
    every = ("GET", "/connector-plugins?connectorsOnly=false", None)
    plugins = attacks.ask(stack_settings, every, attacks.login_of(stack_settings)).json()
    names = [plugin["class"] for plugin in plugins]
    assert any("MongoSinkConnector" in name for name in names)
    assert not [name for name in names if "FileStream" in name]
