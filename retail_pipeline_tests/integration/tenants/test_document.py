"""docs/tenants.md says what the servers and the suites say."""

from __future__ import annotations

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline_tests.integration import mirrored
from retail_pipeline_tests.integration.shop import run
from retail_pipeline_tests.integration.tenants import document


def test_the_document_is_current(fortress: Settings) -> None:
    text = document.DOCUMENT.read_text()
    assert document.written(text, document.parts(fortress)) == text, document.__doc__


def test_a_right_more_in_postgresql_makes_the_document_outdated(fortress: Settings) -> None:
    before = document.parts(fortress)
    with mirrored.superuser(fortress) as superuser:
        run(superuser, "grant truncate on retail.inventory to store_user")
        try:
            after = document.parts(fortress)
        finally:
            run(superuser, "revoke truncate on retail.inventory from store_user")
    assert {name for name in after if after[name] != before[name]} == {"rights in PostgreSQL"}


def test_a_right_more_in_mongodb_makes_the_document_outdated(fortress: Settings) -> None:
    before = document.parts(fortress)
    more = [{"resource": {"db": "walmart_realtime", "collection": "transactions"}, "actions": ["remove"]}]
    with mirrored.administrator(fortress) as whole:
        whole.command("grantPrivilegesToRole", "store_user_1", privileges=more)
        try:
            after = document.parts(fortress)
        finally:
            whole.command("revokePrivilegesFromRole", "store_user_1", privileges=more)
    assert {name for name in after if after[name] != before[name]} == {"rights in MongoDB"}


def test_a_part_without_its_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="how many"):
        document.written("<!-- generated: other -->\n<!-- end -->", {"other": "", "how many": ""})
