"""A live judge's word is put beside the response; where it gives none, that is said and counted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from longwrite.bench.benchmark import Benchmark, Item, Response
from longwrite.bench.hellobench import Checklist, HelloBench
from longwrite.bench.judging import JudgedResponses, find_judging, judge_responses
from longwrite.bench.longbench_write import LongBenchWrite
from longwrite.bench.sgt import Check, Parts, SpinningTheGoldenThread
from longwrite.errors import UsageError
from longwrite.rewards.judge import Judge
from longwrite.types import Request
from tests.rewards.judges import ASKED, NEVER, answer_items, make_judge, mark_all, material

ITEM = Item("1", "Write 1000 words about boats.", 1_000, 1_000)
HELLO = Item("2", "Write a story.", Checklist("story", 2, ("Is it sad?", "Is it short?")))
GOLD = Item(
    "3", "Write a diary.",
    Parts("Week", 3, (Check("once", 1, what="a birthday"), Check("range", 2, ("Paris",)),
                      Check("range", 3, what="Paris"))),
)  # fmt: skip


def judge(
    bench: Benchmark[Any], item: Item[Any], judge: Judge, *responses: Response
) -> JudgedResponses:
    async def work() -> JudgedResponses:
        try:
            return await judge_responses(bench, [(item, one) for one in responses], judge)
        finally:
            await judge.close()

    return asyncio.run(work())


def answer_boats(request: Request) -> str:
    return mark_all(4) if "boat" in material(request) else "It has no boat."


def answer_story(request: Request) -> str:
    return answer_items(request, lambda n, question, shown: 0.75 if n == 1 else 1)


def answer_story_badly(request: Request) -> str:
    return answer_items(request, lambda n, question, shown: 0.75 if n == 1 else 0.8)


def answer_diary(request: Request) -> str:
    """Say nothing of Paris."""
    if "Paris" in request.messages[-1].content:
        return NEVER
    return answer_items(request, lambda n, question, shown: 1)


def test_six_marks_become_the_quality_and_their_absence_its_reason() -> None:
    bench = LongBenchWrite()
    given = {"s_q": 99, "cut": True}
    found = judge(
        bench, ITEM, make_judge("b six", answer_boats),
        Response("A boat.", columns=given), Response("A tree."), Response(),
    )  # fmt: skip
    (_, boat), (_, tree), (_, empty) = found.pairs
    assert bench.score(ITEM, boat).values["S_q"] == 75, "the verdict that was given is replaced"
    assert boat.columns["cut"] is True and boat.columns["judge"] == "fake:b six"
    unjudged = bench.score(ITEM, tree)
    assert unjudged.values["S_q"] is None
    assert "unparsable 'It has no boat.'" in unjudged.note
    assert empty == Response()
    assert (found.tally.asked, found.tally.unparsable) == (2, 1)
    assert found.judge == "fake:b six, temperature 0, top_p 1, seed 0, at most 2,048 tokens"


def test_a_checklist_in_a_row_is_gone_through() -> None:
    bench = HelloBench({"story": (75.0, 25.0)})
    found = judge(bench, HELLO, make_judge("b list", answer_story), Response("It rained."))
    assert found.pairs[0][1].columns["judge_checklist_scores"] == [0.75, 1]
    assert bench.score(HELLO, found.pairs[0][1]).values["HelloEval"] == 25
    body = ASKED["b list"][0].messages[-1].content
    assert "Is it sad?" in body and "Write a story." in body


def test_a_checklist_with_a_gap_is_no_score() -> None:
    bench = HelloBench()
    found = judge(bench, HELLO, make_judge("b gap", answer_story_badly), Response("It rained."))
    result = bench.score(HELLO, found.pairs[0][1])
    assert result.values["HelloEval"] is None
    assert result.note.startswith("1 of 2 items were judged.")
    bare = Item("2", "Write a story.", Checklist("story", 0))
    found = judge(bench, bare, make_judge("b bare", answer_story), Response("It rained."))
    assert "holds no checklist" in bench.score(bare, found.pairs[0][1]).note


def test_checks_are_asked_of_their_part_alone() -> None:
    bench = SpinningTheGoldenThread()
    text = "#*# Week 1: A birthday. #*# Week 2: Rain."
    found = judge(bench, GOLD, make_judge("b gold", answer_diary, deadline=0.01), Response(text))
    response = found.pairs[0][1]
    assert response.columns["verdicts"] == {"once": {"1": "yes"}, "range": {}}
    values = bench.score(GOLD, response).values
    assert values["checks without verdict"] == 1
    assert values["STIC-1"] == 50 and values["STIC-2"] == pytest.approx(100 / 3)
    assert found.tally.late == 1
    assert len(ASKED["b gold"]) == 2, "a part that is missing takes no call"
    assert "Week 2" not in ASKED["b gold"][0].messages[-1].content
    assert json.dumps(response.columns)


def test_what_needs_no_judge_has_none() -> None:
    with pytest.raises(UsageError, match="longen has no live judge"):
        find_judging("longen")
