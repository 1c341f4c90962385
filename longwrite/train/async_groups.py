"""A prompt's documents as TRL's asynchronous trainer takes them: rows, each with one advantage.

That trainer knows one advantage a row. A document whose sections are paid for themselves becomes
several rows of the same tokens: each trains one section with its own advantage, the first all that
is no section, such as the plan. Its loss is a mean over all trained tokens, so a document in five
rows weighs what it weighs in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longwrite.train.advantages import PaidSection
from longwrite.train.rewarding import Paid
from longwrite.train.shaping import find_floors, gate_endings
from longwrite.train.thread_writer import Writing
from longwrite.train.transcript import Transcript, list_ids

_LEAST_SPREAD = 1e-4


def combine(rewards: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the advantages of a group (``normalize_then_sum``).

    Each component is brought to mean 0 and spread 1 over the completions that it applies to, and
    the weighted sum of those that apply is the advantage:

        A_i = sum over k of w_k (r_ik - mean_k) / (std_k + 1e-4)

    Args:
        rewards: Of shape (completions, components), NaN where a component doesn't apply.
        weights: Of the components.

    Returns:
        Shape (completions,); 0 for a completion to which nothing applies.
    """
    known = ~rewards.isnan()
    count = known.sum(0).clamp(min=1)
    values = rewards.nan_to_num(nan=0.0)
    mean = values.sum(0) / count
    apart = torch.where(known, values - mean, torch.zeros_like(values))
    spread = (apart.square().sum(0) / count).sqrt()
    return (apart / (spread + _LEAST_SPREAD)) @ torch.tensor(weights, dtype=rewards.dtype)


def settle_rewards(paid: Paid, sound: Sequence[bool], declared: Sequence[float | None]) -> Tensor:
    """Return what a group is paid, of shape (completions, components), gated.

    Args:
        paid: What the rewards said.
        sound: Whether each completion is whole and ended; else it gets the least there is.
        declared: The least of each component, None where nobody says.
    """
    columns = [[float("nan") if one is None else one for one in column] for column in paid.values]
    rewards = torch.tensor(columns, dtype=torch.float32).T
    return gate_endings(rewards, torch.tensor(list(sound)), find_floors(rewards, declared))


def list_rows(
    transcript: Transcript,
    sections: Sequence[PaidSection],
    advantage: float,
    mean: float,
    weight: float,
) -> list[dict[str, Any]]:
    """Return a document as rows of tokens, masks and one advantage.

    Args:
        transcript: The document.
        sections: What its sections are paid.
        advantage: Of the document.
        mean: Of what all sections of the group are paid.
        weight: Of a section's own reward in its tokens' advantage; 0 for one row.
    """
    start = len(transcript.prompt)
    ids = np.asarray(list_ids(transcript), dtype=np.int64)
    own = np.zeros(len(ids), dtype=np.int64)
    own[start:] = transcript.own
    told = np.zeros(len(ids), dtype=np.float32)
    told[start:] = transcript.logprobs
    rest = own.copy()
    rows = []
    for one in sections if weight else ():
        if one.reward is None:
            continue
        mask = np.zeros_like(own)
        place = slice(start + one.start, start + one.end)
        mask[place] = own[place]
        rest[place] = 0
        rows.append((mask, advantage + weight * (one.reward - mean)))
    return [
        {"input_ids": ids, "completion_mask": mask, "old_log_probs": told, "advantage": value}
        for mask, value in [(rest, advantage), *rows]
        if mask.any()
    ]


def tell_metrics(
    names: Sequence[str], rewards: Tensor, weights: Sequence[float], place: int
) -> dict[str, float]:
    """Return what the trainer logs of a completion."""
    summed = (rewards.nan_to_num(nan=0.0) * torch.tensor(weights)).sum(1)
    told = {f"rewards/{name}": float(rewards[place, n]) for n, name in enumerate(names)}
    return {"reward": float(summed[place]), "reward_std": float(summed.std(correction=0)), **told}


def make_batch(row: Mapping[str, Any], writings: Sequence[Writing]) -> dict[str, Any]:
    """Return what the rewards of a group are called with."""
    count = len(writings)
    prompt = row["prompt"]
    plain = isinstance(prompt, str)
    columns = {name: [value] * count for name, value in row.items() if name != "prompt"}
    return {
        "prompts": [prompt] * count,
        "completions": [
            one.text if plain else [{"role": "assistant", "content": one.text}] for one in writings
        ],
        "completion_ids": [list(one.transcript.completion) for one in writings],
        **columns,
    }
