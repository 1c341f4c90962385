"""Headings are found, moved below their section's, and not repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.scoring.structure import (
    Heading,
    demote_headings,
    duplicate_headings,
    headings,
    strip_own_heading,
)

TEXT = """# One

Two
===

```
# no heading
```
#### *Three* ####
"""


def test_headings_have_level_words_and_place() -> None:
    assert headings(TEXT) == [
        Heading(1, "One", 0),
        Heading(1, "Two", TEXT.index("Two")),
        Heading(4, "Three", TEXT.index("####")),
    ]


def test_prose_above_a_rule_is_no_heading() -> None:
    assert headings("Nobody came.\n---\nThe sea was grey.") == []


def test_headings_move_below_a_level_and_keep_their_rank() -> None:
    moved = demote_headings(TEXT, 2)
    assert [(heading.level, heading.words) for heading in headings(moved)] == [
        (3, "One"),
        (3, "Two"),
        (6, "Three"),
    ]
    assert "```\n# no heading\n```" in moved


def test_headings_that_stand_low_enough_stay() -> None:
    assert demote_headings("### Low\n\nText.", 2) == "### Low\n\nText."


def test_a_heading_below_the_sixth_level_becomes_bold() -> None:
    assert demote_headings("# A\n\n## B\n\nText.", 5) == "###### A\n\n**B**\n\nText."


@given(
    st.lists(st.sampled_from(["# a", "### b", "c\n---", "```\n# x\n```", "text", "- item"])),
    st.integers(0, 6),
)
def test_no_heading_stays_above_the_level(parts: list[str], level: int) -> None:
    moved = demote_headings("\n\n".join(parts), level)
    assert all(heading.level > level for heading in headings(moved))
    assert demote_headings(moved, level) == moved


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The Storm\n\nIt rained.", "The Storm"),
        ("## Chapter 3: The Storm\nIt rained.", "The Storm"),
        ("**Chapter Three: The Storm**\n\nIt rained.", "The Storm"),
        ("**The Storm**\nIt rained.", "2.1 The Storm"),
        ("### 3.1 The storm (continued)\n\nIt rained.", "The Storm"),
        ("The Storm\n=========\n\nIt rained.", "The Storm"),
        ("The Storm\n\nIt rained.", "The Storm"),
        ("Title: The Storm\nIt rained.", "The Storm"),
        ("# Chapter 3\n\n## The Storm\n\nIt rained.", "The Storm"),
        ("# Chapter 3\n\nIt rained.", "Chapter 3: The Storm"),
        ("# 第三章 风暴\n\nIt rained.", "风暴"),
        ("**第三章：风暴**\n\nIt rained.", "第三章 风暴"),
        ("# 风暴\n\nIt rained.", "第三章 风暴"),
    ],
)
def test_a_sections_own_heading_goes(text: str, title: str) -> None:
    assert strip_own_heading(text, title) == "It rained."


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The Calm\n\nIt rained.", "The Storm"),
        ("# Chapter 3\n\nIt rained.", "The Storm"),
        ("The storm came at night.", "The Storm"),
        ("The storm\nbroke the mast,\nand no one saw.", "The storm"),
        ("- The Storm\n- The Calm", "The Storm"),
        ("", "The Storm"),
        ("# \n\nIt rained.", ""),
    ],
)
def test_other_openings_stay(text: str, title: str) -> None:
    assert strip_own_heading(text, title) == text


def test_headings_repeat_only_under_the_same_parent() -> None:
    text = "# A\n\n## 1. Aims\n\n### Tasks\n\n## 2. Ends\n\n### Tasks\n\n## 3. Aims\n\n### Tasks"
    assert [heading.words for heading in duplicate_headings(text)] == ["3. Aims", "Tasks"]
    assert duplicate_headings("## Chapter 1\n\n## Chapter 2\n\n## 第一章\n\n## 第二章") == []


def test_of_very_many_headings_the_repeated_ones_are_told() -> None:
    titles = [f"{number}. Title {number % 1_500}" for number in range(2_000)]
    found = duplicate_headings("\n".join(f"# {title}" for title in titles))
    assert [heading.words for heading in found] == titles[1_500:]
