"""A judge is shown all of a text, and what it was shown is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.rewards.windows import Shown, cut_windows, describe_shown, draw_outline
from longwrite.text import count_words, estimate_tokens
from tests.scoring.texts import make_text

BOOK = "\n\n".join(f"## Chapter {n}\n\n{make_text(10, seed=n)}" for n in range(1, 13))


def test_a_text_that_fits_is_one_window_and_an_empty_one_none() -> None:
    (window,) = cut_windows(BOOK, 100_000)
    assert BOOK[window.span.start : window.span.end] == BOOK
    assert window.words == window.fresh
    assert cut_windows(" \n\n ", 100) == ()


def test_windows_overlap_and_are_about_as_long_as_each_other() -> None:
    windows = cut_windows(BOOK, 4_000)
    assert len(windows) > 3
    for before, after in pairwise(windows):
        assert before.span.start < after.span.start < before.span.end < after.span.end
    shared = [window.words - window.fresh for window in windows]
    assert shared[0] == 0 and all(0 < one < 500 for one in shared[1:])
    sizes = [window.words for window in windows]
    assert min(sizes) > 0.7 * max(sizes)


def test_they_are_cut_between_paragraphs() -> None:
    for window in cut_windows(BOOK, 4_000)[1:]:
        assert BOOK[: window.span.start].endswith("\n\n")


def test_words_may_be_the_limit() -> None:
    windows = cut_windows(BOOK, 100_000, words=1_000)
    assert all(window.words <= 1_000 for window in windows)


@given(
    parts=st.lists(st.text(st.sampled_from("ab. 。字\n#-`|"), max_size=400), max_size=12),
    tokens=st.integers(16, 200),
)
def test_nothing_is_left_out_and_no_window_is_too_large(parts: list[str], tokens: int) -> None:
    text = "\n\n".join(parts)
    windows = cut_windows(text, tokens)
    if not text.strip():
        assert windows == ()
        return
    assert windows[0].span.start == 0 and windows[-1].span.end == len(text)
    for before, after in pairwise(windows):
        assert after.span.start <= before.span.end
    for window in windows:
        piece = text[window.span.start : window.span.end]
        assert estimate_tokens(piece) <= tokens or len(windows) == 1


@pytest.mark.parametrize("text", ["word " * 50_000, "字" * 50_000])
def test_a_paragraph_without_end_is_cut_too(text: str) -> None:
    windows = cut_windows(text, 2_000)
    assert len(windows) > 10
    assert sum(window.fresh for window in windows) == pytest.approx(count_words(text), rel=0.02)


def test_the_outline_names_headings_with_their_words() -> None:
    outline, left = draw_outline("# Salt\n\nIt is old.\n\n## Sea\n\nIt is salt too.\n", 1_000)
    assert outline == "- Salt (4 words)\n  - Sea (5 words)"
    assert left == 0


def test_an_outline_without_room_loses_its_lowest_headings_and_says_so() -> None:
    text = "\n\n".join(f"## Part {n}\n\n### Detail of {n}\n\nText." for n in range(40))
    outline, left = draw_outline(text, 400)
    assert left == 40 and "Part 39" in outline and "Detail" not in outline
    assert outline.endswith("(… 40 lower headings are left out.)")
    assert draw_outline(text, 100)[1] > 60
    assert draw_outline("Text.", 100) == ("", 0)


def test_what_was_shown_is_a_sentence() -> None:
    assert describe_shown(Shown(1, 900)) == "The judge was shown all 900 words."
    told = describe_shown(Shown(2, 900, 50, True, 3, True))
    assert "2 windows (50 words twice), each with the outline." in told
    assert "without 3 of the lower headings" in told and "without its middle" in told
