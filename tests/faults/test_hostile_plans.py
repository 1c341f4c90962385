"""A plan comes from a model or from a stranger's file: it is a plan in the end, or a sentence."""

from __future__ import annotations

import asyncio
from typing import Any

import yaml
from hypothesis import strategies as st

from longwrite.assembly import walk
from longwrite.errors import UsageError
from longwrite.planners.agentwrite import AgentWritePlanner
from longwrite.planners.outline import OutlinePlanner
from longwrite.runs.folder import SAFE_ID, slugify
from longwrite.runs.planfile import check_plan, plan_from_yaml, plan_to_yaml
from longwrite.types import Brief
from tests.faults.hostile import (
    DEEP,
    NUMBERS,
    TEXTS,
    VALUES,
    Amount,
    Tell,
    mapping,
    try_cases,
    written,
)
from tests.planners.stub import SAMPLING, StubEngine, total

ENTRIES = mapping(
    {
        "title": TEXTS,
        "goal": TEXTS,
        "words": NUMBERS,
        "entry": TEXTS,
        "exit": TEXTS,
        "needs": st.lists(NUMBERS | TEXTS, max_size=4),
        "establishes": st.lists(NUMBERS | TEXTS, max_size=4),
        "id": TEXTS,
    }
)
OBJECTS = mapping(
    {
        "title": TEXTS,
        "bible": TEXTS,
        "sections": st.lists(ENTRIES, max_size=4),
        "plan": mapping({"sections": st.lists(ENTRIES, max_size=3)}),
    }
)
LINES = st.lists(
    st.tuples(
        st.sampled_from(
            ["1. ", "- ", "Title: ", "Bible: ", "第一章 ", "Paragraph 1 - Main Point: "]
        ),
        TEXTS,
        st.sampled_from(["", " | ", " - Word Count: 400 words", " | 999999999999", " (nan words)"]),
    ).map("".join),
    max_size=6,
).map("\n".join)


@st.composite
def replies(draw: st.DrawFn) -> str:
    """Draw what a model may answer when it is asked for a plan."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from(DEEP))
    said = draw(LINES | OBJECTS.map(written) | VALUES.map(written) | TEXTS)
    form = draw(st.sampled_from(["{}", "```json\n{}\n```", "Sure!\n{}\nDone.", "\ufeff{}", "{}{}"]))
    # An engine's reply is whole characters; halves come as the escapes of JSON.
    whole = form.replace("{}", said).encode("utf-8", "replace").decode()
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


def plan_by(said: list[str], way: str) -> None:
    """Plan with a model that answers so, and see that the plan is sound."""
    engine = StubEngine(lambda request: said[len(engine.requests) % len(said)], json=way == "json")
    planner = AgentWritePlanner() if way == "agentwrite" else OutlinePlanner()
    made = asyncio.run(planner.plan(Brief("On salt", 2_000, language="en"), engine, SAMPLING))
    check_plan(made)
    assert total(made.sections) == 2_000
    assert plan_from_yaml(plan_to_yaml(made)) == made
    for node, _ in walk(made.sections):
        assert SAFE_ID.fullmatch(node.id)
        assert node.title.isprintable()
    for request in engine.requests:
        for message in request.messages:
            message.content.encode()  # else it reaches neither server nor log


def test_any_reply_leads_to_a_sound_plan(tell: Tell, amount: Amount) -> None:
    ways = st.sampled_from(["json", "lines", "agentwrite"])
    tell(
        "generated plans of models",
        try_cases(
            plan_by, st.lists(replies(), min_size=1, max_size=3), ways, most=amount(15, 1_000)
        ),
    )


CONSTRAINTS = mapping(
    {
        "kind": st.sampled_from(["length", "mention", "sections", "title", "judged", "table"]),
        "params": st.dictionaries(
            st.sampled_from(["text", "min", "max", "wanted"]), VALUES, max_size=3
        ),
        "scope": st.sampled_from(["document", "each", "section:0", "every:999999:1", "nowhere"]),
        "hard": st.booleans(),
        "quote": TEXTS,
    }
)
SECTIONS: st.SearchStrategy[Any] = st.deferred(
    lambda: mapping(
        {
            "id": st.sampled_from(["a", "1.1", "../x", "a/b", "b", "CON", ".", "a..b", "x" * 65])
            | TEXTS,
            "title": TEXTS,
            "words": NUMBERS,
            "goal": TEXTS,
            "entry": TEXTS,
            "exit": TEXTS,
            "note": TEXTS,
            "revision": NUMBERS,
            "needs": st.lists(st.sampled_from(["a", "b", "1.1"]) | TEXTS, max_size=3),
            "establishes": st.lists(TEXTS, max_size=3),
            "constraints": st.lists(CONSTRAINTS, max_size=2),
            "sections": st.lists(SECTIONS, max_size=2),
        }
    )
)
FILES = mapping(
    {"title": TEXTS, "bible": TEXTS, "planner": TEXTS, "sections": st.lists(SECTIONS, max_size=4)}
)


@st.composite
def plan_files(draw: st.DrawFn) -> str:
    """Draw the text of a plan.yaml, sound but for what it holds, or damaged."""
    data = draw(FILES)
    text = (
        yaml.safe_dump(data, allow_unicode=draw(st.booleans()))
        if draw(st.booleans())
        else written(data)
    )
    if draw(st.booleans()):
        return text
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(TEXTS) + text[at + draw(st.integers(0, 20)) :]


def read_plan_file(text: str) -> None:
    """Read a plan.yaml: what is read is sound and reads the same again."""
    try:
        made = plan_from_yaml(text)
    except UsageError as error:
        str(error).encode("utf-8", "surrogatepass")
        return
    check_plan(made)
    assert plan_from_yaml(plan_to_yaml(made)) == made


def test_any_plan_file_is_a_plan_or_a_sentence(tell: Tell, amount: Amount) -> None:
    tell("generated plan files", try_cases(read_plan_file, plan_files(), most=amount(15, 1_000)))


def name_run(text: str) -> None:
    """Name a run after its prompt: letters, digits and hyphens, not too many."""
    name = slugify(text)
    assert 1 <= len(name) <= 40 and len(name.encode()) <= 80
    assert all(char.isalnum() or char == "-" for char in name)


def test_a_run_is_named_by_letters_and_digits_alone(tell: Tell, amount: Amount) -> None:
    tell("generated names of runs", try_cases(name_run, TEXTS, most=amount(15, 1_000)))
