"""The recipes of CONTRIBUTING.md and the pages they name agree with the project."""

from __future__ import annotations

import re

import pytest

from retail_pipeline.settings import PROJECT
from retail_pipeline.tables import RED, Table

_RECIPES = (PROJECT / "CONTRIBUTING.md").read_text().partition("\n## Recipes\n")[2]
_PATHS = sorted(set(re.findall(r"`((?:docs|sql|retail_pipeline\w*)/[\w/.]+)`", _RECIPES)))


@pytest.mark.parametrize("path", _PATHS)
def test_a_file_that_a_recipe_names_is_there(path: str) -> None:
    assert (PROJECT / path).exists()


@pytest.mark.parametrize("table", RED, ids=lambda table: table.name)
def test_the_architecture_names_each_red_table(table: Table) -> None:
    (sentence,) = re.findall(r"^`[^.]* are red: ", (PROJECT / "docs" / "architecture.md").read_text(), re.MULTILINE)

    assert f"`{table.name}`" in sentence
