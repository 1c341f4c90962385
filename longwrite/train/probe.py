"""A few steps on rows of one length, in a process of its own, to see what they take.

    python -m longwrite.train.probe METHOD CONFIG LENGTH ARGUMENTS…

prints one JSON line. A process of its own, because what was once taken from the system is seldom
given back, and then the peak would be that of something else.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset

from longwrite.train.preparation import Prepared, prepare
from longwrite.train.rows import IGNORED, Encoded
from longwrite.train.settings import METHODS, Method, read_order
from longwrite.train.trainers import make_trainer

_STEPS = 3
_STILL = (
    "--save_strategy=no", "--report_to=none", "--eval_strategy=no", "--disable_tqdm=true",
    "--logging_strategy=no", "--push_to_hub=false",
)  # fmt: skip


def measure(method: Method, config: str, length: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Return ``seconds`` of a step, ``bytes`` of memory, and those of the accelerator.

    Args:
        method: Which trainer.
        config: YAML file; empty for none.
        length: Tokens of each row; of ``grpo`` of each completion.
        arguments: Of the command line.
    """
    import torch

    with tempfile.TemporaryDirectory() as folder:
        still = [*arguments, *_STILL, "--output_dir", folder, "--max_steps", str(_STEPS)]
        order = read_order(method, Path(config) if config else None, still)
        order.options.eval_data = None
        prepared = prepare(order)
        trainer = make_trainer(replace(prepared, encoded=_stretch(prepared, length)))
        clock = _Clock()
        trainer.add_callback(clock.callback())
        trainer.train()
    used = torch.accelerator.is_available()
    return {
        "seconds": min(clock.steps[1:]),
        "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "device_bytes": torch.cuda.max_memory_allocated() if used else 0,
    }


def _stretch(prepared: Prepared, length: int) -> Encoded:
    """Return rows of one length, made of the tokens of the set."""
    order, encoded = prepared.order, prepared.encoded
    training = order.training
    rows = training.per_device_train_batch_size * training.gradient_accumulation_steps
    rows *= _STEPS * max(1, training.world_size)
    if order.method == "grpo":
        training.max_completion_length = length
        least = "min_tokens" if order.options.rollout_server else "min_new_tokens"
        training.generation_kwargs = {least: length}
        if order.options.segment_tokens:
            order.options.segment_tokens = length  # Whole completions: the memory is the same.
        longest = max(range(len(encoded.lengths)), key=lambda place: encoded.lengths[place])
        return replace(encoded, rows=encoded.rows.select([longest] * rows))
    if order.method == "sft":
        ids = _repeat(encoded.rows[0]["input_ids"], length)
        row: dict[str, Any] = {"input_ids": ids, "labels": [IGNORED, *ids[1:]]}
        training.packing = False
    else:
        first = encoded.rows[0]
        prompt = first["prompt_ids"][: length // 2]
        answers = {
            name: _repeat(first[name], length - len(prompt))
            for name in ("chosen_ids", "rejected_ids")
        }
        row = {"prompt_ids": prompt, **answers}
    return replace(encoded, rows=Dataset.from_list([row] * rows))


def _repeat(ids: list[int], length: int) -> list[int]:
    return (ids * (length // len(ids) + 1))[:length]


class _Clock:
    """How long each step took."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._begun = 0.0

    def callback(self) -> Any:
        from transformers import TrainerCallback

        clock = self

        class Callback(TrainerCallback):
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                clock._begun = time.monotonic()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                clock.steps.append(time.monotonic() - clock._begun)

        return Callback()


if __name__ == "__main__":
    chosen = next(one for one in METHODS if one == sys.argv[1])
    found = measure(chosen, sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    sys.stdout.write(f"\n{json.dumps(found)}\n")
