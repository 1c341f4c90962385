"""Groups that teach nothing are drawn again (DAPO's dynamic sampling, arXiv:2503.14476).

Where all completions of a prompt are paid the same, all advantages are 0 and the group's tokens are
spent for nothing. Such groups are generated anew. Every process takes part in every round with the
same number of rows, for under sharded weights `generate` is a call that all have to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Rollouts(NamedTuple):
    """What TRL's ``_generate`` returns: for each row of a process, what was drawn.

    Attributes:
        prompt_ids: Tokens of the prompts.
        completion_ids: Tokens of the completions.
        tool_mask: 1 for a token of the policy and 0 for any other; None where all are its own.
        completions: As texts or messages.
        logprobs: Of the sampler, where it tells.
        extra_fields: What a rollout function adds, for rewards.
        images: None without pictures.
        tool_images: Empty without tools.
    """

    prompt_ids: list[Any]
    completion_ids: list[Any]
    tool_mask: list[Any] | None
    completions: list[Any]
    logprobs: list[Any] | None
    extra_fields: dict[str, Any]
    images: list[Any] | None
    tool_images: list[Any]


@dataclass(frozen=True, slots=True)
class Round:
    """Which rows are drawn again, told so that all processes know all of it.

    Attributes:
        rows: For each process, which of its own rows.
        width: Rows that every process draws; those beyond its own are thrown away.
    """

    rows: tuple[tuple[int, ...], ...]
    width: int


def find_silent(rewards: Tensor, weights: Tensor, size: int, *, summed: bool = False) -> Tensor:
    """Return which groups have no signal: no component tells two of their completions apart.

    Args:
        rewards: Of all processes, of shape (completions, components), NaN where one doesn't apply.
        weights: Of shape (components,); one of weight 0 gives no signal.
        size: Completions in a group.
        summed: Whether the components are added before they are normalised, so that only their sum
            counts.

    Returns:
        Shape (groups,), boolean.
    """
    weighed = rewards * weights.to(rewards)
    if summed:
        weighed = weighed.nansum(1, keepdim=True)
    groups = weighed.view(-1, size, weighed.shape[1])
    high = groups.nan_to_num(nan=-torch.inf).amax(1)
    low = groups.nan_to_num(nan=torch.inf).amin(1)
    return ~(high > low).any(1)


def plan_round(silent: Tensor, size: int, processes: int) -> Round:
    """Return who draws which rows again.

    >>> plan_round(torch.tensor([False, True, False, False]), 2, processes=2)
    Round(rows=((2, 3), ()), width=2)
    """
    flags = silent.repeat_interleave(size).view(processes, -1).tolist()
    rows = tuple(tuple(n for n, again in enumerate(own) if again) for own in flags)
    return Round(rows, max(map(len, rows)))


def fill(rows: Sequence[int], width: int) -> list[int]:
    """Return the rows that a process draws: its own, and then the first again and again.

    >>> fill((2, 3), 4), fill((), 2)
    ([2, 3, 2, 2], [0, 0])
    """
    return [*rows, *[rows[0] if rows else 0] * (width - len(rows))]


def splice(old: Rollouts, fresh: Rollouts, rows: Sequence[int]) -> Rollouts:
    """Return the rollouts of a process with some rows replaced by the first of others."""

    def put(before: list[Any], after: Sequence[Any]) -> list[Any]:
        mixed = list(before)
        for place, row in enumerate(rows):
            mixed[row] = after[place]
        return mixed

    def put_optional(before: list[Any] | None, after: list[Any] | None) -> list[Any] | None:
        return before if before is None or after is None else put(before, after)

    return Rollouts(
        put(old.prompt_ids, fresh.prompt_ids),
        put(old.completion_ids, fresh.completion_ids),
        put_optional(old.tool_mask, fresh.tool_mask),
        put(old.completions, fresh.completions),
        put_optional(old.logprobs, fresh.logprobs),
        splice_columns(old.extra_fields, fresh.extra_fields, rows),
        old.images,
        old.tool_images,
    )


def splice_columns(
    old: Mapping[str, Any], fresh: Mapping[str, Any], rows: Sequence[int]
) -> dict[str, Any]:
    """Return columns with some rows replaced; what is no column is the same for all rows."""
    mixed = dict(old)
    for name, column in old.items():
        new = fresh.get(name)
        if isinstance(column, list) and isinstance(new, list):
            mixed[name] = list(column)
            for row, value in zip(rows, new, strict=False):
                if row < len(column):
                    mixed[name][row] = value
    return mixed


def splice_rewards(old: Tensor, fresh: Tensor, plan: Round) -> Tensor:
    """Return the rewards of all processes with those of the new rows in place.

    Args:
        old: Of shape (processes x rows, components).
        fresh: Of shape (processes x width, components), as gathered.
        plan: Whose rows they are.
    """
    mixed = old.clone()
    own = old.shape[0] // len(plan.rows)
    for process, rows in enumerate(plan.rows):
        for place, row in enumerate(rows):
            mixed[process * own + row] = fresh[process * plan.width + place]
    return mixed
