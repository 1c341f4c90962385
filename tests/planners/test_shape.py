"""How a length is divided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.planners.shape import allocate, choose_sizes, count_children


@given(st.lists(st.floats() | st.integers(-5, 10**12), min_size=1, max_size=60), st.integers(0))
def test_budgets_add_up_and_none_is_empty(weights: list[float], spare: int) -> None:
    words = len(weights) + spare % 2_000_000
    budgets = allocate(words, weights)
    assert sum(budgets) == words
    assert len(budgets) == len(weights)
    assert min(budgets) >= 1


@given(st.lists(st.floats(1, 1e9), min_size=2, max_size=30))
def test_no_budget_is_more_than_about_four_times_another(weights: list[float]) -> None:
    budgets = allocate(10_000 * len(weights), weights)
    assert max(budgets) <= 4 * min(budgets) + 2


def test_budgets_follow_the_weights() -> None:
    assert allocate(1000, [1, 1, 2]) == [250, 250, 500]
    assert allocate(10, [5, 0, 5]) == [4, 3, 3]
    assert allocate(10, [1e308, 1e308, 5e-324]) == [4, 3, 3]
    assert allocate(100, [float("nan"), -float("inf"), -3]) == [34, 33, 33]


def test_more_sections_than_words_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="can't be divided"):
        allocate(2, [1, 1, 1])


@given(st.integers(512, 2_000_000), st.sampled_from(["en", "zh"]), st.integers(1, 1_000_000))
def test_a_tree_of_any_length_ends_in_sections_of_a_writable_size(
    window: int, language: str, words: int
) -> None:
    sizes = choose_sizes(window, language, words)
    assert 120 <= sizes.section <= 800 and 1 <= sizes.per_chapter <= 3
    depth = 0
    while count := count_children(words, sizes):
        assert 2 <= count <= 40
        words //= count
        depth += 1
    assert words <= max(1.5 * sizes.section, 800)
    assert depth <= 6


def test_short_texts_are_not_divided_and_chapters_hold_two_or_more_sections() -> None:
    sizes = choose_sizes(32_768, "en", 2_000)
    assert count_children(799, sizes) == 0
    assert count_children(2_000, sizes) == 3
    assert count_children(2_500, sizes) == 4


def test_a_document_of_few_chapters_has_shorter_ones() -> None:
    per_chapter = [
        choose_sizes(32_768, "en", words).per_chapter for words in (4_000, 9_000, 90_000)
    ]
    assert per_chapter == [3, 2, 3]
    assert count_children(9_000, choose_sizes(32_768, "en", 9_000)) == 7
    assert count_children(90_000, choose_sizes(32_768, "en", 90_000)) == 7


def test_sections_shrink_with_the_window() -> None:
    assert choose_sizes(4_096, "en", 9_000).section < choose_sizes(32_768, "en", 9_000).section
    assert choose_sizes(2_048, "en", 9_000).per_chapter == 1
