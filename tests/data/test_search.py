"""Values backed up in a tree, by numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.search import Path, back_up, rank_candidates, select_node

TREE: dict[Path, float] = {
    (0,): 0.9,
    (0, 0): 0.1,
    (0, 1): 0.2,
    (1,): 0.6,
    (1, 0): 0.8,
    (1, 0, 0): 1.0,
    (2,): 0.5,
}


def test_a_value_is_the_mean_over_all_that_follows() -> None:
    values = {path: back_up(TREE, path) for path in [(0,), (1,), (1, 0), (2,)]}
    assert values[(0,)].mean == pytest.approx((0.9 + 0.1 + 0.2) / 3)
    assert values[(1,)].mean == pytest.approx((0.6 + 0.8 + 1.0) / 3)
    assert values[(1, 0)].mean == pytest.approx((0.8 + 1.0) / 2)
    assert values[(2,)].mean == 0.5
    assert [value.visits for value in values.values()] == [3, 3, 2, 1]
    assert back_up(TREE, ()).visits == len(TREE)


def test_a_good_section_that_leads_nowhere_loses() -> None:
    assert rank_candidates(TREE) == [(1,), (2,), (0,)]


def test_the_bound_weighs_the_mean_against_what_is_little_known() -> None:
    scores: dict[Path, float] = {(0,): 0.6, (0, 0): 0.6, (1,): 0.5}
    # Means .6 after two visits and .5 after one, of three: ln 3 = 1.0986.
    known = 0.6 + 0.5 * math.sqrt(math.log(3) / 2)
    fresh = 0.5 + 0.5 * math.sqrt(math.log(3) / 1)
    assert fresh > known
    assert select_node(scores, {(), (0,)}, 3, 0.5) == (1,)
    assert select_node(scores, {(), (0,)}, 3, 0.0) == (0, 0)


def test_the_last_level_is_not_expanded() -> None:
    scores: dict[Path, float] = {(0,): 0.6, (0, 0): 0.6}
    assert select_node(scores, {()}, 1, 0.5) is None
    assert select_node(scores, {(), (0,)}, 2, 0.5) is None
    assert select_node({}, {()}, 3, 0.5) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.integers(1, 3), st.floats(0, 2))
def test_a_search_expands_every_node_once_and_ends(
    first: list[float], depth: int, explore: float
) -> None:
    scores: dict[Path, float] = {(n,): score for n, score in enumerate(first)}
    expanded: set[Path] = {()}
    while (path := select_node(scores, expanded, depth, explore)) is not None:
        assert path in scores and path not in expanded and len(path) < depth
        expanded.add(path)
        if len(scores) < 60:
            scores |= {(*path, n): 0.5 for n in range(2)}
    inner = {path for path in scores if len(path) < depth}
    assert inner <= expanded
