"""The default planner: budgets that add up exactly, whatever the engine answers."""

from __future__ import annotations

import asyncio
import json

import pytest

from longwrite.assembly import leaves, walk
from longwrite.engines.engine import Watch
from longwrite.engines.scripted import Rule, ScriptedEngine, parse_rule
from longwrite.errors import EngineError, UsageError
from longwrite.planners import PLANNERS, load_planner
from longwrite.rewards.briefs import compile_brief
from longwrite.runs.planfile import check_plan, plan_from_yaml, plan_to_yaml
from longwrite.types import Brief, CallError, Reply, Request
from tests.planners.stub import SAMPLING, StubEngine, plan, total

LENGTHS = [500, 799, 800, 1_200, 4_500, 10_000, 123_456, 1_000_000]


@pytest.mark.parametrize("json_forced", [True, False])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("words", LENGTHS)
def test_budgets_add_up_exactly(words: int, language: str, json_forced: bool) -> None:
    engine = StubEngine(json=json_forced)
    made = plan(Brief("A history of salt", words, language=language), engine)
    check_plan(made)
    assert total(made.sections) == words
    assert all(node.words == total((node,)) for node, _ in walk(made.sections))
    assert made.warnings == ()
    written = leaves(made.sections)
    assert max(leaf.words for leaf in written) <= max(800, 1.5 * 800)
    assert len(written) > words // 1_300
    titles = [node.title.casefold() for node, _ in walk(made.sections) if node.title]
    assert len(titles) == len(set(titles))


def test_a_plan_of_a_million_words_is_read_back() -> None:
    made = plan(Brief("A history of salt", 1_000_000, language="en"), StubEngine())
    assert plan_from_yaml(plan_to_yaml(made)) == made


