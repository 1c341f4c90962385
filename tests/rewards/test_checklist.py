"""A checklist is made of a brief, answered item by item, and what wasn't answered is seen."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.checklist import QUARTERS, ChecklistReward, levels_of, read_answers
from longwrite.rewards.constraints import check
from longwrite.rewards.decomposition import decompose, make_item, read_items
from longwrite.rewards.judge import run_apart
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.scoring.documents import read_document
from longwrite.types import Brief, Constraint, Json, Request, Score
from tests.rewards.judges import (
    ASKED,
    NEVER,
    answer_items,
    answer_nothing,
    make_judge,
    material,
)
from tests.scoring.texts import make_text

PROMPT = "Write a 1000-word ghost story set in a lighthouse, told by the keeper, that ends well."
BRIEF = compile_brief(PROMPT)
LISTED = [
    {"question": "Is it a ghost story?", "quote": "ghost story", "throughout": False},
    {"question": "Is it told by the keeper?", "quote": "told by the  keeper", "throughout": True},
    {"question": "Does it end well?", "quote": "a happy end", "throughout": False},
    {"question": "does it end well?", "quote": "", "throughout": False},
]
ITEMS = (
    make_item("Is there a ghost?"),
    make_item("Is there a lamp?"),
    make_item("Does the keeper tell it?", throughout=True),
)
BOOK = "\n\n".join(f"## Night {n}\n\n{make_text(8, seed=n)}" for n in range(1, 7))


def pay(reward: ChecklistReward, text: str, brief: Brief = BRIEF) -> Score:
    return reward(brief, read_document(brief, text))


def answer_keeper(request: Request) -> str:
    """List the items of a brief; say of a text what stands in it."""
    if "<questions" not in request.messages[-1].content:
        return json.dumps({"items": LISTED})
    return answer_items(request, lambda n, question, shown: float("ghost" in shown))


def answer_what_is_there(request: Request) -> str:
    """Find what a question asks for: a ghost, a lamp, or a passage that the keeper signs."""

    def level(number: int, question: str, shown: str) -> float:
        return float(("Keeper:", "ghost", "lamp")[number % 3] in shown)

    return answer_items(request, level)


def answer_about_ghosts(request: Request) -> str:
    return answer_what_is_there(request) if "ghost" in material(request) else NEVER


def answer_first_only(request: Request) -> str:
    return answer_items(request, lambda n, question, shown: 1 if n == 1 else "maybe")


def answer_half(request: Request) -> str:
    return answer_items(request, lambda n, question, shown: 0.5)


# --- taking a brief apart ------------------------------------------------------------------------


def test_what_rules_can_not_check_becomes_judged_constraints() -> None:
    judge = make_judge("c decompose", answer_keeper)
    items = run_apart(decompose(BRIEF, judge)).verdict.value
    assert items is not None
    assert [(one.params["question"], one.scope, one.quote, one.hard) for one in items] == [
        ("Is it a ghost story?", "document", "ghost story", False),
        ("Is it told by the keeper?", "each", "told by the  keeper", False),
        ("Does it end well?", "document", "", False),
    ]
    (request,) = ASKED["c decompose"]
    assert '- length {"' in request.messages[1].content, "what rules have found is told"
    assert run_apart(decompose(BRIEF, judge)).verdict.cached


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps({"items": [LISTED[0] | {"question": f"{n}?"} for n in range(31)]}),
        json.dumps({"items": [LISTED[0] | {"question": "x" * 301}]}),
        json.dumps({"items": [LISTED[0] | {"question": " "}]}),
        json.dumps({"items": [LISTED[0] | {"question": 5}]}),
        json.dumps({"items": ["Is it good?"]}),
        json.dumps({"items": "none"}),
        "1. Is it a ghost story?",
        "{}",
    ],
)
def test_a_list_that_is_none_is_refused_whole(reply: str) -> None:
    assert read_items(reply, PROMPT) is None


def test_nothing_to_judge_is_a_list_too() -> None:
    assert read_items('{"items": []}', PROMPT) == ()


def test_a_judged_constraint_says_nothing_without_a_judge() -> None:
    for item in ITEMS:
        assert check(item, BOOK).value is None
    brief = Brief("x", 100, ITEMS)
    assert SatisfactionReward()(brief, read_document(brief, BOOK)).value is None
    assert compile_brief(PROMPT, constraints=ITEMS).constraints[-3:] == ITEMS


@pytest.mark.parametrize("levels", [[], [1], [0, 2], ["0", "1"], [True, False], 1])
def test_levels_are_numbers(levels: Json) -> None:
    with pytest.raises(UsageError, match="levels"):
        check(Constraint("judged", {"question": "Is it?", "levels": levels}), "Text.")


# --- going through a list ------------------------------------------------------------------------


def test_a_brief_s_own_checklist_is_made_and_answered() -> None:
    reward = ChecklistReward(make_judge("c brief", answer_keeper))
    assert pay(reward, "A ghost came.").value == 1
    poor = pay(reward, "Nobody came.")
    assert (poor.value, poor.parts["judged"], poor.parts["total"]) == (0, 3, 3)
    assert sum("List what" in r.messages[1].content for r in ASKED["c brief"]) == 1


def test_a_request_too_long_to_be_taken_apart_whole_is_told() -> None:
    judge = make_judge("c cut", answer_keeper, window=6_000)
    brief = Brief("A ghost story. " * 2_000, 1_000)
    score = pay(ChecklistReward(judge), "A ghost came.", brief)
    assert score.value == 1
    assert "The checklist was made of the request without its middle" in score.note


def test_a_brief_that_can_not_be_taken_apart_is_not_judged() -> None:
    score = pay(ChecklistReward(make_judge("c torn", answer_nothing)), "A ghost came.")
    assert score.value is None and "unparsable" in score.note
    empty = pay(ChecklistReward(make_judge("c empty", answer_nothing), items=()), "A ghost.")
    assert empty.value is None and empty.note == "The checklist is empty."


def test_in_a_long_text_presence_is_the_best_window_and_manner_the_mean() -> None:
    text = BOOK.replace("## Night 2\n\n", "## Night 2\n\nKeeper: a ghost, a lamp. ", 1)
    reward = ChecklistReward(make_judge("c long", answer_what_is_there), ITEMS, words=1_500)
    score = pay(reward, text)
    windows = score.parts["windows"]
    assert windows == 3
    assert score.parts["item 1"] == score.parts["item 2"] == 1
    assert score.parts["item 3"] == pytest.approx(1 / windows, abs=0.05)
    assert "3 windows" in score.note
    asked = ASKED["c long"][0].messages[1].content
    assert "1. (somewhere) Is there a ghost?" in asked and "3. (throughout) Does" in asked


def test_what_one_window_meets_is_met_whatever_another_doesn_t_say() -> None:
    text = BOOK.replace("## Night 2\n\n", "## Night 2\n\nA ghost, no lantern. ghost. ", 1)
    judge = make_judge("c one", answer_about_ghosts, deadline=0.01)
    score = pay(ChecklistReward(judge, ITEMS, words=1_500), text)
    assert score.parts["item 1"] == 1 and "item 2" not in score.parts
    assert (score.value, score.parts["judged"], score.parts["missing"]) == (None, 1, 2)


def test_items_without_a_verdict_are_counted_and_most_of_them_leave_no_value() -> None:
    score = pay(ChecklistReward(make_judge("c first", answer_first_only), ITEMS), "Text.")
    assert score.value is None
    assert (score.parts["judged"], score.parts["total"]) == (1, 3)
    assert score.note.startswith("1 of 3 items were judged.")
    heavy = ChecklistReward(make_judge("c heavy", answer_first_only), ITEMS, (3.0, 1.0, 1.0))
    assert pay(heavy, "Text.").value == 1, "most of the weight was judged"


def test_weights_and_quarters_make_hello_eval() -> None:
    items = tuple(make_item(f"Item {n}?", levels=QUARTERS) for n in range(2))

    reward = ChecklistReward(make_judge("c hello", answer_half), items, (75.0, 25.0))
    assert pay(reward, "Text.").value == 0.5
    schema = ASKED["c hello"][0].schema
    assert schema is not None and '"enum": [0.0, 0.25, 0.5, 0.75, 1.0]' in json.dumps(schema)


def test_many_items_take_several_calls() -> None:
    items = tuple(make_item(f"Item {n}?") for n in range(23))
    score = pay(ChecklistReward(make_judge("c many", answer_half), items), "Text.")
    assert (score.value, score.parts["judged"], score.parts["calls"]) == (0.5, 23, 3)


def test_no_text_gets_nothing() -> None:
    assert pay(ChecklistReward(make_judge("c nothing", answer_half), ITEMS), " ").value == 0


def test_it_travels() -> None:
    reward = ChecklistReward(make_judge("c travels", answer_half), ITEMS)
    there = pickle.loads(pickle.dumps(reward))
    assert there == reward and hash(there) == hash(reward)
    assert pay(there, "Text.").value == 0.5


def test_what_is_no_checklist_is_told() -> None:
    with pytest.raises(UsageError, match="checked by a rule"):
        ChecklistReward("m", (Constraint("mention", {"text": "sea"}),))
    for weights in ((1.0,), (0.0, 0.0, 0.0), (1.0, 1.0, -1.0)):
        with pytest.raises(UsageError, match="weights of the checklist"):
            ChecklistReward("m", ITEMS, weights)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([{"item": 1, "level": 1}, {"item": 2, "level": 0.5}], {1: 1.0, 2: 0.5}),
        ([{"item": 1, "level": 0.9}, {"item": 2, "level": 0}], {2: 0.0}),
        ([{"item": 1, "level": "1"}, {"item": 3, "level": 1}, "x"], None),
        ([{"item": 1, "level": 1}, {"item": 1, "level": 0}], None),
        ([{"item": [], "level": 1}, {"item": 1.5, "level": 1}], None),
        ([{"item": True, "level": 1}], None),
        ([], None),
    ],
)
def test_only_an_item_s_own_level_is_an_answer(entries: Json, found: dict[int, float]) -> None:
    levels = {1: (0.0, 0.5, 1.0), 2: (0.0, 0.5, 1.0)}
    assert read_answers(json.dumps({"items": entries}), levels) == found


@given(text=st.text(max_size=200) | st.from_regex(r'\{"items": \[.{0,60}\]\}'))
def test_no_reply_brings_the_reader_down(text: str) -> None:
    assert read_answers(text, {1: levels_of(ITEMS[0])}) is None or "level" in text
    assert read_items(text, PROMPT) in (None, ()) or "question" in text
