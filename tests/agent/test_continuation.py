"""Going on with a manuscript: divided where a reader divides it, and never touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.continuation import Past, attach_past, describe_past, read_past
from longwrite.agent.manuscript import Manuscript
from longwrite.agent.settings import Settings
from longwrite.assembly import leaves
from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.runs.folder import RunFolder
from longwrite.runs.planfile import check_plan
from longwrite.text import count_words
from longwrite.types import Brief, Constraint
from tests.agent.stage import PLAN, calls_made, write


def chapters(*pairs: str) -> tuple[tuple[str, str], ...]:
    """Return chapters written as "heading: text"."""
    parts = (pair.split(": ", 1) for pair in pairs)
    return tuple((heading, text) for heading, text in parts)


@pytest.mark.parametrize(
    ("text", "past"),
    [
        (
            "# The Sea\n\nA word.\n\n## One\n\na\n\n### Inside\n\nb\n\n## Two\n\nc",
            Past("The Sea", chapters(": A word.", "One: a\n\n### Inside\n\nb", "Two: c")),
        ),
        ("# One\n\na\n\n# Two\n\nb\n", Past("", chapters("One: a", "Two: b"))),
        (
            "### Note\n\nn\n\n# One\n\na\n\n# Two\n\nb",
            Past("", chapters(": ### Note\n\nn", "One: a", "Two: b")),
        ),
        (
            "By Anna.\n\n# T\n\n## One\n\na\n\n## Two\n\nb",
            Past("T", chapters(": By Anna.", "One: a", "Two: b")),
        ),
        ("T\n===\n\nOne\n---\n\na\n\nTwo\n---\n\nb", Past("T", chapters("One: a", "Two: b"))),
        ("# T\n\n## Only\n\na", Past("T", chapters("Only: a"))),
        ("# Only\n\na", Past("", chapters(": # Only\n\na"))),
        ("Just prose.\n\nMore of it.", Past("", chapters(": Just prose.\n\nMore of it."))),
        ("## One\n## Two\nb", Past("", chapters("One: ", "Two: b"))),
        ("```\n# no\n# head\n```\nprose", Past("", chapters(": ```\n# no\n# head\n```\nprose"))),
        (
            "# 海\n\n## 第一章 潮\n\n甲。\n\n## 第二章 风\n\n乙。",
            Past("海", chapters("第一章 潮: 甲。", "第二章 风: 乙。")),
        ),
        (
            "海\n\n第一章 潮\n　　甲。\n　　第二章不是题。\n第二章\n　　乙。",
            Past("", chapters(": 海", "第一章 潮: 甲。\n　　第二章不是题。", "第二章: 乙。")),
        ),
        (
            "# 海\n\n第一回 潮\n\n甲。\n\n第二回 风\n\n乙。",
            Past("海", chapters("第一回 潮: 甲。", "第二回 风: 乙。")),
        ),
        (
            "Chapter One\n\nShe went.\n\nPart of it.\n\nCHAPTER 2\n\nShe came.",
            Past("", chapters("Chapter One: She went.\n\nPart of it.", "CHAPTER 2: She came.")),
        ),
    ],
)
def test_a_manuscript_is_divided_where_a_reader_divides_it(text: str, past: Past) -> None:
    assert read_past(text) == past


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_an_empty_manuscript_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        read_past(text)


@given(
    st.lists(
        st.sampled_from(
            ["# A", "## B", "## C", "prose", "第一章", "Chapter 1", "===", "---", "```", ""]
        )
        | st.text(max_size=8),
        min_size=1,
        max_size=12,
    ).map("\n".join)
)
def test_no_word_of_a_manuscript_is_lost(text: str) -> None:
    if not text.strip():
        return
    past = read_past(text)
    assert past.chapters
    told = "\n".join([past.title, *(part for chapter in past.chapters for part in chapter)])
    assert all(letter in told for letter in set(text) if letter.isalnum())


# --- planning what follows -----------------------------------------------------------------------

PAST = Past("The Sea", (("Chapter 11", "Anna sailed away."), ("Chapter 12", "She came home.")))


def test_the_planner_is_told_what_stands() -> None:
    told = describe_past(Brief("Two more chapters.", 2_000), PAST).prompt
    assert told.startswith("Two more chapters.")
    assert "Chapter 11" in told and "She came home." in told


@pytest.mark.parametrize(
    ("last", "after"), [("Chapter 12", 12), ("第十二章 家", 12), ("Chapter Three", 3), ("Home", 2)]
)
def test_chapters_are_numbered_on(last: str, after: int) -> None:
    chapters = Constraint("sections", {"unit": "chapters", "count": 2})
    past = Past("", (("One", "a"), (last, "b")))
    (told,) = describe_past(Brief("x", 900, (chapters,)), past).constraints
    assert told.params == {"unit": "chapters", "count": 2, "after": after}


def test_the_manuscript_is_pinned_before_the_plan(folder: RunFolder) -> None:
    plan = attach_past(folder, PLAN, PAST)
    check_plan(plan)
    assert plan.title == "The Sea"
    assert [leaf.id for leaf in leaves(plan.sections)] == ["m1", "m2", "1", "2", "3"]
    assert plan.sections[2].needs == ("m1", "m2")
    manuscript = Manuscript(folder, plan)
    assert manuscript.is_by_hand("m1") and not manuscript.is_written("1")
    assert manuscript.document().startswith(
        "# The Sea\n\n## Chapter 11\n\nAnna sailed away.\n\n## Chapter 12\n\nShe came home.\n\n"
    )
    assert manuscript.words("m2") == plan.sections[1].words == 5


@pytest.mark.parametrize("mode", ["thread", "dag"])
def test_a_manuscript_is_gone_on_with_and_never_touched(tmp_path: Path, mode: str) -> None:

    chapters = "\n\n".join(
        f"## 第{n}章 海\n\n" + "海上的风很大，船走得很慢。" * 30 for n in "一二三"
    )
    text = f"# 远航\n\n{chapters}\n"
    brief = compile_brief("再写两章", words=1_500, language="zh")
    outcome = write(tmp_path, brief, settings=Settings(mode=mode), past=read_past(text))
    assert outcome.exit_code == 0 and calls_made(outcome) > 0
    assert outcome.markdown.startswith(text)
    added = count_words(outcome.markdown) - count_words(text)
    assert abs(added - 1_500) <= 100
    assert calls_made(write(tmp_path)) == 0
