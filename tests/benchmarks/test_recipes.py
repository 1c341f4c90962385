"""The recipes: their settings can be read, their sets are what they say, their page is written."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytest.importorskip("matplotlib")

from benchmarks.recipes import RECIPES, report
from benchmarks.recipes.grpo_constraints import make_heedless
from benchmarks.recipes.grpo_constraints import make_prompts as ask_for_parts
from benchmarks.recipes.grpo_length import make_prompts
from benchmarks.recipes.sets import narrow, write_texts
from longwrite.rewards.briefs import compile_brief
from longwrite.text import count_words
from longwrite.train.settings import read_order

FOLDER = Path(report.__file__).parent
METHODS = {"grpo": "grpo", "grpo_constraints": "grpo", "threads": "grpo", "dpo": "dpo"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_settings_of_a_recipe_are_known_to_their_method(path: Path) -> None:
    method: Any = METHODS.get(path.stem, "sft")
    order = read_order(method, path, ["--model_name_or_path=m", "--dataset_name=d"])
    assert order.training.learning_rate > 0


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_runs_a_seed_and_tells_of_it(name: str) -> None:
    module = report.find_module(name)
    assert callable(module.run) and callable(module.show) and module.__doc__


def test_prompts_require_what_is_paid() -> None:
    for row in make_prompts("test", 8):
        (length,) = compile_brief(row["prompt"]).constraints
        assert int(str(length.params["min"])) < int(str(length.params["max"]))
    for row in ask_for_parts("test", 8):
        kinds = [one.kind for one in compile_brief(row["prompt"]).constraints]
        assert kinds == ["length", "sections", "mention"]


def test_heedless_answers_keep_to_the_subject_and_not_to_the_length() -> None:
    rows = make_heedless("test", 40)
    asked = [compile_brief(row["prompt"]).words for row in rows]
    given = [count_words(row["completion"]) for row in rows]
    assert sum(abs(one - other) > 10 for one, other in zip(asked, given, strict=True)) > 20
    assert sum(given) / len(given) > 1.3 * sum(asked) / len(asked)


def test_texts_have_the_words_that_are_asked_and_not_more_in_all() -> None:
    rows = write_texts("test", 1_000, 60, 200)
    words = [count_words(row["completion"]) for row in rows]
    assert 1_000 <= sum(words) < 1_300 and max(words) < 240
    assert narrow("Write it. Length: 1,000 words.") == "Write it. Length: 900 to 1100 words."


def test_the_page_tells_the_last_figures_of_each_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gain = {"value": 0.5, "low": 0.4, "high": 0.6}
    paired = {"before": gain, "after": gain, "difference": gain, "gain": gain}
    line = '{{"recipe": "grpo-length", "seed": {}, "seconds": {}, "length": {}}}\n'
    shown = import_module("json").dumps(paired)
    lines = [line.format(seed, seconds, shown) for seed, seconds in ((0, 9e9), (0, 60), (1, 60))]
    (tmp_path / "recipes.jsonl").write_text("".join(lines), "utf-8")
    monkeypatch.setattr(report, "DOCS", tmp_path)
    report.main()
    page = (tmp_path / "recipes.md").read_text("utf-8")
    assert "1 minutes a seed" in page and page.count("- seed 0") == 1
    assert "All seeds: gain 0.50 (0.50 to 0.50)." in page
    assert (tmp_path / "recipes.svg").stat().st_size > 1_000
