"""How good rows are written for COPY: plain where that says it, quoted where a value needs it, equal either way."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from retail_pipeline.source.columns import NAMES
from retail_pipeline.source.reader import Batch
from retail_pipeline.warehouse import load_staging


def batch_of(product_name: str) -> Batch:
    values = dict.fromkeys(NAMES, "1") | {"product_name": product_name, "store_location": "Chicago, IL"}
    return Batch(pd.DataFrame([values], index=[7], columns=list(NAMES), dtype="str"), [], 0)


def test_a_value_with_a_comma_goes_as_plain_text() -> None:
    statement, text = load_staging.for_copy(batch_of("Fridge"))

    assert "csv" not in statement
    assert text.decode().rstrip("\n").split("\t")[0] == "7"
    assert "Chicago, IL" in text.decode().split("\t")


@pytest.mark.parametrize("name", ['19" Monitor', "back\\slash", "\\N", 'both \\ and "', "\\."])
def test_a_value_that_plain_text_would_change_goes_quoted(name: str) -> None:
    statement, text = load_staging.for_copy(batch_of(name))

    assert "format csv" in statement
    ((line, *values),) = csv.reader(io.StringIO(text.decode()))
    assert line == "7"
    assert values[NAMES.index("product_name")] == name
