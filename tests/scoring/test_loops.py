"""A glance that clears a text is right: a loop is always suspected."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.scoring.loops import may_loop
from longwrite.scoring.repetition import find_early_loop
from tests.scoring.texts import make_text

WORDS = ["the", "sea", "harbour", "lighthouse", "Kind", "don't", "7", "8", "x", "海", "a-b", "…"]
GAPS = [" ", ", ", ". ", "\n", "\n\n", "", "1,2,3,4,5,6,7,8,9,"]
PASSAGES = st.lists(st.sampled_from(WORDS + GAPS), min_size=1, max_size=30).map("".join)


@given(
    before=PASSAGES,
    seed=st.integers(0, 50),
    passage=PASSAGES,
    gap=st.sampled_from(GAPS),
    times=st.integers(3, 80),
    after=PASSAGES,
    cut=st.integers(0, 60),
)
@settings(deadline=None, max_examples=300)
def test_every_loop_is_suspected(
    before: str, seed: int, passage: str, gap: str, times: int, after: str, cut: int
) -> None:
    text = make_text(2, seed=seed) + before + f"{passage}{gap}" * times + after
    text = text[: len(text) - cut]
    assert may_loop(text, 500) or find_early_loop(text, 500) is None


def test_prose_is_cleared() -> None:
    assert not any(may_loop(make_text(12, seed=seed)) for seed in range(20))


@pytest.mark.parametrize("tail", ["-" * 4_000, "\n" * 4_000, " go on" * 60, "\n\nItem 7" * 60])
def test_a_tail_that_goes_on_for_ever_is_suspected(tail: str) -> None:
    assert may_loop(make_text(12, seed=3) + tail)
