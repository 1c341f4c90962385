"""The training loop: plain torch, bfloat16 where the machine has it, one stage after another."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longwrite.nano.corpus import Conversation
from longwrite.nano.model import Nano

IGNORED = -100

Batch = tuple[Tensor, Tensor]
"""Ids and targets, both (rows, tokens)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of training at one length.

    Attributes:
        name: For the log.
        source: What it learns from.
        tokens: Of a row.
        rows: Of a step.
        steps: How many.
        first: Learning rate at its beginning, after the warm-up.
        last: Learning rate at its end; between them it falls in a straight line.
        warmup: Steps from nothing to `first`.
    """

    name: str
    source: Literal["pages", "conversations"]
    tokens: int
    rows: int
    steps: int
    first: float
    last: float
    warmup: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the training curve."""

    stage: str
    step: int
    loss: float
    seconds: float


def stream_batches(ids: NDArray[np.uint16], stage: Stage, seed: int, end: int) -> Iterator[Batch]:
    """Yield batches of rows cut out of a row of ids, every other one where a page begins.

    Pages begin with what a reader asked for, and to find the subject there takes practice.

    Args:
        ids: Pages, one after the other.
        stage: Sizes.
        seed: Of the places.
        end: The id that ends a page.
    """
    rng = np.random.default_rng([seed, stage.tokens])
    last = len(ids) - stage.tokens - 1
    pages = np.concatenate(([0], np.flatnonzero(ids == end) + 1))
    pages = pages[pages <= last]
    while True:
        starts = rng.integers(0, last, stage.rows)
        starts[::2] = rng.choice(pages, len(starts[::2]))
        rows = np.stack([ids[start : start + stage.tokens + 1] for start in starts])
        block = torch.from_numpy(rows.astype(np.int64))
        yield block[:, :-1], block[:, 1:]


def pack_batches(conversations: Sequence[Conversation], stage: Stage, seed: int) -> Iterator[Batch]:
    """Yield batches of rows that hold whole conversations; one that is too long is left out."""
    rows = pack_rows(conversations, stage.tokens + 1, seed)
    rng = random.Random(seed)
    while True:
        rng.shuffle(rows)
        for start in range(0, len(rows) - stage.rows + 1, stage.rows):
            chosen = rows[start : start + stage.rows]
            ids = np.zeros((stage.rows, stage.tokens + 1), np.int64)
            learned = np.zeros((stage.rows, stage.tokens + 1), np.bool_)
            for line, row in enumerate(chosen):
                offset = 0
                for own, mask in row:
                    ids[line, offset : offset + len(own)] = own
                    learned[line, offset : offset + len(own)] = mask
                    offset += len(own)
            targets = np.where(learned[:, 1:], ids[:, 1:], IGNORED)
            yield torch.from_numpy(ids[:, :-1]), torch.from_numpy(targets)


def pack_rows(
    conversations: Sequence[Conversation], size: int, seed: int
) -> list[list[Conversation]]:
    """Return rows of at most so many tokens, each of whole conversations, the first fit of each."""
    fitting = [one for one in conversations if len(one[0]) <= size]
    random.Random(seed).shuffle(fitting)
    rows: list[list[Conversation]] = []
    rooms: list[int] = []
    for one in fitting:
        need = len(one[0])
        # Only the newest rows are looked at: older ones are nearly full.
        start = max(0, len(rows) - 32)
        place = next((n for n in range(start, len(rows)) if rooms[n] >= need), None)
        if place is None:
            rows.append([one])
            rooms.append(size - need)
        else:
            rows[place].append(one)
            rooms[place] -= need
    return rows


class Trainer:
    """Trains a model through stages.

    Args:
        model: Trained in place.
        device: Where.
        compiled: Whether to compile it; asks for a C++ compiler on a CPU.
        tell: Told of progress, one sentence each.
    """

    def __init__(
        self,
        model: Nano,
        device: str = "cpu",
        *,
        compiled: bool = True,
        tell: Callable[[str], None] = print,
    ) -> None:
        """Make the optimisers: Muon for matrices inside, AdamW for the rest."""
        self.model, self.device, self.tell = model.to(device), device, tell
        matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embedding" not in n]
        others = [p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n]
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=1e-3, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
        ]
        able = device != "cpu" or shutil.which("g++") is not None
        self.forward = torch.compile(model) if compiled and able else model

    def run(self, stage: Stage, batches: Iterator[Batch]) -> list[Point]:
        """Train one stage and return its curve, a point for each fiftieth of it."""
        curve: list[Point] = []
        losses: list[float] = []
        every = max(1, stage.steps // 50)
        begun = time.monotonic()
        self.model.train()
        for step in range(1, stage.steps + 1):
            rate = _rate(stage, step)
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate
            losses.append(self._step(*next(batches)))
            if step % every == 0 or step == stage.steps:
                seconds = time.monotonic() - begun
                mean = sum(losses) / len(losses)
                curve.append(Point(stage.name, step, round(mean, 4), round(seconds, 1)))
                speed = step * stage.rows * stage.tokens / seconds
                left = seconds / step * (stage.steps - step)
                self.tell(
                    f"{stage.name}: step {step} of {stage.steps}, loss {mean:.3f}, "
                    f"{speed:,.0f} tokens/s, {left / 60:.1f} minutes left"
                )
                losses.clear()
        return curve

    def _step(self, ids: Tensor, targets: Tensor) -> float:
        ids, targets = ids.to(self.device), targets.to(self.device)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=has_bfloat16()):
            loss = self.forward(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        value = float(loss.item())
        if not math.isfinite(value):
            raise FloatingPointError(f"The loss is {value}")
        return value

    def measure(self, batches: Iterator[Batch], count: int) -> float:
        """Return the perplexity over so many batches of held-out text."""
        self.model.eval()
        with torch.no_grad():
            pairs = (next(batches) for _ in range(count))
            losses = [float(self.model(a.to(self.device), b.to(self.device))) for a, b in pairs]
        return math.exp(sum(losses) / count)


def _rate(stage: Stage, step: int) -> float:
    if step <= stage.warmup:
        return stage.first * step / stage.warmup
    done = (step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.first + (stage.last - stage.first) * done


def has_bfloat16() -> bool:
    """Tell whether the machine multiplies bfloat16 itself."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
