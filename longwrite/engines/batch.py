"""Writes several answers at once with one model, each as if it were alone.

The library's own `generate` has one temperature, one cap and one random stream for a whole batch,
so that an answer would change with its companions. Here each row has its own: what it draws
depends on its own logits, sampling and seed, and companions reach it only through the last bits of
floating point. Rows leave when they are done, so a long one isn't slowed down by finished ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longwrite.engines.countdown import NOTHING
from longwrite.types import Finish, Sampling

if TYPE_CHECKING:
    import torch

_CHUNK = 1024
_HEAD = 1024
_COLDEST = 1e-5


@dataclass(slots=True, eq=False)
class Row:
    """One answer in the making.

    Attributes:
        sampling: How it is drawn.
        prompt: Token ids of the conversation.
        target: Tokens that the model is told to write; only for one that listens to a count-down.
        tokens: Token ids written so far, without the one that ended it.
        finish: Why it ended; None while it is written.
        gone: Set from outside when nobody waits for it any more.
    """

    sampling: Sampling
    prompt: list[int] = field(default_factory=list)
    target: int | None = None
    tokens: list[int] = field(default_factory=list)
    finish: Finish | None = None
    gone: bool = False


def decode(model: Any, rows: Sequence[Row], ends: frozenset[int]) -> Iterator[Row]:
    """Yield each row whenever it has grown by a token or has ended.

    Args:
        model: A causal language model of transformers.
        rows: Rows with prompts of at least one token.
        ends: Token ids that end an answer.

    Raises:
        ArithmeticError: The model computes NaN.
    """
    import torch

    if not rows:
        return
    writing = [(row, _generator(row.sampling.seed)) for row in rows]
    # Padded on the left, so that all rows go on at the same column.
    width = max(len(row.prompt) for row in rows)
    padding = [width - len(row.prompt) for row in rows]
    prompts = [[0] * pad + row.prompt for pad, row in zip(padding, rows, strict=True)]
    ids = torch.tensor(prompts, device=model.device)
    mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in padding], device=model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    output: Any = None
    cache: Any = None
    # In pieces: the attention mask of a whole long prompt takes gigabytes.
    for start in range(0, width, _CHUNK):
        if all(row.gone for row in rows):
            return
        end = min(start + _CHUNK, width)
        output = model(
            input_ids=ids[:, start:end],
            attention_mask=mask[:, :end],
            position_ids=positions[:, start:end],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
    while True:
        drawn = [
            draw(logits, row.sampling, generator)
            for logits, (row, generator) in zip(output.logits[:, -1], writing, strict=True)
        ]
        for token, (row, _) in zip(drawn, writing, strict=True):
            if token in ends:
                row.finish = "stop"
            else:
                row.tokens.append(token)
                if len(row.tokens) >= row.sampling.max_tokens:
                    row.finish = "length"
            yield row
        kept = [place for place, (row, _) in enumerate(writing) if not (row.finish or row.gone)]
        if not kept:
            return
        if len(kept) < len(writing):
            writing = [writing[place] for place in kept]
            drawn = [drawn[place] for place in kept]
            places = torch.tensor(kept, device=model.device)
            cache.batch_select_indices(places)
            mask = mask[places]
        mask = torch.cat([mask, mask.new_ones(len(kept), 1)], dim=-1)
        output = model(
            input_ids=torch.tensor(drawn, device=model.device)[:, None],
            attention_mask=mask,
            position_ids=mask.sum(-1, keepdim=True) - 1,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **_count_down([row for row, _ in writing], model.device),
        )


def draw(logits: torch.Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """Draw one token from the nucleus (Holtzman et al. 2020, arXiv:1904.09751).

    The nucleus is the smallest set of the likeliest tokens whose probability reaches `top_p`.

    Args:
        logits: Of one position, shape (vocabulary,).
        sampling: Temperature, 0 being greedy, and nucleus mass.
        generator: The row's own, on the CPU.

    Raises:
        ArithmeticError: The logits aren't numbers.
    """
    import torch

    if bool(torch.isnan(logits).any()):
        raise ArithmeticError("the model computes NaN: try another dtype, such as float32")
    if sampling.temperature < _COLDEST:
        return int(logits.argmax())
    probabilities = torch.softmax(logits.double() / sampling.temperature, dim=-1)
    likeliest, ids = probabilities.topk(min(_HEAD, len(probabilities)))
    if float(likeliest.sum()) < sampling.top_p:
        likeliest, ids = probabilities.sort(descending=True, stable=True)
    reached = likeliest.cumsum(-1)
    size = int((reached - likeliest < sampling.top_p).sum().clamp(min=1))
    point = float(torch.rand((), generator=generator, dtype=torch.double)) * reached[size - 1]
    return int(ids[int((reached[:size] <= point).sum().clamp(max=size - 1))])


def _count_down(rows: Sequence[Row], device: Any) -> dict[str, torch.Tensor]:
    """Return how many tokens remain at the last one of each row, shape (rows, 1), if any counts."""
    import torch

    if all(row.target is None for row in rows):
        return {}
    counts = [
        NOTHING if row.target is None else max(0, row.target - len(row.tokens) + 1) for row in rows
    ]
    return {"remaining": torch.tensor(counts, device=device)[:, None]}


def _generator(seed: int) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(seed % 2**64)
