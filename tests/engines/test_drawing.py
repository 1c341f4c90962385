"""Both engines that draw their tokens themselves draw by the same rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines import batch, nano
from longwrite.types import Sampling

torch: Any = pytest.importorskip("torch")

Toss = Callable[[Sequence[float], Sampling, int], list[int]]


def toss_arrays(probabilities: Sequence[float], sampling: Sampling, times: int) -> list[int]:
    with np.errstate(invalid="ignore"):
        logits = np.log(np.array(probabilities, np.float32))
    generator = np.random.default_rng(sampling.seed)
    return [nano.draw(logits, sampling, generator) for _ in range(times)]


def toss_tensors(probabilities: Sequence[float], sampling: Sampling, times: int) -> list[int]:
    logits = torch.tensor(probabilities, dtype=torch.float64).log()
    generator = torch.Generator().manual_seed(sampling.seed)
    return [batch.draw(logits, sampling, generator) for _ in range(times)]


each = pytest.mark.parametrize("toss", [toss_arrays, toss_tensors])


@each
def test_draws_follow_the_probabilities_inside_the_nucleus(toss: Toss) -> None:
    counts = Counter(toss([0.05, 0.6, 0.3, 0.05], Sampling(1, 1.0, 0.8, seed=1), 3000))
    assert set(counts) == {1, 2}
    assert counts[1] / 3000 == pytest.approx(2 / 3, abs=0.03)


@each
def test_heat_makes_the_unlikely_likelier(toss: Toss) -> None:
    cold = Counter(toss([0.9, 0.1], Sampling(1, 0.5, 1.0), 2000))
    hot = Counter(toss([0.9, 0.1], Sampling(1, 2.0, 1.0), 2000))
    assert cold[1] / 2000 == pytest.approx(0.01 / 0.82, abs=0.01)
    assert hot[1] / 2000 == pytest.approx(0.25, abs=0.04)


def test_no_heat_takes_the_likeliest() -> None:
    assert set(toss_arrays([0.4, 0.6], Sampling(1, 0.0), 50)) == {1}


@each
def test_a_nucleus_wider_than_the_usual_is_drawn_from_whole(toss: Toss) -> None:
    even = toss([1 / 5000] * 5000, Sampling(1, 1.0, 0.9, seed=3), 400)
    assert len(set(even)) > 350
    assert max(even) > 3000
    steep = toss([0.66, *[0.34 / 5000] * 5000], Sampling(1, 1.0, 0.99, seed=3), 400)
    assert len(set(steep)) > 80
    assert max(steep) > 3000


@each
@given(
    weights=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=40),
    mass=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32),
)
def test_nothing_outside_the_nucleus_is_ever_drawn(
    toss: Toss, weights: list[float], mass: float, seed: int
) -> None:
    total = sum(weights)
    token = toss([weight / total for weight in weights], Sampling(1, 1.0, mass, seed), 1)[0]
    drawn = weights[token] * (1 + 1e-6)  # single precision tells no closer weights apart
    likelier = sum(weight for weight in weights if weight > drawn) / total
    assert likelier <= mass + 1e-6


@each
def test_a_model_that_computes_no_numbers_draws_nothing(toss: Toss) -> None:
    with pytest.raises(ArithmeticError, match=r"NaN|no number"):
        toss([float("nan"), 0.5], Sampling(1), 1)
