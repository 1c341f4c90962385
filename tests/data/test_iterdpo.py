"""Segments corrected one at a time, each in view of what is fixed before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.iterdpo import IterDpo
from longwrite.data.recipe import Recipe
from longwrite.data.segments import cut_segments
from longwrite.errors import UsageError
from longwrite.rewards.quality import DIMENSIONS
from longwrite.text import blocks
from longwrite.types import Request
from tests.agent.stage import PLAN, PLAN_BRIEF, write
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

PARTS = [prose(seed, 60, worth=50).replace("\n\n", " ") for seed in range(3)]
BETTER = [part.replace("worth 50 coins", "worth 70 coins, and more") for part in PARTS]
PROMPT = "Tell of salt and the sea."


def place_of(request: Request) -> int:
    """Return which segment a request is about."""
    return int(request.ask.step.split(".")[1]) - 1


@pytest.fixture
def recipe(tmp_path: Path) -> IterDpo:
    row = {"prompt": PROMPT, "text": "\n\n".join(PARTS), "licence": "CC0"}
    return IterDpo((write_rows(tmp_path, row),), segment=60, rewards=REWARDS)


def test_each_segment_is_a_turn_and_what_is_before_is_fixed(
    tmp_path: Path, recipe: IterDpo
) -> None:
    engine = StubEngine(lambda request: BETTER[place_of(request)])
    rows = rows_of(make_only(tmp_path, recipe, engine))
    assert isinstance(recipe, Recipe) and len(engine.requests) == 3
    assert recipe.calls(only_unit(recipe.units())) == 3
    assert [(row.chosen, row.rejected) for row in rows] == list(zip(BETTER, PARTS, strict=True))
    assert [row.ends for row in rows] == [False, False, True]
    said = [one.content for one in rows[2].prompt if one.role == "assistant"]
    assert said == BETTER[:2]
    assert rows[0].prompt[0].content.startswith(PROMPT)
    assert rows[1].prompt[: len(rows[0].prompt)] == rows[0].prompt
    assert rows[0].provenance["quality"] == {"chosen": 0.7, "rejected": 0.5}
    assert BETTER[0][-40:] in engine.requests[1].messages[-1].content


def test_a_refused_correction_leaves_the_original_in_the_thread(
    tmp_path: Path, recipe: IterDpo
) -> None:
    def answer(request: Request) -> Said:
        return BETTER[place_of(request)] if place_of(request) else HOSTILE["refusal"]

    found = make_only(tmp_path, recipe, answer)
    assert reasons_of(found) == ["refusal"]
    assert rows_of(found)[0].prompt[1].content == PARTS[0]


WRONG = {
    "nothing was corrected": PARTS[0],
    "the correction's length is another": f"{BETTER[0]} {prose(7, 40)}",
    "the correction scores no higher": PARTS[0].replace("50 coins", "40 coins, and no more"),
}


@pytest.mark.parametrize("reason", WRONG)
def test_only_a_real_correction_counts(tmp_path: Path, recipe: IterDpo, reason: str) -> None:
    def answer(request: Request) -> str:
        return BETTER[place_of(request)] if place_of(request) else WRONG[reason]

    found = make_only(tmp_path, recipe, answer)
    assert reasons_of(found) == [reason] and len(rows_of(found)) == 2


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_hostile_reply_is_a_drop(tmp_path: Path, recipe: IterDpo, reason: str) -> None:
    found = make_only(tmp_path, recipe, lambda request: HOSTILE[reason])
    assert reasons_of(found) == [reason] * 3 and not rows_of(found)


def test_a_segment_that_says_an_earlier_one_again_is_dropped(
    tmp_path: Path, recipe: IterDpo
) -> None:
    found = make_only(tmp_path, recipe, lambda request: BETTER[0])
    assert "repeats an earlier part" in reasons_of(found)


def test_a_judge_can_decide_and_has_to_be_readable(tmp_path: Path, recipe: IterDpo) -> None:
    judged = IterDpo(recipe.sources, segment=60, rewards=REWARDS, judge=True)

    def answer(request: Request) -> str:
        if request.role != "check":
            return BETTER[place_of(request)]
        if place_of(request) == 1:
            return "It reads well."
        mark = 5 if "corrected" in request.ask.step else 3
        return json.dumps({"reasons": "", **dict.fromkeys(DIMENSIONS, mark)})

    found = make_only(tmp_path, judged, answer)
    assert reasons_of(found) == ["the versions can't be compared"]
    assert rows_of(found)[0].provenance["quality"] == {"chosen": 0.85, "rejected": 0.5}


def test_a_finished_run_is_a_source(tmp_path: Path) -> None:
    write(tmp_path / "runs" / "salt", PLAN_BRIEF, plan=PLAN)
    recipe = IterDpo(runs=(str(tmp_path / "runs"),))
    unit = only_unit(recipe.units())
    assert unit.data["prompt"] == PLAN_BRIEF.prompt and str(unit.data["text"]).startswith("# Salt")
    for place in (tmp_path, tmp_path / "runs" / "salt"):
        assert only_unit(IterDpo(runs=(str(place),)).units()) == unit


def test_a_source_at_fault_gives_nothing(tmp_path: Path) -> None:
    rows = [{"prompt": PROMPT, "text": HOSTILE["refusal"]}, {"text": PARTS[0]}, {"prompt": "x"}]
    recipe = IterDpo((write_rows(tmp_path, *rows),))
    units = [only_unit([one]) for one in list(recipe.units())[:2]]
    reasons = [reasons_of(make(tmp_path, recipe, unit, lambda r: PARTS[0])) for unit in units]
    assert reasons == [["refusal"], ["the text has no prompt"]]
    with pytest.raises(UsageError, match="lacks a source"):
        IterDpo()


@given(
    st.lists(
        st.sampled_from(["# One", "## Two", "salt and sea", "- a\n- b", "```\nx\n```", "the end."]),
        max_size=30,
    ),
    st.integers(1, 12),
)
def test_segments_joined_are_the_text(parts: list[str], words: int) -> None:
    text = "\n\n".join(parts)
    found = cut_segments(text, words)
    assert [b.text for b in blocks("\n\n".join(found))] == [b.text for b in blocks(text)]
    assert all(segment.strip() for segment in found)
