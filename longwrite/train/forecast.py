"""What a run will take, before it is begun: lengths, steps, time and memory.

Nothing is known of a model's memory from its size alone: attention, checkpointing, LoRA and the
fused head all change it. So a few steps are made, at half the longest row and at the longest: the
memory is that of the second, and the time is fitted to both.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from longwrite.errors import UsageError
from longwrite.train.preparation import Prepared

_LEAST = 64


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        rows: That are trained on.
        dropped: That are not.
        lengths: Tokens of the shortest, median, 90 % and longest row.
        limit: Most tokens of a row or completion.
        steps: Of the optimizer.
        seconds: For all of them.
        bytes: Of memory at the longest row; of the accelerator where there is one.
    """

    rows: int
    dropped: int
    lengths: tuple[int, int, int, int]
    limit: int
    steps: int
    seconds: float
    bytes: int


def forecast(prepared: Prepared) -> Forecast:
    """Make a few steps, and say what the whole run will take.

    Raises:
        UsageError: They can't be made.
    """
    order, encoded = prepared.order, prepared.encoded
    lengths = sorted(encoded.lengths)
    training = order.training
    if order.method == "grpo":
        longest = limit = int(training.max_completion_length)
    else:
        packed = order.method == "sft" and training.packing
        limit = longest = int(training.max_length) if packed else encoded.longest
    longest = max(_LEAST, longest)
    probes = (longest // 2, longest)
    found = [_probe(prepared, length) for length in probes]
    pace = _fit(probes, [one["seconds"] for one in found])
    typical = [limit] if order.method == "grpo" or limit > lengths[-1] else lengths
    each = sum(pace[0] * one + pace[1] * one * one for one in typical) / len(typical)
    steps = count_steps(prepared)
    return Forecast(
        len(lengths),
        sum(encoded.dropped.values()),
        (lengths[0], lengths[len(lengths) // 2], lengths[len(lengths) * 9 // 10], lengths[-1]),
        limit,
        steps,
        steps * each,
        found[1]["device_bytes"] or found[1]["bytes"],
    )


def count_steps(prepared: Prepared) -> int:
    """Return the optimizer's steps of a whole run."""
    order, encoded = prepared.order, prepared.encoded
    training = order.training
    if training.max_steps > 0:
        return int(training.max_steps)
    rows = len(encoded.lengths)
    if order.method == "sft" and training.packing:
        rows = math.ceil(sum(encoded.lengths) / training.max_length)
    if order.method == "grpo":
        rows *= training.num_generations * training.num_iterations
    batch = training.per_device_train_batch_size * training.world_size
    per_epoch: int = math.ceil(math.ceil(rows / batch) / training.gradient_accumulation_steps)
    epochs: float = training.num_train_epochs
    return math.ceil(per_epoch * epochs)


def _fit(lengths: Sequence[int], seconds: Sequence[float]) -> tuple[float, float]:
    """Return a and b of seconds = a·length + b·length², through two points, neither below 0."""
    (x, y), (s, t) = lengths, seconds
    b = max(0.0, (t / y - s / x) / (y - x))
    return max(0.0, t / y - b * y), b


def _probe(prepared: Prepared, length: int) -> dict[str, Any]:
    order = prepared.order
    config = str(order.config) if order.config else ""
    command = [sys.executable, "-W", "ignore", "-m", "longwrite.train.probe", order.method, config]
    done = subprocess.run(
        [*command, str(length), *order.arguments], capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines()
    try:
        return dict(json.loads(lines[-1]))
    except (ValueError, IndexError):
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:300]
        # What isn't enough is told by torch, or not at all by a process that the system ended.
        mend = "See whether the memory is enough." if _is_for_memory(done.returncode, said) else ""
        raise UsageError(f"A trial step at {length:,} tokens failed", said, mend) from None


def _is_for_memory(status: int, said: str) -> bool:
    return status < 0 or "memory" in said.lower()
