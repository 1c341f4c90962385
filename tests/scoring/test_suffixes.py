"""The suffix array says what looking at every passage one by one would say."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.scoring.suffixes import Suffixes, sort_places, sort_suffixes

ROWS = st.lists(st.integers(0, 3), max_size=60) | st.lists(st.integers(0, 9), max_size=60)


def sort(row: list[int]) -> Suffixes:
    return sort_suffixes(np.array(row, np.int64))


def share(one: list[int], other: list[int]) -> int:
    same = [a == b for a, b in zip(one, other, strict=False)]
    return same.index(False) if False in same else len(same)


@given(row=ROWS)
def test_suffixes_are_in_order_with_what_neighbours_share(row: list[int]) -> None:
    found = sort(row)
    order = found.order.tolist()
    assert [row[place:] for place in order] == sorted(row[place:] for place in range(len(row)))
    shared = [share(row[a:], row[b:]) for a, b in pairwise(order)]
    assert found.shared.tolist() == [0, *shared][: len(row)]


@given(row=ROWS)
def test_the_longest_passage_that_comes_twice_stands_at_the_partner_as_well(
    row: list[int],
) -> None:
    found = sort(row)
    for place in range(len(row)):
        others = {other: share(row[place:], row[other:]) for other in range(len(row))}
        del others[place]
        longest = max(others.values(), default=0)
        assert found.longest[place] == longest
        if longest:
            assert others[int(found.partner[place])] == longest


@given(row=ROWS, n=st.integers(1, 5))
def test_ngrams_are_counted(row: list[int], n: int) -> None:
    grams = [tuple(row[place : place + n]) for place in range(len(row) - n + 1)]
    assert sort(row).distinct(n) == (len(set(grams)), len(grams))


@given(row=ROWS, n=st.integers(1, 12))
def test_covered_is_what_lies_in_an_ngram_that_comes_twice(row: list[int], n: int) -> None:
    grams = [tuple(row[place : place + n]) for place in range(len(row) - n + 1)]
    counts = Counter(grams)
    wanted = [False] * len(row)
    for place, gram in enumerate(grams):
        if counts[gram] > 1:
            wanted[place : place + n] = [True] * n
    assert sort(row).covered(n).tolist() == wanted


def test_a_row_that_repeats_itself_at_every_length() -> None:
    row, after = [0], [0, 1]
    while len(row) < 2_000:
        row, after = after, after + row
    found = sort(row)
    order = sorted(range(len(row)), key=lambda place: row[place:])
    assert found.order.tolist() == order
    assert found.shared[1:].tolist() == [share(row[a:], row[b:]) for a, b in pairwise(order)]


@given(row=st.lists(st.integers(0, 9) | st.integers(0, 1 << 50), max_size=40))
def test_places_are_sorted_by_their_numbers_and_equal_ones_stay(row: list[int]) -> None:
    wanted = sorted(range(len(row)), key=row.__getitem__)
    assert sort_places(np.array(row, np.int64)).tolist() == wanted


@pytest.mark.parametrize("size", [1, 2, 1 << 12])
def test_a_row_of_one_symbol(size: int) -> None:
    found = sort([7] * size)
    assert found.order.tolist() == list(range(size))[::-1]
    assert found.longest.max(initial=0) == size - 1
