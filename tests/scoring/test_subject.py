"""What a brief is about, and whether a text still speaks of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.scoring.subject import find_drift, find_terms, keeps_subject, share_terms


@pytest.mark.parametrize(
    ("brief", "terms"),
    [
        ("A Hong Kong Travel Guide, approximately 3000 words", ("hong", "kong", "travel")),
        ("Please write an essay about it, 900 words.", ()),
        ("请写一篇关于盐的历史的文章，三千字。", ()),
        ("Salt, salt and SALT mines", ("salt", "mines")),
    ],
)
def test_the_words_that_tell(brief: str, terms: tuple[str, ...]) -> None:
    assert find_terms(brief) == terms


def test_a_term_is_known_in_other_forms_but_not_inside_other_words() -> None:
    assert share_terms(("island", "moth", "recycling"), "Islands, moths; they recycle.") == (
        "island",
        "moth",
        "recycling",
    )
    assert share_terms(("organ",), "The organiser came.") == ()


def test_a_quarter_of_the_terms_has_to_come_and_three_are_enough() -> None:
    five = ("phased", "antenna", "arrays", "fundamentals", "radar")
    assert not keeps_subject(five, "Of radar.")
    assert keeps_subject(five, "Of radar and antennas.")
    many = tuple(f"{letter}word" for letter in "abcdefghijklmnopqrstuvwxyz")
    assert keeps_subject(many, "aword bword cword")


@given(st.text())
def test_what_a_brief_says_keeps_its_subject(brief: str) -> None:
    assert keeps_subject(find_terms(brief), brief)
    assert keeps_subject((), brief)


def test_a_text_leaves_its_subject_after_the_last_paragraph_that_names_it() -> None:
    told, other = "The night buses run.", "The exam came. " * 40
    assert find_drift(("night", "buses"), f"{told}\n\n{other}") == len(told) + 1
    assert find_drift(("night", "buses"), f"{told}\n\n{other}\n\n{told}") is None
    assert find_drift(("night", "buses"), f"{told}\n\nThe exam came.") is None
    assert find_drift(("night", "buses"), other) == 0
    assert find_drift((), other) is None