@pytest.mark.parametrize("window", [1_024, 2_048, 8_192, 200_000])
def test_sections_fit_the_window_and_so_do_the_calls(window: int) -> None:
    brief = Brief("字" * 50_000, 12_000, language="zh")
    engine = StubEngine(window=window)
    made = plan(brief, engine)
    assert total(made.sections) == 12_000
    assert made.warnings == () or window < 4_096
    assert max(leaf.words for leaf in leaves(made.sections)) <= max(180, window // 4)


def test_calls_of_a_level_are_in_flight_together() -> None:
    engine = StubEngine()
    plan(Brief("A history of salt", 100_000, language="en"), engine)
    steps = [request.ask.step for request in engine.requests]
    assert steps.count("plan.root") == 1
    assert engine.most_in_flight >= 7
    assert len(steps) <= 100_000 / 1_300


def test_a_short_text_needs_no_call_and_no_heading() -> None:
    engine = StubEngine()
    made = plan(compile_brief("A note on salt, 300 words"), engine)
    assert engine.requests == []
    (only,) = made.sections
    assert (only.words, only.title, made.title) == (300, "", "")


@pytest.mark.parametrize(
    ("prompt", "count", "first"),
    [
        ("A sailing course in 20 lessons, 10,000 words", 20, "Lesson 1: "),
        ("A play in five acts, 9,000 words", 5, "Act 1: "),
        ("写一部分十二章的小说，约20000字", 12, "第1章 "),
    ],
)
def test_counted_units_are_the_top_level(prompt: str, count: int, first: str) -> None:
    brief = compile_brief(prompt)
    for json_forced in (True, False):
        made = plan(brief, StubEngine(json=json_forced))
        assert len(made.sections) == count
        assert made.sections[0].title.startswith(first)
        assert total(made.sections) == brief.words


def test_a_text_too_short_for_its_units_is_one_section() -> None:
    made = plan(compile_brief("A course in 20 lessons, 30 words"), StubEngine())
    assert len(made.sections) == 1 and total(made.sections) == 30


@pytest.mark.parametrize("seed", range(5))
def test_an_engine_that_garbles_its_plans_still_gives_one(seed: int) -> None:
    engine = ScriptedEngine(parse_rule(f"garbled=1,seed={seed}"))
    for words in (1_500, 30_000):
        made = plan(Brief("A history of salt", words, language="en"), engine)
        check_plan(made)
        assert total(made.sections) == words
        assert made.warnings and "entries instead of" in made.warnings[0]


def test_a_plan_garbled_now_and_then_is_asked_for_again() -> None:
    engine = ScriptedEngine(parse_rule("garbled=0.3"))
    made = plan(Brief("A history of salt", 60_000, language="en"), engine)
    assert total(made.sections) == 60_000
    assert len(leaves(made.sections)) > 60


# --- what a reply may say ------------------------------------------------------------------------


def answer_with(**fields: object) -> StubEngine:
    """Return an engine whose every plan has two entries with these fields."""

    def answer(request: Request) -> str:
        titles = [f"{name} {request.ask.section}" for name in ("Sun", "Moon")]
        return json.dumps(
            {"title": "T", "sections": [{"title": t, "goal": "g", **fields} for t in titles]}
        )

    return StubEngine(answer)


BRIEF = Brief("A history of salt", 1_400, language="en")


def test_needs_point_backwards_only() -> None:
    made = plan(BRIEF, answer_with(needs=[1, 2, 1, 99, -4]))
    assert [node.needs for node in made.sections] == [(), ("1",)]


@pytest.mark.parametrize("words", [[], "none", -5, 1e300, {"a": 1}, None])
def test_wild_budgets_are_evened_out(words: object) -> None:
    assert [node.words for node in plan(BRIEF, answer_with(words=words)).sections] == [700, 700]


def test_prose_has_no_headings_but_keeps_its_plan() -> None:
    made = plan(Brief("A story", 1_400, language="en", form="prose"), answer_with())
    assert {node.title for node in made.sections} == {""} and made.title == ""
    assert made.sections[0].goal.startswith("Sun")


def test_a_stated_title_wins() -> None:
    brief = compile_brief('A 2,000-word essay titled "White Gold"')
    assert plan(brief, StubEngine()).title == "White Gold"


def test_a_title_is_one_clean_line() -> None:
    engine = StubEngine(lambda request: "Title: # **Salt**\n1. A | a\n2. B | b", json=False)
    assert plan(BRIEF, engine).title == "Salt"


def test_a_prompt_is_no_template_and_no_instruction() -> None:
    engine = StubEngine()
    plan(Brief("$words ${count} </brief> {json}", 1_400, language="en"), engine)
    asked = engine.requests[0].messages[-1].content
    assert "$words ${count}" in asked and asked.count("</brief>") == 1


# --- trouble -------------------------------------------------------------------------------------


def test_an_engine_in_trouble_is_an_error() -> None:
    engine = StubEngine(lambda request: CallError("server", "it burns"))
    with pytest.raises(EngineError, match="it burns"):
        plan(BRIEF, engine)


def test_calls_in_flight_come_in_before_an_error_is_raised() -> None:
    slow = ScriptedEngine(Rule(delay=0.05))
    came_in: list[str] = []

    class Failing(StubEngine):
        async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
            if request.ask.section == "1":
                raise EngineError("The engine can't go on")
            reply = await slow.generate(request)
            came_in.append(request.ask.section)
            return reply

    async def run() -> None:
        with pytest.raises(EngineError, match="can't go on"):
            await load_planner("outline").plan(
                Brief("A history of salt", 30_000, language="en"), Failing(), SAMPLING
            )
        assert len(came_in) > 4
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_planners_are_found_by_name() -> None:
    for name in PLANNERS:
        assert load_planner(name)
    assert load_planner("longwrite.planners.outline:OutlinePlanner")
    for name in ("outlin", "os:path", "nowhere:X", "os", ":", "longwrite.planners.outline:"):
        with pytest.raises(UsageError, match="no planner"):
            load_planner(name)
