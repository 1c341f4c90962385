"""Plan-then-write GRPO in two processes, started by `test_thread_rollouts.py`.

two_processes_threads.py MODEL FOLDER

The model generates for real, and what it drew is then replaced, so that the first process's
documents have three sections and the second's two, or in its second step no plan at all. The
documents of a step are paid alike in the first draw, and drawn again.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward
from longwrite.train.stopping import leave_group

PLAN = "1. Hulls | How they are built | 20\n2. Sails | What moves them | 30"


def main(model: str, folder: str) -> None:
    """Train two steps and write what each process did."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    threads: Any = import_module("longwrite.train.thread_rollouts")
    rows = datasets.Dataset.from_list([
        {"prompt": [{"role": "user", "content": f"Write {n} words."}]} for n in (60, 70, 80, 90)
    ])  # fmt: skip
    args = trl.GRPOConfig(
        output_dir=f"{folder}/out", max_steps=2, per_device_train_batch_size=2, num_generations=2,
        max_completion_length=16, multi_objective_aggregation="normalize_then_sum",
        logging_steps=1, use_cpu=True, bf16=False, report_to="none", save_strategy="no",
        disable_tqdm=True, learning_rate=1e-3,
    )  # fmt: skip
    trainer = threads.ThreadGRPOTrainer(
        model, Composition((Component(LengthReward()),), name="length"), args, train_dataset=rows,
        resample_rounds=1,
    )  # fmt: skip
    rank = trainer.accelerator.process_index
    rounds: list[tuple[int, int]] = []
    draw = trainer._generate_single_turn
    tokenizer = trainer._tokenizer

    def say(ids: list[int]) -> str:
        if "Now write" in tokenizer.decode(ids):
            return "wood " * (len(rounds) if trainer.resampling_round else 9)
        if rank == 0:
            return f"{PLAN}\n3. Ropes | What holds them | 20"
        return PLAN if trainer.state.global_step == 0 else "I don't plan."

    def count(prompt_ids: list[list[int]], *given: Any, **rest: Any) -> Any:
        most = trainer.generation_config.max_new_tokens
        rounds.append((len(prompt_ids), most))
        draw(prompt_ids, *given, **rest)
        replies = [[*tokenizer(say(ids))["input_ids"], 1] for ids in prompt_ids]
        return [reply[:most] for reply in replies], None

    trainer._generate_single_turn = count
    trainer.train()
    names = ("groups/zero_signal", "groups/zero_signal_after", "threads/unread", "loss",
             "threads/sections", "threads/section_reward")  # fmt: skip
    told = [
        {name: log[name] for name in names} for log in trainer.state.log_history if "loss" in log
    ]
    weights = [float(one.sum()) for one in trainer.model.parameters()]
    path = Path(folder) / f"rank{rank}.json"
    path.write_text(json.dumps({"rounds": rounds, "log": told, "weights": weights}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
    leave_group()
