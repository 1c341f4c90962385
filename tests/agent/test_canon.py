"""The canon: facts with the words that show them, and contradictions found by rule."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.canon import (
    Conflict,
    divide,
    find_conflicts,
    note_facts,
    read_facts,
    stands,
)
from longwrite.agent.section import PACKAGE
from longwrite.runs.folder import RunFolder
from longwrite.text import blocks, estimate_tokens
from longwrite.types import Fact, Message, Written
from tests.agent.stage import PLAN, make_job

TEXTS = {
    "1": "Captain Anna Hale was born in Cork in 1841. She kept **two** cats.",
    "2": "安娜在一八四一年出生于科克。",
}


def fact(value: str, section: str = "1", entity: str = "Anna", attribute: str = "birth") -> Fact:
    """Return a fact."""
    return Fact(entity, attribute, value, section, "quote")


def said(*quotes: str) -> str:
    """Return a reply that notes a fact for each quote."""
    facts = [{"entity": "Anna", "attribute": "x", "value": "y", "quote": quote} for quote in quotes]
    return json.dumps({"facts": facts}, ensure_ascii=False)


# --- reading -------------------------------------------------------------------------------------


def test_a_fact_belongs_to_the_section_that_its_quote_stands_in() -> None:
    facts = read_facts(said("born in Cork", "出生于科克"), TEXTS)
    assert [(found.section, found.quote) for found in facts] == [
        ("1", "born in Cork"),
        ("2", "出生于科克"),
    ]


@pytest.mark.parametrize(
    "quote",
    ["born in Dublin", "CORK IN 1842", "", "   ", "....", "“——”", "a", "in", "…", "Hale Anna"],
)
def test_a_quote_that_does_not_stand_is_dropped(quote: str) -> None:
    assert read_facts(said(quote), TEXTS) == ()


@pytest.mark.parametrize(
    "quote", ["BORN in cork", "born  in\nCork!", "two cats", "ｂｏｒｎ in Cork"]
)
def test_a_quote_is_compared_by_its_letters_and_digits(quote: str) -> None:
    assert len(read_facts(said(quote), TEXTS)) == 1


def test_facts_are_found_in_whatever_a_model_writes_around_them() -> None:
    reply = f"Here you are:\n```json\n{said('born in Cork', 'two cats')}\n```\nDone."
    assert len(read_facts(reply, TEXTS)) == 2
    assert len(read_facts(reply[:-40], TEXTS)) == 1
    listed = json.dumps(json.loads(said("born in Cork"))["facts"])
    assert len(read_facts(listed, TEXTS)) == 1


@pytest.mark.parametrize("value", [None, 5, [], {}, True])
def test_a_field_that_is_no_text_drops_the_fact(value: object) -> None:
    entry = {"entity": "Anna", "attribute": value, "value": "y", "quote": "born in Cork"}
    assert read_facts(json.dumps([entry]), TEXTS) == ()


@given(
    st.lists(
        st.sampled_from(
            ['{"entity":', '"a"', "{", "}", "[", "]", ",", '"quote":', "\\", "\x00", " "]
        )
        | st.text(max_size=4),
        max_size=30,
    ).map("".join)
)
def test_any_reply_is_read(reply: str) -> None:
    for found in read_facts(reply, TEXTS):
        assert stands(found, TEXTS[found.section])


@pytest.mark.parametrize("piece", ['{"entity":', '{"quote":"', "{ ", "[", '{"entity":1}'])
def test_a_hostile_reply_ends(piece: str) -> None:
    assert read_facts(piece * 50_000, TEXTS) == ()


# --- contradictions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1841", "1842"),
        ("Cork", "Dublin"),
        ("3 cats", "13 cats"),
        ("科克", "都柏林"),
        ("12 May", "13 May"),
    ],
)
def test_two_values_in_different_sections_conflict(one: str, other: str) -> None:
    earlier, later = fact(one), fact(other, "2")
    assert find_conflicts([earlier, later]) == [Conflict(earlier, later)]
    assert find_conflicts([earlier, fact(other, "1")]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cork", "CORK."),
        ("Cork", "in Cork, Ireland"),
        ("12 May 1841", "1841"),
        ("1,841", "1841"),
        ("１８４１", "1841"),
        ("科克", "爱尔兰科克"),
        ("—", "Cork"),
    ],
)
def test_values_that_hold_each_other_agree(one: str, other: str) -> None:
    assert find_conflicts([fact(one), fact(other, "2")]) == []


def test_entity_and_attribute_are_folded_and_the_first_fact_stands() -> None:
    facts = [
        fact("1841", "1", "Anna Hale", "Birth-year"),
        fact("1842", "2", "anna hale", "birth year"),
        fact("1843", "3", "ANNA  HALE", "birth year"),
        fact("1850", "3", "Anna Hale", "death"),
    ]
    assert find_conflicts(facts) == [Conflict(facts[0], facts[1]), Conflict(facts[0], facts[2])]


# --- noting --------------------------------------------------------------------------------------


def test_notes_are_taken_once_and_kept_in_the_run(folder: RunFolder) -> None:
    job = make_job(folder)
    leaf = job.manuscript.leaves[0]
    job.manuscript.accept(leaf, "draft", Written("Salt is old. It is white.", 300, 6))
    messages = (Message("system", PACKAGE), Message("user", "Write."))
    first = asyncio.run(note_facts(job, messages, [leaf]))
    assert [found.quote for found in first] == ["Salt is old."]
    made = job.caller.tally.made
    assert asyncio.run(note_facts(job, (), [leaf])) == first
    assert job.caller.tally.made == made == 1


@pytest.mark.parametrize("rule", ["checks=0", "server=1"])
def test_an_engine_that_cannot_be_asked_notes_nothing(folder: RunFolder, rule: str) -> None:
    job = make_job(folder, rule=rule)
    leaf = job.manuscript.leaves[0]
    job.manuscript.accept(leaf, "draft", Written("Salt is old.", 300, 3))
    messages = (Message("user", "word " * 200),)
    assert asyncio.run(note_facts(job, messages, [leaf])) == ()
    assert PLAN.sections[0].id == leaf.id


# --- texts too long for the window ---------------------------------------------------------------


def test_what_does_not_fit_is_asked_in_pieces(folder: RunFolder) -> None:
    job = make_job(folder, rule="window=1500")
    leaf = job.manuscript.leaves[0]
    text = "\n\n".join(f"The {name} mine is old. {'It was dug by hand. ' * 60}" for name in "ABC")
    job.manuscript.accept(leaf, "draft", Written(text, 300, 3))
    messages = (Message("system", "You write."), Message("user", text))
    facts = asyncio.run(note_facts(job, messages, [leaf]))
    assert job.caller.tally.made >= 2
    assert facts and all(stands(fact, text) for fact in facts)


@given(st.lists(st.text("abc. ", min_size=1, max_size=400), max_size=12), st.integers(20, 200))
def test_pieces_fit_and_lose_no_short_paragraph(paragraphs: list[str], tokens: int) -> None:
    text = "\n\n".join(paragraphs)
    pieces = divide(text, tokens)
    assert all(estimate_tokens(piece) <= tokens + 2 * piece.count("\n\n") for piece in pieces)
    if all(estimate_tokens(part.text) <= tokens for part in blocks(text)):
        assert [part.text for piece in pieces for part in blocks(piece)] == [
            part.text for part in blocks(text)
        ]
