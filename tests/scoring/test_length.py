"""What range a brief allows, and what a length is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.scoring.length import (
    LengthRange,
    closeness,
    length_range,
    score_length,
    score_range,
    tolerance,
)
from longwrite.types import Brief, Constraint, Json

WORDS = st.integers(1, 1_000_000)


def brief(words: int, scope: str = "document", **params: Json) -> Brief:
    return Brief("A tale", words, (Constraint("length", params, scope),) if params else ())


def test_the_tolerance_is_five_per_cent_but_twenty_words_at_least() -> None:
    assert [tolerance(words) for words in (0, 100, 400, 410, 10_000)] == [20, 20, 20, 20, 500]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (brief(10_000), LengthRange(9_500, 10_000, 10_500)),
        (brief(10_000, target=10_000), LengthRange(9_500, 10_000, 10_500)),
        (brief(1_000, min=1_000), LengthRange(1_000, 1_025, 1_050)),
        (brief(1_200, min=1_000), LengthRange(1_140, 1_200, 1_260)),
        (brief(200, max=200), LengthRange(180, 190, 200)),
        (brief(400, min=300, max=400), LengthRange(380, 395, 400)),
        (brief(350, min=300, max=400), LengthRange(330, 350, 370)),
        (brief(150, min=100, max=200), LengthRange(130, 150, 170)),
        (brief(500, scope="each", target=100), LengthRange(475, 500, 525)),
        (brief(10), LengthRange(1, 10, 30)),
    ],
)
def test_a_brief_allows_its_words_within_the_bounds_it_states(
    asked: Brief, expected: LengthRange
) -> None:
    assert length_range(asked) == expected


@given(WORDS, st.none() | WORDS, st.none() | WORDS)
def test_every_range_is_in_order_and_inside_its_bounds(
    words: int, least: int | None, most: int | None
) -> None:
    if least is not None and most is not None and least > most:
        least, most = most, least
    found = length_range(brief(words, min=least, max=most))
    assert 1 <= found.low <= found.aim <= found.high
    assert least is None or found.low >= least
    assert most is None or found.high <= most


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [(500, 0.5), (1000, 1.0), (1500, 5 / 6), (2000, 2 / 3), (3000, 1 / 3), (4000, 0.0), (0, 0.0)],
)
def test_the_benchmark_score_has_its_published_values(delivered: int, expected: float) -> None:
    assert score_length(delivered, 1000) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [(800, 1.0), (1000, 1.0), (600, 0.5), (400, 0.0), (1250, 0.5), (1500, 0.0), (0, 0.0)],
)
def test_the_range_score_has_its_published_values(delivered: int, expected: float) -> None:
    assert score_range(delivered, 800, 1000) == pytest.approx(expected)


def test_a_length_can_be_scored_only_against_words() -> None:
    with pytest.raises(ValueError, match="0 words"):
        score_length(5, 0)
    with pytest.raises(ValueError, match="not a range"):
        score_range(5, 10, 3)


@given(WORDS, WORDS)
def test_scores_stay_between_zero_and_one(delivered: int, asked: int) -> None:
    assert 0 <= score_length(delivered, asked) <= 1
    assert 0 <= score_range(delivered, asked, 2 * asked) <= 1


@given(WORDS, WORDS, WORDS)
def test_closeness_always_prefers_the_nearer_text(one: int, other: int, asked: int) -> None:
    near, far = sorted((one, other), key=lambda words: max(words / asked, asked / words))
    low, high = asked - asked // 20, asked + asked // 20
    assert closeness(near, low, high) >= closeness(far, low, high)
    assert closeness(far, low, high) > 0
    if high < near < far or far < near < low:
        assert closeness(near, low, high) > closeness(far, low, high)
