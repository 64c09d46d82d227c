"""A position in PostgreSQL's log, as text and as a number."""

from __future__ import annotations

import pytest

from retail_pipeline.replication import slot


@pytest.mark.parametrize(("lsn", "number"), [("0/0", 0), ("0/1A2B3C4", 0x1A2B3C4), ("2/A", 0x20000000A)])
def test_an_lsn_is_the_number_that_debezium_keeps(lsn: str, number: int) -> None:
    assert slot.position(lsn) == number
