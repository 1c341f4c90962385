"""GRPO with resampling in two processes, started by `test_grpo.py` with ``accelerate launch``.

two_processes.py MODEL FOLDER

The first process's groups have a signal and the second's have none in the first draw, so that only
the second has rows to draw again, and the first has to keep it company.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.rewards.trl import RewardError
from longwrite.train.stopping import leave_group


def main(model: str, folder: str) -> None:
    """Train three steps and write what each process did."""
    datasets: Any = import_module("datasets")
    trl: Any = import_module("trl")
    grpo: Any = import_module("longwrite.train.grpo")
    rows = datasets.Dataset.from_list([
        {"prompt": [{"role": "user", "content": f"Write {n} words."}], "words": n}
        for n in (10, 20, 30, 40)
    ])  # fmt: skip
    args = trl.GRPOConfig(
        output_dir=f"{folder}/out", max_steps=3, per_device_train_batch_size=4, num_generations=4,
        max_completion_length=16, multi_objective_aggregation="normalize_then_sum",
        logging_steps=1, use_cpu=True, bf16=False, report_to="none", save_strategy="no",
        disable_tqdm=True,
    )  # fmt: skip

    def paid(completions: list[Any], **batch: Any) -> list[float]:
        second = trainer.accelerator.process_index == 1
        if second and broken:
            raise ValueError("it broke here alone")
        silent = second and trainer.resampling_round == 0
        return [0.5 if silent else place / 10 for place in range(len(completions))]

    broken: list[bool] = []
    trainer = grpo.LongGRPOTrainer(
        model, [paid], args, train_dataset=rows, eos_gate=False, resample_rounds=2
    )
    generated: list[int] = []
    draw = trainer._generate_single_turn

    def count(prompt_ids: list[Any], *given: Any, **rest: Any) -> Any:
        generated.append(len(prompt_ids))
        return draw(prompt_ids, *given, **rest)

    trainer._generate_single_turn = count
    trainer.train()
    names = ("groups/zero_signal", "groups/zero_signal_after", "resampling/tokens", "loss")
    told = [
        {name: log[name] for name in names} for log in trainer.state.log_history if "loss" in log
    ]
    broken.append(True)
    stopped = ""
    try:
        trainer.train()
    except RewardError as error:
        stopped = str(error)
    rank = trainer.accelerator.process_index
    path = Path(folder) / f"rank{rank}.json"
    path.write_text(json.dumps({"generated": generated, "log": told, "stopped": stopped}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
    leave_group()
