"""Pairs of values: the difference is that of the same briefs, and the gain what was lacking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.train.paired import compare_pairs

Shares = st.lists(
    st.tuples(st.floats(0, 1, width=16), st.floats(0, 1, width=16)), min_size=3, max_size=30
)


def test_briefs_that_differ_more_than_models_do_hide_nothing() -> None:
    before = [0.05, 0.2, 0.4, 0.6, 0.8, 0.3, 0.7]
    after = [value + 0.1 for value in before]
    paired = compare_pairs(before, after, best=1.0)
    assert paired.difference.low == pytest.approx(0.1) == paired.difference.high
    assert paired.before.low is not None and paired.before.high is not None
    assert paired.before.high - paired.before.low > 0.2
    assert paired.gain is not None and paired.ratio is None
    mean = sum(before) / 7
    assert paired.gain.value == pytest.approx(0.1 / (1 - mean))
    assert paired.gain.low is not None and 0 < paired.gain.low < paired.gain.value


def test_of_what_should_be_little_the_gain_is_what_went_away() -> None:
    paired = compare_pairs([0.4, 0.4], [0.1, 0.1], best=0.0)
    assert paired.gain is not None and paired.gain.value == pytest.approx(0.75)


def test_nothing_can_be_gained_where_nothing_was_lacking() -> None:
    assert compare_pairs([1.0, 1.0], [1.0, 0.5], best=1.0).gain is None
    some = compare_pairs([1.0, 0.5], [1.0, 1.0], best=1.0).gain
    assert some is not None and (some.value, some.low) == (1.0, None)


def test_what_has_no_best_value_has_a_ratio_and_may_have_a_median() -> None:
    paired = compare_pairs([100, 100, 1], [400, 400, 9000], statistic="median")
    assert paired.gain is None and paired.ratio is not None and paired.ratio.value == 4


@given(Shares)
def test_the_other_way_round_the_difference_has_the_other_sign(
    pairs: list[tuple[float, float]],
) -> None:
    one, other = map(list, zip(*pairs, strict=True))
    there, back = compare_pairs(one, other), compare_pairs(other, one)
    assert there.difference.value == -back.difference.value
    assert there.difference.low is not None and back.difference.high is not None
    assert math.isclose(there.difference.low, -back.difference.high, abs_tol=1e-12)
    assert there == compare_pairs(one, other)


@pytest.mark.parametrize("count", [1, 2])
def test_one_brief_or_two_have_no_interval(count: int) -> None:
    paired = compare_pairs([0.2] * count, [0.5] * count, best=1.0)
    assert paired.difference.value == pytest.approx(0.3)
    assert paired.difference.low is paired.difference.high is None


@pytest.mark.parametrize("count", [6, 20])
def test_about_95_of_100_intervals_hold_the_truth(count: int) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        before = rng.normal(0.5, 0.2, count)
        after = before + rng.normal(0.1, 0.15, count)
        found = compare_pairs(before.tolist(), after.tolist()).difference
        assert found.low is not None and found.high is not None
        hits += found.low <= 0.1 <= found.high
    assert 0.9 <= hits / 200 <= 0.99


@pytest.mark.parametrize(("one", "other"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_no_pair_is_refused(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="can't be compared"):
        compare_pairs(one, other)
