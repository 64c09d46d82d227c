"""An address that cannot be read is told without its password."""

from __future__ import annotations

import traceback

import pytest

from retail_pipeline import lifeline
from retail_pipeline.errors import SettingError
from retail_pipeline.warehouse.connection import connect_dsn

SECRET = "se%cret"
UNREADABLE = [f"postgresql://u:{SECRET}@127.0.0.1:1/d", f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/d"]


@pytest.mark.parametrize("address", UNREADABLE)
def test_an_address_that_cannot_be_read_is_told_without_its_password(address: str) -> None:
    for attempt in (lambda: connect_dsn(address).__enter__(), lambda: lifeline.look(address, [])):
        with pytest.raises(SettingError) as raised:
            attempt()

        told = "".join(traceback.format_exception(raised.value))
        assert SECRET not in told
        assert "%25" in raised.value.next_step


def test_a_run_without_a_readable_address_of_dagster_does_not_begin() -> None:
    with pytest.raises(SettingError), lifeline.hold(UNREADABLE[0], "run"):
        pytest.fail("it began")
