"""What keeps a reward for length honest: a gate at the stop token, a soft wall before the limit.

A model that is paid for what a cut text says learns never to end, since each text is then as long
as can be; a model that is paid nothing at the limit alone learns it by falling off a cliff.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from longwrite.errors import UsageError

BAND = 1.2
"""A length of up to so many times the one asked for is never shaped away."""

OVERLONG_WEIGHT = 0.5
"""DAPO's penalty spans 1 beside a reward that spans 2; beside one in [0, 1], half keeps that."""


def find_floors(rewards: Tensor, declared: Sequence[float | None]) -> Tensor:
    """Return the least that each component pays, as far as a batch shows it.

    Args:
        rewards: Of shape (completions, components), NaN where a component doesn't apply.
        declared: For each component its minimum, None where nobody states one; then it is the least
            of the batch, and not above 0.

    Returns:
        Shape (components,).
    """
    least = rewards.nan_to_num(nan=0.0).amin(0).clamp(max=0.0)
    known = [least[number] if one is None else one for number, one in enumerate(declared)]
    return torch.stack([torch.as_tensor(one).to(rewards) for one in known])


def gate_endings(rewards: Tensor, ended: Tensor, floors: Tensor) -> Tensor:
    """Return the rewards with the minimum of every component where a completion didn't end.

    The gate stands inside each component: as one of its own, it would leave a completion that is
    cut but else the best of its group with an advantage near 0. A component that doesn't apply
    pays its minimum too, for nothing is to be had from not being judged.

    Args:
        rewards: Of shape (completions, components), NaN where a component doesn't apply.
        ended: Of shape (completions,), whether the last token is one that ends a reply.
        floors: Of shape (components,), see `find_floors`.
    """
    return torch.where(ended.bool()[:, None], rewards, floors.expand_as(rewards))


class OverlongPenalty:
    """A component that falls from 0 to -1 on the last tokens before the completion limit.

    DAPO's soft overlong punishment (Yu et al. 2025, arXiv:2503.14476, equation 13), kept off the
    lengths that were asked for. With a completion of n tokens, the limit L, a buffer of b tokens
    and t tokens asked for:

        start   = max(L - b, 1.2 t)
        penalty = 0                            where n <= start
                  (start - n) / (L - start)    where start < n <= L
                  -1                           where n > L

    t is the row's ``words`` or ``length`` times the tokens of a word. The penalty is rounded to a
    tenth, since a trainer that divides by a group's spread makes the first token past the start as
    bad as the last one.

    Args:
        limit: Most tokens of a completion.
        buffer: Tokens before it in which the penalty falls.
        tokens_per_word: Of the tokenizer; see `longwrite.train.preflight.measure_tokens_per_word`.

    Raises:
        UsageError: The buffer isn't between 1 and the limit.
    """

    __name__ = "overlong"
    minimum = -1.0
    resolution = 0.1

    def __init__(self, limit: int, buffer: int, tokens_per_word: float) -> None:
        """Set the penalty up."""
        if not 0 < buffer <= limit:
            raise UsageError(
                f"Can't spread the penalty over {buffer:,} tokens",
                f"a completion has at most {limit:,}",
                f"Set overlong to a number from 1 to {limit:,}, or to 0 for none.",
            )
        self.limit, self.buffer, self.tokens_per_word = limit, buffer, tokens_per_word

    def __call__(self, *, completion_ids: Sequence[Sequence[int]], **columns: Any) -> list[float]:
        """Return the penalty of each completion."""
        return [
            self._penalise(len(ids), _find_words(columns, place))
            for place, ids in enumerate(completion_ids)
        ]

    def _penalise(self, tokens: int, words: float) -> float:
        start = max(self.limit - self.buffer, BAND * words * self.tokens_per_word)
        if tokens <= start:
            return 0.0
        if tokens > self.limit or start >= self.limit:
            return -1.0
        return (start - tokens) / (self.limit - start)


def _find_words(columns: dict[str, Any], place: int) -> float:
    """Return the words that a row asks for, 0 where no column says."""
    for name in ("words", "length"):
        column = columns.get(name)
        if isinstance(column, Sequence) and not isinstance(column, str) and column[place]:
            return float(column[place])
    return 0.0
