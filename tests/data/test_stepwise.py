"""A document written step by step: backed-up values, critique, memory, and what is dropped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longwrite.data.recipe import Recipe
from longwrite.data.rows import Row
from longwrite.data.stepwise import Stepwise
from longwrite.engines.scripted import ScriptedEngine, parse_rule
from longwrite.errors import EngineError, UsageError
from longwrite.types import CallError, Request
from tests.data.pairing import (
    HOSTILE,
    REWARDS,
    Said,
    is_plan,
    make_only,
    only_unit,
    plan_reply,
    prose,
    reasons_of,
    rows_of,
)
from tests.planners.stub import StubEngine

WORTHS = {
    "stepwise.1.": (80, 60),
    "stepwise.2.0": (10, 30),
    "stepwise.2.1": (70, 80),
    "stepwise.2.": (90, 20),
}
"""What the candidates of two sections are worth, by step: the first of section 1 looks better and
leads to worse."""


def text_of(step: str, attempt: int) -> str:
    """Return the text of a candidate."""
    seed = 10 * list(WORTHS).index(step) + attempt
    return prose(seed, worth=WORTHS[step][attempt])


def write(request: Request) -> Said:
    """Answer as the tree above says, with no facts."""
    step = request.ask.step
    if is_plan(request):
        return plan_reply(request)
    if step.endswith("facts"):
        return '{"facts": []}'
    return text_of(step, request.attempt)


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    path = tmp_path / "prompts.txt"
    path.write_text("Write a history of salt in 1300 words.\n", "utf-8")
    return str(path)


def recipe_of(prompts: str, **options: object) -> Stepwise:
    """Return a recipe of small trees, without critique unless it is asked for."""
    small: dict[str, Any] = {
        "width": 2,
        "depth": 2,
        "expansions": 2,
        "branch": 2,
        "explore": 0.0,
        "threshold": 0.0,
        "rewards": REWARDS,
    }
    return Stepwise((prompts,), **(small | options))


def steps_of(
    tmp_path: Path, recipe: Stepwise, answer: Callable[[Request], Said] = write
) -> tuple[list[Row], list[str], StubEngine]:
    """Return the rows, the reasons of the drops, and the engine that was asked."""
    engine = StubEngine(answer)
    found = make_only(tmp_path, recipe, engine)
    return rows_of(found), reasons_of(found), engine


def test_values_are_backed_up_from_what_follows(tmp_path: Path, prompts: str) -> None:
    rows, reasons, _ = steps_of(tmp_path, recipe_of(prompts))
    first, last = rows
    assert not reasons
    # (80 + 10 + 30) / 3 = 40 and (60 + 70 + 80) / 3 = 70.
    assert first.chosen == text_of("stepwise.1.", 1)
    assert first.rejected == text_of("stepwise.1.", 0)
    assert first.provenance["quality"] == {"chosen": 0.7, "rejected": 0.4}
    told: Any = first.provenance["candidates"]
    seen = [(c["path"], round(c["value"], 6), c["visits"]) for c in told]
    assert seen == [
        ([0], 0.4, 3), ([0, 0], 0.1, 1), ([0, 1], 0.3, 1),
        ([1], 0.7, 3), ([1, 0], 0.7, 1), ([1, 1], 0.8, 1),
    ]  # fmt: skip
    assert last.provenance["quality"] == {"chosen": 0.9, "rejected": 0.2}


def test_without_looking_ahead_the_first_look_decides(tmp_path: Path, prompts: str) -> None:
    rows, _, engine = steps_of(tmp_path, recipe_of(prompts, depth=1))
    assert rows[0].chosen == text_of("stepwise.1.", 0)
    assert not any(request.ask.step == "stepwise.2.0" for request in engine.requests)


def test_rows_are_turns_of_one_thread(tmp_path: Path, prompts: str) -> None:
    rows, _, _ = steps_of(tmp_path, recipe_of(prompts))
    first, last = rows
    assert [one.role for one in first.prompt] == ["system", "user"]
    assert [one.role for one in last.prompt] == ["system", "user", "assistant", "user"]
    assert last.prompt[: len(first.prompt)] == first.prompt
    assert last.prompt[2].content == first.chosen
    assert (first.ends, last.ends) == (False, True)
    assert isinstance(recipe_of(prompts), Recipe)


def test_a_document_not_written_to_its_end_never_ends(tmp_path: Path, prompts: str) -> None:
    rows, _, _ = steps_of(tmp_path, recipe_of(prompts, sections=1))
    assert [row.ends for row in rows] == [False]


def test_no_more_calls_than_told(tmp_path: Path, prompts: str) -> None:
    recipe = recipe_of(prompts, threshold=1.0)
    _, _, engine = steps_of(tmp_path, recipe, lambda r: write_again(r, "No.", 0))
    made = sum(not is_plan(request) for request in engine.requests)
    unit = only_unit(recipe.units())
    assert 0 < made <= recipe.calls(unit) == 8 * (2 + 4 + 1 + 2)


# --- critique ------------------------------------------------------------------------------------


def write_again(request: Request, critique: Said, worth: int) -> Said:
    """Answer as `write`, criticise, and write again what is then worth so much."""
    step = request.ask.step
    if step.endswith("critique"):
        assert request.role == "check"
        return critique
    if step.endswith("again"):
        return prose(900 + int(step.split(".")[1]), worth=worth)
    return write(request)


def test_a_weak_winner_is_written_again(tmp_path: Path, prompts: str) -> None:
    recipe = recipe_of(prompts, threshold=0.7)
    critique = "It says too little of the mines."
    rows, _, engine = steps_of(tmp_path, recipe, lambda r: write_again(r, critique, 75))
    first, last = rows
    # The winner's own score is 60, under the threshold and the lowest; the new one's is 75.
    assert first.provenance["written_again"] is True
    assert first.provenance["quality"] == {"chosen": 0.75, "rejected": 0.6}
    assert first.rejected == text_of("stepwise.1.", 1)
    again = next(r for r in engine.requests if r.ask.step == "stepwise.1.again")
    assert critique in again.messages[-1].content
    assert again.messages[-2].content == text_of("stepwise.1.", 1)
    # The second winner is worth 90 and left alone.
    assert last.provenance["written_again"] is False and last.provenance["critique"] == ""


def test_a_new_version_is_kept_only_when_it_is_better(tmp_path: Path, prompts: str) -> None:
    recipe = recipe_of(prompts, threshold=0.7)
    rows, _, _ = steps_of(tmp_path, recipe, lambda r: write_again(r, "It says little.", 60))
    assert rows[0].chosen == text_of("stepwise.1.", 1)
    assert rows[0].provenance["written_again"] is False
    assert rows[0].provenance["critique"] == "It says little."


@pytest.mark.parametrize("reason", ["refusal", "engine failed", "loop"])
def test_a_hostile_critique_is_none(tmp_path: Path, prompts: str, reason: str) -> None:
    recipe = recipe_of(prompts, threshold=0.7)
    rows, _, engine = steps_of(tmp_path, recipe, lambda r: write_again(r, HOSTILE[reason], 99))
    assert rows[0].provenance["critique"] == ""
    assert not any(request.ask.step.endswith("again") for request in engine.requests)


# --- memory --------------------------------------------------------------------------------------


def test_memory_is_what_the_sections_fixed(tmp_path: Path, prompts: str) -> None:
    fact = {"entity": "the book", "attribute": "worth", "value": "60 coins"}

    def answer(request: Request) -> Said:
        if not request.ask.step.endswith("facts"):
            return write(request)
        made_up = {**fact, "value": "a king's", "quote": "the crown of the old king"}
        return json.dumps({"facts": [made_up, {**fact, "quote": "All of it is worth"}]})

    rows, _, _ = steps_of(tmp_path, recipe_of(prompts), answer)
    first, last = rows
    assert first.provenance["memory"] == []
    assert last.provenance["memory"] == ["the book: worth: 60 coins"]
    assert "Already established" not in first.prompt[-1].content
    assert "- the book: worth: 60 coins" in last.prompt[-1].content
    assert "crown" not in last.prompt[-1].content


def test_a_model_that_only_writes_is_never_asked(tmp_path: Path, prompts: str) -> None:
    engine = ScriptedEngine(parse_rule("checks=0,spread=0.4,seed=1"))
    recipe = recipe_of(prompts, rewards="sound", threshold=1.0, min_gap=0.001)
    found = make_only(tmp_path, recipe, engine)
    rows = rows_of(found)
    assert rows and all(row.provenance["critique"] == "" for row in rows)
    with pytest.raises(UsageError, match="only writes"):
        judged = recipe_of(prompts, judge=True)
        make_only(tmp_path, judged, engine)


# --- what can't be used --------------------------------------------------------------------------


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_hostile_candidate_is_no_text(tmp_path: Path, prompts: str, reason: str) -> None:
    def answer(request: Request) -> Said:
        if request.ask.step == "stepwise.1." and request.attempt == 2:
            return HOSTILE[reason]
        return write(request)

    recipe = recipe_of(prompts, width=3, depth=1, sections=1)
    (row,), _, _ = steps_of(tmp_path, recipe, answer)
    assert row.chosen == text_of("stepwise.1.", 0)
    assert row.provenance["failed"] == {reason: 1}


def test_without_a_candidate_the_thread_ends(tmp_path: Path, prompts: str) -> None:
    def answer(request: Request) -> Said:
        if request.ask.step.startswith("stepwise.2"):
            return HOSTILE["refusal"]
        return write(request)

    rows, reasons, _ = steps_of(tmp_path, recipe_of(prompts), answer)
    assert [row.ends for row in rows] == [False]
    assert reasons == ["no candidate could be used"]


def test_a_candidate_that_repeats_the_thread_is_none(tmp_path: Path, prompts: str) -> None:
    def answer(request: Request) -> Said:
        if request.ask.step == "stepwise.2." and request.attempt == 1:
            return text_of("stepwise.1.", 0)
        return write(request)

    rows, reasons, _ = steps_of(tmp_path, recipe_of(prompts, depth=1), answer)
    assert len(rows) == 1 and reasons == ["fewer than two candidates to compare"]


def test_an_unreadable_verdict_is_no_score(tmp_path: Path, prompts: str) -> None:
    def answer(request: Request) -> Said:
        return "A three, perhaps." if ".mark." in request.ask.step else write(request)

    rows, reasons, _ = steps_of(tmp_path, recipe_of(prompts, judge=True), answer)
    assert not rows and reasons == ["no candidate could be used"]


def test_a_plan_that_fails_drops_the_unit_and_a_dead_engine_stops(
    tmp_path: Path, prompts: str
) -> None:
    recipe = recipe_of(prompts)
    _, reasons, _ = steps_of(tmp_path, recipe, lambda request: CallError("server", "500"))
    assert reasons == ["engine failed"]
    with pytest.raises(EngineError):
        steps_of(tmp_path, recipe, lambda request: CallError("refused", "key", fatal=True))


def test_a_plan_that_leaks_is_no_prompt(tmp_path: Path, prompts: str) -> None:
    def answer(request: Request) -> Said:
        if not is_plan(request):
            return write(request)
        plan = json.loads(plan_reply(request))
        plan["sections"][0]["goal"] = "<think>What do they want?</think> Tell of mines."
        return json.dumps(plan)

    rows, reasons, _ = steps_of(tmp_path, recipe_of(prompts), answer)
    assert not rows and reasons == ["the plan can't be used"]


def test_twins_are_one_candidate(tmp_path: Path, prompts: str) -> None:
    def answer(request: Request) -> Said:
        if request.ask.step == "stepwise.1.":
            return text_of("stepwise.1.", 0)
        return write(request)

    rows, reasons, _ = steps_of(tmp_path, recipe_of(prompts), answer)
    assert len(rows) == 1 and reasons == ["fewer than two candidates to compare"]


# --- stepwise rows, resuming ---------------------------------------------------------------------


def test_rows_of_steps_end_in_the_wrong_one(tmp_path: Path, prompts: str) -> None:
    rows, _, _ = steps_of(tmp_path, recipe_of(prompts, rows="both"))
    assert [row.shape for row in rows] == ["pair", "steps", "pair", "steps"]
    steps = rows[3].steps
    assert [good for _, good in steps] == [True, False]
    assert rows[0].chosen in steps[0][0] and rows[2].rejected in steps[1][0]
    assert rows[3].prompt[0].content == "Write a history of salt in 1300 words."


def test_the_same_replies_give_the_same_rows_and_no_call(tmp_path: Path, prompts: str) -> None:
    recipe = recipe_of(prompts)
    first, _, engine = steps_of(tmp_path, recipe)
    again, _, other = steps_of(tmp_path, recipe)
    assert again == first and engine.requests and not other.requests
