"""A text has won only where it wins from both places."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable

import pytest

from longwrite.rewards.pairwise import (
    PairwiseReward,
    digest_prompt,
    pair_windows,
    read_side,
)
from longwrite.rewards.windows import Window
from longwrite.scoring.documents import read_document
from longwrite.types import Brief, Request, Score, Span
from tests.rewards.judges import ASKED, NEVER, make_judge
from tests.scoring.texts import make_text

BRIEF = Brief("Write about boats.", 100)


def sides(request: Request) -> tuple[str, str]:
    body = request.messages[-1].content
    first, second = (
        re.search(rf"<{side} (\w+)>\n(.*)\n</{side} \1>", body, re.DOTALL)
        for side in ("first", "second")
    )
    assert first is not None and second is not None
    return first[2], second[2]


def say(better: str) -> str:
    return json.dumps({"reason": "So.", "better": better})


def prefer_ships(request: Request) -> str:
    first, second = ("ship" in side for side in sides(request))
    return say("tie" if first == second else "first" if first else "second")


def prefer_first(request: Request) -> str:
    return say("first")


def prefer_first_or_tie(request: Request) -> str:
    return say("first" if "ship" in sides(request)[0] else "tie")


def answer_one_order(request: Request) -> str:
    return say("first") if "ship" in sides(request)[0] else NEVER


def pay(reward: PairwiseReward, text: str, brief: Brief = BRIEF) -> Score:
    return reward(brief, read_document(brief, text))


@pytest.mark.parametrize(
    ("answer", "text", "reference", "value", "bias"),
    [
        (prefer_ships, "A ship.", "A boat.", 1, 0),
        (prefer_ships, "A boat.", "A ship.", 0, 0),
        (prefer_ships, "A raft.", "A boat.", 0.5, 0),
        (prefer_first, "A raft.", "A boat.", 0.5, 1),
        (prefer_first_or_tie, "A ship.", "A boat.", 0.5, 0),
    ],
)
def test_both_orders_decide(
    answer: Callable[[Request], str], text: str, reference: str, value: float, bias: float
) -> None:
    judge = make_judge(f"p {answer.__name__} {text}", answer)
    score = pay(PairwiseReward(judge, reference), text)
    assert (score.value, score.parts["position_bias"]) == (value, bias)
    assert score.parts["calls"] == 2


def test_one_order_without_a_verdict_is_no_value() -> None:
    judge = make_judge("p once", answer_one_order, deadline=0.01)
    score = pay(PairwiseReward(judge, "A boat."), "A ship.")
    assert score.value is None
    assert "1 of 2 have no verdict: deadline." in score.note


def test_references_are_found_by_their_prompt() -> None:
    listed = {digest_prompt(" Write about\nboats. "): "A boat."}
    reward = PairwiseReward(make_judge("p map", prefer_ships), listed)
    assert pay(reward, "A ship.").value == 1
    assert pay(reward, "A ship.", Brief("Write about tea.", 100)).value is None
    there = pickle.loads(pickle.dumps(reward))
    assert there == reward and hash(there) == hash(reward)


def test_what_needs_no_judge_takes_no_call() -> None:
    reward = PairwiseReward(make_judge("p none", prefer_ships), "A boat.")
    assert pay(reward, " ").value == 0
    assert pay(reward, "A boat.\n").value == 0.5
    assert not ASKED["p none"]


def test_long_texts_are_compared_part_by_part() -> None:
    long, other = f"# Tides\n\n{make_text(40, seed=1)}", make_text(20, seed=2)
    judge = make_judge("p long", prefer_ships, window=8_000)
    score = pay(PairwiseReward(judge, other), f"{long}\n\nA ship.")
    count = score.parts["windows"]
    assert count > 1 and score.parts["calls"] == 2 * count
    assert score.value == pytest.approx(0.5 + 0.5 / count, abs=0.006)
    shown = [sides(request) for request in ASKED["p long"]]
    assert all(line in "".join(map("".join, shown)) for line in (long[-200:], other[-200:]))
    assert "- Tides (" in ASKED["p long"][0].messages[-1].content, "with the outlines"
    assert "part 1 of" in ASKED["p long"][0].messages[-1].content


def test_every_window_of_both_has_a_partner() -> None:
    def windows(count: int) -> tuple[Window, ...]:
        return tuple(Window(Span(n, n + 1), 1, 1) for n in range(count))

    for one, other in ((1, 5), (2, 5), (5, 3), (4, 4)):
        pairs = pair_windows(windows(one), windows(other))
        assert len(pairs) == max(one, other)
        assert {a for a, _ in pairs} == set(windows(one))
        assert {b for _, b in pairs} == set(windows(other))


@pytest.mark.parametrize(
    "reply", ["first", '{"better": "A"}', '{"better": ["first"]}', '{"better": "First, clearly"}']
)
def test_anything_but_the_three_words_is_no_verdict(reply: str) -> None:
    assert read_side(reply) is None
