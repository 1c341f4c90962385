"""The peers' call patterns, their calls and tokens counted by hand at a small size."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.engine.modelled import Call
from benchmarks.engine.tokens import count_tokens
from benchmarks.peers import agentwrite
from benchmarks.run import AGENTWRITE, COGWRITER, STORM, WISH, Taken, Way, measure, measure_depth

TOKENS = 4 * 810
"""Four sections of 600 words."""


@pytest.fixture(scope="module", params=[AGENTWRITE, COGWRITER, STORM], ids=lambda way: way.name)
def written(request: pytest.FixtureRequest) -> tuple[Way, Taken]:
    way: Way = request.param
    return way, measure(way, TOKENS, 32)


def of(taken: Taken, step: str) -> list[Call]:
    return [call for call in taken.calls if call.step == step]


def test_a_peer_writes_the_text_asked_for(written: tuple[Way, Taken]) -> None:
    assert abs(written[1].final - TOKENS) < 100


def test_agentwrite_sends_plan_and_all_text_so_far_each_time() -> None:
    taken = measure(AGENTWRITE, TOKENS, 32)
    plan, *steps = taken.calls
    assert plan.step == "plan" and [call.step for call in steps] == ["step"] * 4
    for before, call in pairwise(steps):
        assert call.begun == before.ended
        # One section more, and the blank line after it.
        assert abs(call.prompt - before.prompt - before.written) <= 12
    instruction = count_tokens(agentwrite._STEP) + count_tokens(WISH)
    assert abs(steps[0].prompt - instruction - plan.written - 60) < 40
    assert sum(call.cached for call in steps[2:]) > 0.5 * sum(c.prompt for c in steps[1:-1])


def test_agentwrites_uncached_tokens_are_the_text_once_and_little_more() -> None:
    taken = measure(AGENTWRITE, 13_000, 1)
    assert 1.05 < taken.uncached < 1.25


def test_cogwriter_plans_twice_and_writes_every_unit_twice() -> None:
    taken = measure(COGWRITER, TOKENS, 32)
    assert [call.step for call in taken.calls[:2]] == ["plan", "revise"]
    units, reviews = of(taken, "unit"), of(taken, "review")
    assert len(units) == len(reviews) == 4
    assert len({call.begun for call in units}) == 1
    assert taken.written == pytest.approx(2.1, abs=0.15)


def test_storm_asks_nine_questions_and_writes_over_snippets() -> None:
    taken = measure(STORM, TOKENS, 32)
    counts = {step: len(of(taken, step)) for step in ("people", "question", "answer", "outline")}
    assert counts == {"people": 1, "question": 9, "answer": 9, "outline": 2}
    sections = of(taken, "section")
    assert len(sections) == 4 and len({call.begun for call in sections}) == 1
    assert all(call.prompt > 2_000 for call in sections)


def test_depth_is_what_has_to_wait_for_each_other() -> None:
    taken = measure(AGENTWRITE, TOKENS, 32)
    assert measure_depth(AGENTWRITE, TOKENS) == sum(call.written for call in taken.calls)
    plan, revised = measure(COGWRITER, TOKENS, 32).calls[:2]
    depth = measure_depth(COGWRITER, TOKENS) - plan.written - revised.written
    assert depth == pytest.approx(2 * 810, abs=80)
