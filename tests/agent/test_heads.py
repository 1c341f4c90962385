"""What a thread's prompts say, and that they fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.heads import last_words, list_facts, make_head, make_step
from longwrite.agent.schedule import Thread, make_threads
from longwrite.runs.folder import RunFolder
from longwrite.text import estimate_tokens
from longwrite.types import Brief, Constraint, Fact, Plan, Section
from tests.agent.stage import PLAN, PLAN_BRIEF, make_job

THREAD = Thread(PLAN.sections)
CHAPTERS = Plan(
    "Salt",
    tuple(
        Section(str(n), f"Chapter {n}", f"Goal {n}.", 200, f"entry {n}", f"exit {n}", sections=(
            Section(f"{n}.1", f"First of {n}", words=100),
            Section(f"{n}.2", f"Second of {n}", words=100),
        ))
        for n in (1, 2)
    ),
    bible="Salt is white.",
)  # fmt: skip


def test_a_head_holds_all_that_a_thread_shares(folder: RunFolder) -> None:
    brief = replace(PLAN_BRIEF, audience="cooks", style="dry", style_sample="Call me Salt.")
    system, head = make_head(
        make_job(folder, brief=brief),
        THREAD,
        [Fact("Anna", "birth", "1841", "1", "q")],
        "The past.",
    )
    assert system.role == "system"
    shared = [
        "<brief>\nA history of salt\n</brief>",
        "English",
        "cooks",
        "dry",
        "Call me Salt.",
        "2. Ships (300): Tell of ships.",
        "Anna: birth: 1841",
        "<past>\nThe past.",
    ]
    for part in shared:
        assert part in head


def test_the_first_half_of_a_head_is_the_same_for_all_chapters(folder: RunFolder) -> None:
    job = make_job(folder, CHAPTERS)
    first, second = (make_head(job, thread, (), "")[1] for thread in make_threads(CHAPTERS, "dag"))
    same = next(
        n for n, (one, other) in enumerate(zip(first, second, strict=False)) if one != other
    )
    assert "Chapter 2" in first[:same] and "Salt is white." in first[:same]
    assert first[:same].endswith("You write inside: ")
    assert "entry 1" in first[same:] and "entry 2" not in first


def test_a_step_says_what_when_and_how_long(folder: RunFolder) -> None:
    job = make_job(folder)
    steps = [make_step(job, THREAD, leaf, 300) for leaf in PLAN.sections]
    assert all(
        leaf.title in step and "300 words" in step
        for leaf, step in zip(PLAN.sections, steps, strict=True)
    )
    assert ["opens the document" in step for step in steps] == [True, False, False]
    assert ["ends the document" in step for step in steps] == [False, False, True]


def test_a_step_names_what_the_section_has_to_meet(folder: RunFolder) -> None:
    leaf = replace(
        PLAN.sections[0],
        note="Shorter, please.",
        constraints=(
            Constraint("mention", {"text": "gulls"}),
            Constraint("avoid", {"text": "very"}),
            Constraint("table", {"wanted": True}),
            Constraint("list", {"wanted": False}),
        ),
    )
    step = make_step(make_job(folder), THREAD, leaf, 300)
    assert 'must contain the words "gulls"' in step and 'must not contain "very"' in step
    assert "must contain a table" in step and "must not contain a list" in step
    assert "<wish>\nShorter, please.\n</wish>" in step


def test_a_single_text_has_no_place_in_a_document(folder: RunFolder) -> None:
    plan = Plan("", (Section("1", "", words=300),))
    step = make_step(make_job(folder, plan), Thread(plan.sections), plan.sections[0], 300)
    assert step.startswith("Now write the whole text.") and "document" not in step


@pytest.mark.parametrize("form", ["letter", "script", "poem"])
def test_a_form_is_kept(folder: RunFolder, form: str) -> None:
    job = make_job(folder, brief=replace(PLAN_BRIEF, form=form))
    assert form.replace("poem", "verse") in make_step(job, THREAD, PLAN.sections[0], 300)


@pytest.mark.parametrize("piece", ["word ", "字"])
def test_a_head_leaves_room_in_the_window(folder: RunFolder, piece: str) -> None:
    huge = piece * 20_000
    plan = Plan(
        "T",
        tuple(Section(str(n), huge[:200], huge, 500, huge, huge) for n in range(300)),
        huge[:500],
    )
    facts = [Fact("entity", "attribute", huge[:300], "1", "q")] * 200
    job = make_job(folder, plan, Brief(huge, 150_000, language="en"), "window=8192")
    for thread in (make_threads(plan, "thread")[0], make_threads(plan, "dag")[0]):
        _, head = make_head(job, thread, facts, last_words(huge))
        assert estimate_tokens(head) < 0.85 * 8_192


# --- pieces --------------------------------------------------------------------------------------


def test_last_words_begin_with_a_paragraph_or_a_word() -> None:
    assert last_words("First one.\n\nSecond one.\n\nThird one.", 30) == "Second one.\n\nThird one."
    assert last_words("one two three four", 9) == "four"
    assert last_words("short") == "short"
    assert last_words("") == ""


@given(st.text(), st.integers(1, 50))
def test_last_words_are_an_end_of_the_text(text: str, characters: int) -> None:
    tail = last_words(text, characters)
    assert len(tail) <= characters
    assert text.strip().endswith(tail) or tail == text[-characters:].strip()


def test_facts_are_lines() -> None:
    facts = [Fact("Anna", "birth", "1841", "1", "q"), Fact("Hale", "home", "Cork", "2", "q")]
    assert list_facts(facts).split("\n")[1:] == ["- Anna: birth: 1841", "- Hale: home: Cork"]
    assert list_facts([]) == ""
