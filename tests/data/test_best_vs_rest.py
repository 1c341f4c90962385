"""Samples of one prompt, the best against the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from longwrite.data.best_vs_rest import BestVsRest
from longwrite.data.recipe import Recipe, load_recipe
from longwrite.data.rows import Drop, Unit
from longwrite.engines.scripted import ScriptedEngine, parse_rule
from longwrite.errors import UsageError
from longwrite.rewards.quality import DIMENSIONS
from longwrite.types import Request
from tests.data.pairing import (
    HOSTILE,
    REWARDS,
    Said,
    make,
    make_only,
    only_unit,
    prose,
    reasons_of,
    rows_of,
    write_rows,
)
from tests.planners.stub import StubEngine


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    return write_rows(tmp_path, {"prompt": "Tell of salt.", "length": 60, "genre": "essay"})


def worths(*values: int) -> dict[int, str]:
    """Return a text for each attempt."""
    return {place: prose(place, worth=value) for place, value in enumerate(values)}


def test_the_best_stands_against_the_worst(tmp_path: Path, prompts: str) -> None:
    texts = worths(40, 90, 20, 70)
    recipe = BestVsRest((prompts,), rewards=REWARDS)
    assert isinstance(recipe, Recipe)
    (row,) = rows_of(make_only(tmp_path, recipe, lambda request: texts[request.attempt]))
    assert (row.chosen, row.rejected) == (texts[1], texts[2])
    assert row.prompt[0].content == "Tell of salt.\n\nLength: about 60 words."
    assert row.provenance["quality"] == {"chosen": 0.9, "rejected": 0.2}
    scores = row.provenance["scores"]
    assert isinstance(scores, list)
    assert [one["value"] for one in scores if isinstance(one, dict)] == [0.4, 0.9, 0.2, 0.7]
    assert [c.kind for c in row.constraints] == ["length"]
    assert row.ends and row.genre == "essay" and row.language == "en"


def test_each_worse_text_can_have_its_pair(tmp_path: Path, prompts: str) -> None:
    texts = worths(40, 90, 88, 70)
    recipe = BestVsRest((prompts,), rewards=REWARDS, rest="each")
    unit = only_unit(recipe.units())
    found = make(tmp_path, recipe, unit, lambda request: texts[request.attempt])
    assert [row.id for row in rows_of(found)] == [f"{unit.id}-1-3", f"{unit.id}-1-0"]
    assert reasons_of(found) == ["score gap too small"]


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_hostile_reply_is_a_drop_and_no_text(tmp_path: Path, prompts: str, reason: str) -> None:
    texts: dict[int, Said] = {0: HOSTILE[reason], 1: prose(1, worth=50), 2: prose(2, worth=80)}
    recipe = BestVsRest((prompts,), rewards=REWARDS, samples=3)
    found = make_only(tmp_path, recipe, lambda request: texts[request.attempt])
    assert reasons_of(found) == [reason]
    (row,) = rows_of(found)
    assert {row.chosen, row.rejected} == {texts[1], texts[2]}


def test_one_sound_text_is_no_pair(tmp_path: Path, prompts: str) -> None:
    recipe = BestVsRest((prompts,), rewards=REWARDS, samples=2)

    def answer(request: Request) -> Said:
        return HOSTILE["refusal"] if request.attempt else prose(1, worth=50)

    found = make_only(tmp_path, recipe, answer)
    assert reasons_of(found) == ["refusal", "fewer than two texts to compare"]


def test_an_unreadable_verdict_is_no_mark(tmp_path: Path, prompts: str) -> None:
    texts = worths(50, 50, 50)
    marks = {
        0: json.dumps({"reasons": "", **dict.fromkeys(DIMENSIONS, 5)}),
        1: json.dumps({"reasons": "", **dict.fromkeys(DIMENSIONS, 1)}),
        2: "I would say it is a solid 3 out of 5.",
    }
    recipe = BestVsRest((prompts,), rewards=REWARDS, samples=3, judge=True)
    unit = only_unit(recipe.units())

    def answer(request: Request) -> str:
        return (marks if request.role == "check" else texts)[request.attempt]

    found = make(tmp_path, recipe, unit, answer)
    (row,) = rows_of(found)
    assert (row.chosen, row.rejected) == (texts[0], texts[1])
    assert row.provenance["quality"] == {"chosen": 0.75, "rejected": 0.25}
    assert reasons_of(found) == ["the judge gave no verdict"]
    assert recipe.calls(unit) == 6


def test_the_agent_writes_documents(tmp_path: Path, prompts: str) -> None:
    recipe = BestVsRest((prompts,), how="agent", samples=3, min_gap=0.001)
    unit = only_unit(recipe.units())
    engine = ScriptedEngine(parse_rule("spread=0.5"))
    first = make(tmp_path, recipe, unit, engine)
    calls = engine.calls
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        f"{unit.id}-{number}" for number in range(3)
    ]
    assert make(tmp_path, recipe, unit, engine) == first
    assert engine.calls == calls > 0


def test_the_best_text_can_be_a_row_to_fine_tune_on(tmp_path: Path, prompts: str) -> None:
    texts = worths(40, 90, 20)
    recipe = BestVsRest((prompts,), rewards=REWARDS, samples=3, keep_best=True)
    found = make(tmp_path, recipe, only_unit(recipe.units()), lambda one: texts[one.attempt])
    kept, pair = rows_of(found)
    assert (kept.shape, kept.completion, kept.text) == ("completion", texts[1], texts[1])
    assert (pair.shape, pair.chosen, pair.rejected) == ("pair", texts[1], texts[2])
    assert kept.id != pair.id
    assert not kept.chosen and not pair.completion


def test_the_same_replies_give_the_same_rows(tmp_path: Path, prompts: str) -> None:
    texts = worths(40, 90, 20, 70)
    recipe = BestVsRest((prompts,), rewards=REWARDS)
    engine = StubEngine(lambda request: texts[request.attempt])
    first = make_only(tmp_path, recipe, engine)
    assert make_only(tmp_path, recipe, engine) == first
    assert len(engine.requests) == 4


def test_a_poisoned_engine_gives_no_bad_row(tmp_path: Path) -> None:
    prompts = ({"prompt": f"Tell of year {one}.", "words": 90} for one in range(1_700, 1_740))
    name = write_rows(tmp_path, *prompts)
    faults = ("server", "empty", "refusal", "loop", "truncated", "leak", "foreign")
    engine = ScriptedEngine(parse_rule("spread=0.6," + ",".join(f"{one}=0.1" for one in faults)))
    recipe = BestVsRest((name,), samples=8, rest="each", min_gap=0.01)
    found = [
        one
        for unit in recipe.units()
        if isinstance(unit, Unit)
        for one in make(tmp_path, recipe, unit, engine)
    ]
    texts = [text for row in rows_of(found) for text in (row.chosen, row.rejected)]
    bad = re.compile(r"sorry|think|Word count|Sure!|[一-鿿]|[^.!?]\Z")
    assert len(texts) > 20 and not any(bad.search(text) for text in texts)
    assert {"refusal", "loop", "truncated", "wrong language"} <= set(reasons_of(found))


def test_rows_that_give_no_prompt_are_told(tmp_path: Path) -> None:
    name = write_rows(
        tmp_path,
        {"prompt": "Tell of salt."},
        {"prompt": "Tell of salt."},
        {"text": "x"},
        "{",
        "[]",
        {"prompt": [{"role": "user", "content": "Tell of the sea in 90 words."}]},
        {"prompt": "写一篇关于盐的文章。", "words": 300},
    )
    found = list(BestVsRest((name,)).units())
    assert [one.reason for one in found if isinstance(one, Drop)] == [
        "the same source twice",
        "the row has no prompt",
        "the line isn't JSON",
        "the row is no object",
    ]
    kept = [one.data["prompt"] for one in found if isinstance(one, Unit)]
    assert kept[1] == "Tell of the sea in 90 words."
    assert str(kept[2]).endswith("篇幅：约300字。")


def test_options_that_make_no_sense_are_errors(tmp_path: Path) -> None:
    options: list[dict[str, object]] = [
        {"how": "magic"},
        {"rest": "best"},
        {"samples": 1},
        {"min_gap": 0},
        {"rewards": "lenght"},
        {"samples": "four"},
    ]
    for option in options:
        with pytest.raises(UsageError):
            load_recipe("best_vs_rest", {"prompts": "x.txt", **option})
    with pytest.raises(UsageError, match="no such file"):
        list(BestVsRest((str(tmp_path / "absent.txt"),)).units())
