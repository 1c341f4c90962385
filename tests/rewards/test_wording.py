"""What is read from requests, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.clauses import ENDS, shorten
from longwrite.rewards.constraints import validate
from longwrite.rewards.wording import find_constraints
from longwrite.types import Constraint
from tests.rewards.examples import LENGTHS, NO_LENGTHS, OTHERS


def label(constraint: Constraint) -> str:
    """Write a constraint as the tables do."""
    params = constraint.params
    scope = "" if constraint.scope == "document" else f" {constraint.scope}"
    if constraint.kind == "length":
        numbers = [params[name] for name in ("min", "max", "target") if params[name] is not None]
        values = " ".join(map(str, [params["stated"], *numbers]))
    elif constraint.kind == "sections":
        low, high = params["min"], params["max"]
        count = f"{low}" if low == high else f"{low}-{high}" if high else f"{low}+"
        values = f"{count} {params['unit']}"
    elif "wanted" in params:
        least = params.get("min", 1)
        values = "no" if not params["wanted"] else "yes" if least == 1 else str(least)
    else:
        values = str(next(iter(params.values())))
    return f"{constraint.kind}{scope} {values}{'' if constraint.hard else '?'}"


@pytest.mark.parametrize(("prompt", "expected"), LENGTHS + NO_LENGTHS + OTHERS)
def test_a_request_says_what_it_says_and_no_more(prompt: str, expected: list[str]) -> None:
    found = [label(constraint) for constraint in find_constraints(prompt)]
    hard = sorted(name for name in expected if not name.endswith("?"))
    assert sorted(name for name in found if not name.endswith("?")) == hard
    assert {name for name in expected if name.endswith("?")} <= set(found)


def test_a_quote_is_the_exact_words_of_the_request() -> None:
    prompt = "请写一篇文章，字数：３０００字以上，必须提到“长城”。"
    quotes = [constraint.quote for constraint in find_constraints(prompt)]
    assert quotes == ["文章", "３０００字以上", "必须提到“长城”"]
    assert all(quote in prompt for quote in quotes)


def test_words_win_over_pages_and_instructions_over_remarks() -> None:
    prompt = "The agreement must span at least 5 pages and be limited to under 4,000 words."
    assert [label(c) for c in find_constraints(prompt)] == ["length at_most 4000"]


def test_a_long_prompt_is_read_at_both_ends_and_what_lies_between_is_material() -> None:
    material = "Use the word salt in every chapter. " * 2_000
    prompt = f"Write a letter. {material}{material}It must be at least 700 words."
    found = [label(constraint) for constraint in find_constraints(prompt)]
    assert found[0] == "form letter?" and found[-1] == "length at_least 700"
    assert len(shorten(prompt)) < 2 * ENDS < len(prompt)
    middle = "x. " * ENDS + "Write 500 words. " + "x. " * ENDS
    assert find_constraints(middle) == ()


def test_no_sentence_of_a_long_prompt_is_read_in_part() -> None:
    told = "You may leave it to the reader, but never mention the word salt. "
    for shift in range(0, len(told), 7):
        prompt = "x" * shift + ". " + told * 2_000
        assert {one.kind for one in find_constraints(prompt)} == {"avoid"}
        head, tail = shorten(prompt).split("\x00")
        assert head.rstrip().endswith("salt.") and tail.strip().startswith("You")
        assert shorten(shorten(prompt)) == shorten(prompt)


FRAGMENTS = st.sampled_from(
    [
        *("Write ", "a ", "500", "-word ", " words ", "at least ", "between ", "and ", "each "),
        *("chapter ", "3 chapters", "in French", ' "x" ', "mention ", "do not use ", "table", "\n"),
        *(
            "写",
            "一篇",
            "两千",
            "字",
            "左右",
            "以内",
            "每章",
            "第二章",
            "“月”",
            "不得出现",
            "用英文",
            "，",
        ),
    ]
)


@given(st.lists(FRAGMENTS, max_size=25).map("".join) | st.text(max_size=200))
def test_any_request_gives_valid_constraints_in_order_and_always_the_same(prompt: str) -> None:
    found = find_constraints(prompt)
    assert found == find_constraints(prompt)
    assert sum(c.kind == "length" and c.scope == "document" for c in found) <= 1
    for constraint in found:
        validate(constraint)
        assert constraint.quote in prompt


@pytest.mark.parametrize(
    "piece",
    [
        "500 words ",
        "2000字",
        '"a',
        "write ",
        "in \n",
        " \n",
        "-",
        "mention the ",
        "每三章提到",
        "no a ",
    ],
)
def test_a_huge_request_is_read_to_its_end(piece: str) -> None:
    prompt = (piece * 200_000)[:199_940] + "\n\nWrite an essay. It must be at least 700 words."
    lengths = [c for c in find_constraints(prompt) if c.kind == "length"]
    assert [c.params["min"] for c in lengths if c.scope == "document"] == [700]


@pytest.mark.parametrize(
    ("prompt", "count", "unit"),
    [
        ("Tell a story about a fox in 5 chapters, 3000 words.", 5, "chapters"),
        ("Write a text about the tide in 3 paragraphs.", 3, "paragraphs"),
        ("Summarize the plot of Hamlet in three paragraphs.", 3, "paragraphs"),
        ("Write exactly 1 paragraph about bees.", 1, "paragraphs"),
        ("Explain tides in a single paragraph of 60 words.", 1, "paragraphs"),
    ],
)
def test_a_count_behind_the_subject_is_asked_of_the_text(
    prompt: str, count: int, unit: str
) -> None:
    (found,) = [one for one in compile_brief(prompt).constraints if one.kind == "sections"]
    assert (found.params["count"], found.params["unit"]) == (count, unit)


@pytest.mark.parametrize(
    "prompt",
    [
        "Write an essay that discusses a play in five acts.",
        "Write a story based on a novel in three parts.",
        "Describe each of the five steps in one paragraph.",
        "Write one paragraph for each planet.",
    ],
)
def test_what_others_wrote_or_each_part_has_is_no_count_of_the_text(prompt: str) -> None:
    assert not [one for one in compile_brief(prompt).constraints if one.kind == "sections"]
