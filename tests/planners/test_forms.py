"""A plan's call brings what somebody reads, and no more."""

from __future__ import annotations

import pytest

from longwrite.planners.entries import read_entries
from longwrite.planners.forms import CHAPTERS, ROOT, SECTIONS, WHOLE, show_form
from longwrite.types import Brief
from tests.planners.stub import StubEngine, plan


@pytest.mark.parametrize(
    ("form", "shared", "contracts"),
    [(ROOT, {"title", "bible"}, True), (CHAPTERS, set(), True),
     (SECTIONS, set(), False), (WHOLE, {"title"}, False)],
)  # fmt: skip
def test_the_form_shown_is_the_schema(
    form: dict[str, object], shared: set[str], contracts: bool
) -> None:
    shown = show_form(form)  # type: ignore[arg-type]
    assert {name for name in ("title", "bible") if f'"{name}"' in shown.split('"sections"')[0]} == (
        shared
    )
    assert ('"establishes"' in shown) is contracts
    assert read_entries(shown).entries[0].title == "…"


def test_contracts_are_asked_for_where_texts_are_written_side_by_side() -> None:
    engine = StubEngine()
    plan(Brief("A history of salt", 60_000, language="en"), engine)
    forms = {request.ask.section.count(".") + bool(request.ask.section): request.schema
             for request in engine.requests}  # fmt: skip
    assert forms == {0: ROOT, 1: CHAPTERS, 2: SECTIONS}


def test_a_text_of_one_chapter_is_planned_in_one_short_call() -> None:
    engine = StubEngine()
    plan(Brief("A history of salt", 1_500, language="en"), engine)
    assert [request.schema for request in engine.requests] == [WHOLE]


def test_nodes_of_a_level_differ_only_at_the_end_of_their_prompts() -> None:
    engine = StubEngine()
    plan(Brief("A history of salt", 20_000, language="en"), engine)
    first, second = (request.messages[-1].content for request in engine.requests[1:3])
    same = next(n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    assert same > 0.75 * len(first) and "JSON" in first[:same]


def test_an_engine_that_answers_in_lines_is_told_the_form_last() -> None:
    engine = StubEngine(json=False)
    plan(Brief("A history of salt", 20_000, language="en"), engine)
    assert all(
        request.messages[-1].content.rstrip().endswith("1. title | goal | words")
        for request in engine.requests
    )
