"""AgentWrite's plan: passages without headings, their words adding up."""

from __future__ import annotations

import asyncio

import pytest

from longwrite.engines.scripted import ScriptedEngine, parse_rule
from longwrite.planners.agentwrite import AgentWritePlanner, read_lines
from longwrite.runs.planfile import check_plan
from longwrite.types import Brief, Plan
from tests.planners.stub import SAMPLING, StubEngine, total


def plan(brief: Brief, engine: StubEngine | ScriptedEngine) -> Plan:
    """Plan with the planner."""
    return asyncio.run(AgentWritePlanner().plan(brief, engine, SAMPLING))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("words", [500, 800, 5_000, 40_000, 1_000_000])
def test_budgets_add_up_exactly_and_none_is_too_long_to_write(words: int, language: str) -> None:
    engine = StubEngine()
    made = plan(Brief("A history of salt", words, language=language), engine)
    check_plan(made)
    assert total(made.sections) == words
    assert all(not section.title and not section.sections for section in made.sections)
    assert max(section.words for section in made.sections) <= 1_000
    assert made.warnings == ()
    assert len(engine.requests) == (0 if words < 800 else 1)
    assert all(request.schema is None for request in engine.requests)


def test_a_long_line_becomes_several_passages() -> None:
    reply = "\n".join(
        f"Paragraph {n} - Main Point: Point {n} - Word Count: 3,000 words" for n in range(1, 6)
    )
    made = plan(Brief("x", 6_000, language="en"), StubEngine(lambda request: reply))
    assert total(made.sections) == 6_000
    assert [section.goal for section in made.sections[:2]] == ["Point 1 (1/2)", "Point 1 (2/2)"]


def test_the_published_lines_are_read() -> None:
    reading = read_lines(
        "Here is my plan:\n\n"
        "Paragraph 1 - Main Point: [Tell of the sea: wide - and deep] - Word Count: [400 words]\n"
        "**Paragraph 2** - Main Point: Storms - Word Count: about 1,200 words\n"
        "段落 3 - 要点：平静 - 字数：约500字\n第4段 - 主要观点: 结束 - 字数: 300\n"
        "Paragraph 5 has no numbers."
    )
    assert [(entry.goal, entry.words) for entry in reading.entries] == [
        ("[Tell of the sea: wide - and deep]", 400),
        ("Storms", 1200),
        ("平静", 500),
        ("结束", 300),
    ]


def test_an_engine_that_garbles_its_plans_still_gives_one() -> None:
    made = plan(Brief("x", 9_000, language="en"), ScriptedEngine(parse_rule("garbled=1")))
    check_plan(made)
    assert total(made.sections) == 9_000 and made.warnings
