"""Advantages by token: a document's own, and for a section's tokens what that section adds to it.

A document of ten sections of which one is bad is paid a little less than the others, and all of its
tokens are told so alike. A section's own reward says which tokens it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PaidSection:
    """A section of a completion.

    Attributes:
        start: Its first token in the completion.
        end: The first after it.
        reward: What it is paid; None where nothing can be said of it.
        ended: Whether it ended by itself.
    """

    start: int
    end: int
    reward: float | None
    ended: bool = True


def tally_sections(rows: Sequence[Sequence[PaidSection]]) -> Tensor:
    """Return what is needed of each completion's sections to average them over a group.

    Returns:
        Shape (rows, 4): what they are paid in all, how many are paid, how many there are, how many
        of them ended by themselves.
    """
    tallies = []
    for row in rows:
        paid = [one.reward for one in row if one.reward is not None]
        tallies.append((sum(paid), len(paid), len(row), sum(one.ended for one in row)))
    return torch.tensor(tallies, dtype=torch.float32)


def average_groups(tallies: Tensor, size: int) -> Tensor:
    """Return the mean reward of all sections of a completion's group, for each completion.

    Args:
        tallies: Of all processes, of shape (completions, 4); see `tally_sections`.
        size: Completions of a group.

    Returns:
        Shape (completions,); 0 for a group in which no section is paid.
    """
    totals = tallies[:, :2].view(-1, size, 2).sum(1)
    return (totals[:, 0] / totals[:, 1].clamp(min=1)).repeat_interleave(size)


def spread_advantages(
    advantages: Tensor,
    rows: Sequence[Sequence[PaidSection]],
    means: Tensor,
    weight: float,
    width: int,
) -> Tensor:
    """Return the advantage of each token.

    With the document's advantage A, section s paid r(s), and m the mean of all sections of all
    documents of the group:

        A(token) = A + weight (r(s) - m)    for a token of section s
                   A                        for any other token, such as of the plan

    A is in standard deviations of the group, as the trainer made it; r(s) - m stays in the rewards'
    own unit, between -1 and 1, so that it fades where the sections of a group are all alike.

    Args:
        advantages: Of the documents, of shape (rows,).
        rows: The sections of each.
        means: See `average_groups`, for these rows; of shape (rows,).
        weight: Of the sections.
        width: Tokens of the longest completion.

    Returns:
        Shape (rows, width).
    """
    spread = advantages[:, None].repeat(1, width)
    for place, row in enumerate(rows):
        for one in row:
            if one.reward is not None:
                spread[place, one.start : one.end] += weight * (one.reward - means[place])
    return spread
