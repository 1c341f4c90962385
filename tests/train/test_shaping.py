"""The gate at the stop token, and the penalty before the limit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError

torch = pytest.importorskip("torch")

from longwrite.train.shaping import OverlongPenalty, find_floors, gate_endings  # noqa: E402

NAN = math.nan


def test_what_is_cut_gets_the_least_of_every_component() -> None:
    rewards = torch.tensor([[0.9, 0.5], [1.0, NAN], [0.2, 0.4]])
    floors = find_floors(rewards, [None, -1.0])
    gated = gate_endings(rewards, torch.tensor([True, False, True]), floors)
    assert gated.tolist() == [
        pytest.approx([0.9, 0.5]), pytest.approx([0.0, -1.0]), pytest.approx([0.2, 0.4])
    ]  # fmt: skip


def test_an_undeclared_minimum_is_the_least_seen_and_at_most_0() -> None:
    rewards = torch.tensor([[0.3, -2.0, NAN], [0.7, 1.0, NAN]])
    assert find_floors(rewards, [None, None, None]).tolist() == [0.0, -2.0, 0.0]


def test_what_does_not_apply_stays_so_where_a_completion_ended() -> None:
    rewards = torch.tensor([[NAN], [0.5]])
    gated = gate_endings(rewards, torch.tensor([True, True]), torch.zeros(1))
    assert math.isnan(gated[0, 0]) and gated[1, 0] == 0.5


def penalise(tokens: int, words: list[int] | None = None, per_word: float = 1.0) -> float:
    columns = {} if words is None else {"words": words}
    penalty = OverlongPenalty(1000, 200, per_word)
    return penalty(completion_ids=[[0] * tokens], **columns)[0]


def test_the_penalty_is_dapos_without_a_target() -> None:
    assert [penalise(n) for n in (0, 800, 850, 900, 1000, 1001)] == [0, 0, -0.25, -0.5, -1, -1]


def test_lengths_that_were_asked_for_are_never_penalised() -> None:
    assert penalise(900, [800]) == 0
    assert penalise(980, [800]) == pytest.approx(-0.5)  # between 960 and 1,000
    assert penalise(900, [400], per_word=2.0) == 0
    assert penalise(1000, [5_000]) == 0
    assert penalise(850, [0]) == penalise(850)


@given(st.integers(0, 1_100), st.integers(0, 1_100), st.integers(1, 2_000))
def test_a_longer_text_is_never_penalised_less(a: int, b: int, words: int) -> None:
    short, long = sorted((a, b))
    assert -1 <= penalise(long, [words]) <= penalise(short, [words]) <= 0


def test_a_buffer_over_the_limit_is_refused() -> None:
    with pytest.raises(UsageError, match="Set overlong to a number from 1 to 100"):
        OverlongPenalty(100, 200, 1.0)
