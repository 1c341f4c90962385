"""Recipe files and options: what they may say, and what is said of the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longwrite.agent.settings import Settings
from longwrite.data.filters import ROW_FILTERS
from longwrite.data.orders import Blueprint, make_selection, place_order, read_blueprint
from longwrite.data.recipe import RECIPES, load_recipe
from longwrite.errors import UsageError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_file_of_the_docs_is_a_build(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "recipe.yaml").write_text(example.replace("contamination: [long", "#"))
    blueprint = read_blueprint(str(tmp_path / "recipe.yaml"), {"words": 900})
    assert blueprint.rows == 300
    order = place_order(blueprint, tmp_path / "set", Settings())
    assert list(order.filters) == list(ROW_FILTERS)
    assert order.recipe.name == "agentwrite"
    assert "duplicates" in make_selection(blueprint).filters


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe: agentrite", "Did you mean 'agentwrite'"),
        ("options: {}", "names no recipe"),
        ("recipe: agentwrite\nrow: 3", "Did you mean 'rows'"),
        ("recipe: agentwrite\nrows: many", "wrong type"),
        ("recipe: agentwrite\noptions: {prompt: x}", "Did you mean 'prompts'"),
        ("recipe: agentwrite\noptions: {prompts: x, samples: two}", "wrong type"),
        ("recipe: agentwrite\noptions: {prompts: x}\nfilters: {loops: {}}", "Did you mean 'loop'"),
        ("recipe: agentwrite\noptions: {prompts: x}\nfilters: {loop: {odd: 1}}", "can't be made"),
        ("- a list", "names no recipe"),
    ],
)
def test_what_a_file_can_not_say(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        place_order(read_blueprint(str(path), {}), tmp_path / "set", Settings())


def test_an_unknown_name_is_no_recipe() -> None:
    with pytest.raises(UsageError, match="Did you mean 'curate'"):
        read_blueprint("curat", {})


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_table_is_one(name: str) -> None:
    try:
        recipe = load_recipe(name, {})
    except UsageError:
        return  # it needs a source; what it is says its class
    assert recipe.name == name and recipe.version >= 1


def test_a_filter_can_be_left_out(tmp_path: Path) -> None:
    blueprint = Blueprint("agentwrite", {"prompts": ["x"]}, {"loop": False}, duplicates=False)
    order = place_order(blueprint, tmp_path, Settings())
    assert "loop" not in order.filters
    assert make_selection(blueprint).filters == {}
