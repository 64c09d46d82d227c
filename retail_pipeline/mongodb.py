"""At which address does somebody connect to MongoDB? That of the settings, with user and password of their own."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from retail_pipeline.settings import Settings

SINK = "retail_sink"
# Users live beside the administrator, so that one authSource is right for all.
USERS_DATABASE = "admin"


def administrator(settings: Settings) -> str:
    """Name the user whose address the settings hold."""
    return unquote(urlsplit(settings.require("mongo_uri")).username or "")


def uri(settings: Settings, user: str, options: Mapping[str, str] | None = None) -> str:
    """Return the address at which `user` connects, with its password in it; `options` are added to the address's own.

    The address of the administrator keeps that user's password.
    """
    parts = urlsplit(settings.require("mongo_uri"))
    login, _, hosts = parts.netloc.rpartition("@")
    query = dict(parse_qsl(parts.query))
    if user != administrator(settings):
        password = settings.credentials.password(f"mongo/{user}")
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        query["authSource"] = USERS_DATABASE
    netloc = f"{login}@{hosts}" if login else hosts
    return urlunsplit((parts.scheme, netloc, parts.path or "/", urlencode(query | dict(options or {})), ""))


def host_port(settings: Settings) -> str:
    """Name the hosts of the address, without user and password."""
    return urlsplit(settings.require("mongo_uri")).netloc.rpartition("@")[2]
