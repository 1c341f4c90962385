"""GRPO in segments in two processes, started with ``accelerate launch`` by the test beside this.

two_segment_processes.py MODEL FOLDER

The first process's completions end after a token, so that it is always the first to have its batch,
and has to keep the second company until that has one too.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from longwrite.train.stopping import leave_group


def main(model: str, folder: str) -> None:
    """Train four steps, then the last two of them again, and write what each process did.

    And two steps without segments, and with one, of all that the model decodes.
    """
    whole, again = make(model, folder), make(model, f"{folder}/again")
    rank = whole.accelerator.process_index
    told = [run(whole, None), run(again, f"{folder}/out/checkpoint-2")]
    told[0]["same"] = are_equal(whole, again)
    ends = []
    for segment in (0, 40):
        ends.append(make(model, f"{folder}/plain", segment, max_steps=2))
        ends[-1].train()
    told[0]["plain"] = are_equal(*ends) and not are_equal(ends[0], whole)
    Path(folder, f"rank{rank}.json").write_text(json.dumps(told))


def are_equal(some: Any, other: Any) -> bool:
    """Tell whether two trainers' models are the same to the bit."""
    return all(map(torch.equal, some.model.parameters(), other.model.parameters()))


def make(model: str, folder: str, segment: int = 10, **changed: Any) -> Any:
    """Return a trainer: two groups of four completions for each process and step."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    rows = datasets.Dataset.from_list([
        {"prompt": [{"role": "user", "content": f"Write {n} words."}], "words": n}
        for n in (10, 20, 30, 40, 50, 60)
    ])  # fmt: skip
    config = {
        "output_dir": f"{folder}/out", "max_steps": 4, "per_device_train_batch_size": 8,
        "num_generations": 4, "max_completion_length": 40, "logging_steps": 1, "use_cpu": True,
        "bf16": False, "report_to": "none", "save_strategy": "steps", "save_steps": 2,
        "disable_tqdm": True, "learning_rate": 1e-3,
    }  # fmt: skip
    args = trl.GRPOConfig(**config | changed)

    def paid(completion_ids: list[Any], **batch: Any) -> list[float]:
        return [sum(ids) % 11 / 10 for ids in completion_ids]

    ours: dict[str, Any] = {"train_dataset": rows, "eos_gate": False, "alarms": "off"}
    if not segment:
        return import_module("longwrite.train.grpo").LongGRPOTrainer(model, [paid], args, **ours)
    kind = import_module("longwrite.train.segment_trainer").SegmentGRPOTrainer
    return kind(model, [paid], args, segment_tokens=segment, **ours)


def run(trainer: Any, checkpoint: str | None) -> dict[str, Any]:
    """Train and return which calls this process made and how they ended."""
    generated: list[int] = []
    scored: list[int] = []
    decode, score = trainer._decode, trainer._score

    def count(running: Any, room: int) -> Any:
        generated.append(len(running))
        drawn = decode(running, room)
        end = trainer.eos_token_ids[0]
        return [[end]] * len(drawn) if trainer.accelerator.process_index == 0 else drawn

    def count_scored(ids: Any, *given: Any) -> Any:
        scored.append(len(ids))
        return score(ids, *given)

    trainer._decode, trainer._score = count, count_scored
    trainer.train(resume_from_checkpoint=checkpoint)
    logs = [log for log in trainer.state.log_history if "loss" in log]
    names = ("loss", "segments/calls", "segments/going_on", "segments/older_tokens")
    return {
        "generated": generated,
        "scored": len(scored),
        "log": [{name: log[name] for name in names} for log in logs],
    }


if __name__ == "__main__":
    main(*sys.argv[1:3])
    leave_group()
